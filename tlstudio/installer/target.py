"""What to install: a name, a wheel, a source archive or a folder; nothing else is let through."""

import dataclasses
import email
import tomllib
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from tlstudio.api.errors import PluginError, UsageError

_ARCHIVES = (".tar.gz", ".zip")


@dataclasses.dataclass(frozen=True)
class Target:
    """``argument`` is what goes to the installer: a requirement, or an absolute path."""

    kind: Literal["name", "wheel", "archive", "folder"]
    argument: str
    name: str  # of the distribution
    requirements: tuple[str, ...] = ()  # where they can be known beforehand


def parse_target(text: str) -> Target:
    """Raises ``UsageError`` for what cannot be meant, ``PluginError`` for a file that is no package."""
    text = text.strip()
    if not text or text.startswith("-"):
        raise UsageError(f"'{text}' is no plugin: give a name, a wheel, a source archive or a folder.")
    if text.startswith("file:"):
        text = urllib.request.url2pathname(urllib.parse.urlparse(text).path)
    elif "://" in text or text.startswith(("git+", "hg+", "svn+", "bzr+")):
        raise UsageError(
            f"Plugins are not installed from an address ({text}). Download the wheel and give its file name."
        )
    path = Path(text).expanduser()
    if path.is_dir():
        return _folder(path.resolve())
    if path.is_file() or path.suffix == ".whl" or text.endswith(_ARCHIVES) or len(path.parts) > 1:
        return _file(path)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"'{text}' is neither a file or folder here nor the name of a package "
            f"(such as tlstudio-timm or tlstudio-timm==0.2)."
        ) from error
    if requirement.url or requirement.marker:
        raise UsageError(f"Give the plugin's name alone, or with a version such as {requirement.name}==0.2.")
    return Target("name", str(requirement), requirement.name)


def _folder(path: Path) -> Target:
    project = path / "pyproject.toml"
    if not project.is_file():
        raise PluginError(f"The folder {path} is no Python package: it has no pyproject.toml.")
    try:
        table = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise PluginError(f"{project} cannot be read: {error}.") from error
    name, requirements = table.get("name"), table.get("dependencies", [])
    if not isinstance(name, str) or not isinstance(requirements, list):
        raise PluginError(f"{project} names no package: a table [project] with a name is needed.")
    return Target("folder", str(path), name, tuple(map(str, requirements)))


def _file(path: Path) -> Target:
    if not path.is_file():
        raise PluginError(f"There is no file or folder {path}.")
    if path.name.endswith(_ARCHIVES):
        return Target("archive", str(path.resolve()), _name_of_archive(path))
    if path.suffix != ".whl":
        raise PluginError(f"{path} is no package: a wheel (.whl), a source archive (.tar.gz) or a folder is needed.")
    try:
        name, *_ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            inside = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            metadata = email.message_from_bytes(archive.read(inside))
    except InvalidWheelFilename as error:
        raise PluginError(
            f"{path.name} does not have the name of a wheel (name-version-py3-none-any.whl); "
            f"give it its original name back."
        ) from error
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        raise PluginError(f"The wheel {path} is damaged; download it again.") from error
    return Target("wheel", str(path.resolve()), str(name), tuple(metadata.get_all("Requires-Dist", ())))


def _name_of_archive(path: Path) -> str:
    try:
        return str(parse_sdist_filename(path.name)[0])
    except InvalidSdistFilename as error:
        raise PluginError(
            f"{path.name} does not have the name of a source archive (name-version.tar.gz); unpack it and "
            f"give the folder."
        ) from error
