"""What lies in the plugin folder and why: ``manifest.json`` inside it, swapped together with it."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from tlstudio.api.errors import PluginError

MANIFEST = "tlstudio-plugins.json"
SCHEMA_VERSION = 1


class InstalledPlugin(BaseModel):
    """One request of the user's. ``request`` is what they named; ``names`` are the plugin's entry points."""

    model_config = ConfigDict(frozen=True)

    distribution: str  # normalised
    version: str
    names: tuple[str, ...]
    contributions: tuple[str, ...] = ()
    request: str
    installed_at: float = Field(default_factory=lambda: round(time.time(), 3))  # seconds since the epoch


class InstalledDistribution(BaseModel):
    """One package in the folder. ``files`` are posix paths below the folder."""

    model_config = ConfigDict(frozen=True)

    name: str  # normalised
    version: str
    files: tuple[str, ...]


class Manifest(BaseModel):
    """Frozen: an installation writes a new one."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    plugins: tuple[InstalledPlugin, ...] = ()
    distributions: tuple[InstalledDistribution, ...] = ()

    @classmethod
    def load(cls, site: Path) -> "Manifest":
        """Raises ``PluginError`` where the file is there and cannot be read."""
        path = site / MANIFEST
        if not path.exists():
            return cls()
        try:
            manifest = cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PluginError(
                f"The list of installed plugins {path} is damaged: {error}. "
                f"Remove the folder {site} and install your plugins again."
            ) from error
        if manifest.schema_version > SCHEMA_VERSION:
            raise PluginError(f"The plugins in {site} were installed by a newer version of the application; update it.")
        return manifest

    def save(self, site: Path) -> None:
        """``site`` is a staging folder; it becomes visible as a whole."""
        (site / MANIFEST).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    def find(self, name: str) -> InstalledPlugin | None:
        """By the plugin's name or its distribution's; hyphen, underscore, dot and case do not matter."""
        wanted = normalise(name)
        for plugin in self.plugins:
            if wanted in {plugin.distribution, *map(normalise, plugin.names)}:
                return plugin
        return None

    def distribution(self, name: str) -> InstalledDistribution | None:
        return next((d for d in self.distributions if d.name == name), None)


def normalise(name: str) -> str:
    """As the package index compares names."""
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))
