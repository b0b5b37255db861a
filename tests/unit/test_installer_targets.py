import zipfile
from pathlib import Path

import pytest

from tlstudio.api.errors import PluginError, UsageError
from tlstudio.installer.target import parse_target


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("--index-url=http://somewhere", "is no plugin"),
        ("-r requirements.txt", "is no plugin"),
        ("", "is no plugin"),
        ("https://somewhere/x.whl", "not installed from an address"),
        ("git+ssh://host/repository", "not installed from an address"),
        ("x @ https://somewhere/x.whl", "not installed from an address"),
        ("two words", "neither a file or folder"),
        ("name; python_version > '3'", "name alone"),
    ],
)
def test_that_a_target_that_could_carry_options_or_addresses_is_refused(text: str, match: str):
    with pytest.raises(UsageError, match=match):
        parse_target(text)


def test_that_folders_and_files_that_are_no_package_are_refused_with_what_is_missing(tmp_path: Path):
    with pytest.raises(PluginError, match=r"has no pyproject\.toml"):
        parse_target(str(tmp_path))
    with pytest.raises(PluginError, match="There is no file or folder"):
        parse_target(str(tmp_path / "missing.whl"))
    (tmp_path / "pyproject.toml").write_text("[tool.x]\n")
    with pytest.raises(PluginError, match="names no package"):
        parse_target(str(tmp_path))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(PluginError, match="is no package"):
        parse_target(str(tmp_path / "notes.txt"))
    (tmp_path / "renamed.whl").write_text("hello")
    with pytest.raises(PluginError, match="does not have the name of a wheel"):
        parse_target(str(tmp_path / "renamed.whl"))


def test_that_names_wheels_archives_and_folders_are_told_apart(tmp_path: Path):
    assert parse_target("tlstudio-timm>=0.2").kind == "name"
    path = tmp_path / "a_plugin-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        metadata = "Metadata-Version: 2.1\nName: a-plugin\nVersion: 1.0\nRequires-Dist: torch>=2\n"
        archive.writestr("a_plugin-1.0.dist-info/METADATA", metadata)
    target = parse_target(path.as_uri())
    assert (target.kind, target.name, target.requirements) == ("wheel", "a-plugin", ("torch>=2",))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'b'\ndependencies = ['numpy']\n")
    assert parse_target(str(tmp_path)).requirements == ("numpy",)
    sdist = tmp_path / "c_plugin-0.3.tar.gz"
    sdist.write_bytes(b"")
    assert (parse_target(str(sdist)).kind, parse_target(str(sdist)).name) == ("archive", "c-plugin")
