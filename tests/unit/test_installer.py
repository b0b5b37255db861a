"""Installations from wheels that are made here, so that nothing is fetched; the installer and the check are real."""

import base64
import hashlib
import importlib.metadata
import os
import sys
import textwrap
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tlstudio import installer
from tlstudio.api.errors import PluginError, StoppedByUser
from tlstudio.api.events import Message, Progress
from tlstudio.control import Control
from tlstudio.installer import tools
from tlstudio.installer.lock import exclusive
from tlstudio.installer.site import previous_dir, root

GOOD = """
from tlstudio import api, hookimpl

@hookimpl
def tlstudio_metrics():
    return [api.MetricDescriptor(id="{id}", title="T", description="D", factory="{module}:Metric")]

class Metric: ...
"""


def wheel(
    folder: Path,
    name: str,
    source: str | None = None,
    *,
    version: str = "1.0",
    requires: Sequence[str] = (),
    plugin: bool = True,
    extra: dict[str, str] | None = None,
) -> Path:
    module = name.replace("-", "_")
    text = GOOD.format(id=f"{name}-metric", module=module) if source is None else textwrap.dedent(source)
    info = f"{module}-{version}.dist-info"
    files = {f"{module}.py": text, **(extra or {})}
    needs = "".join(f"Requires-Dist: {r}\n" for r in requires)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if plugin:
        files[f"{info}/entry_points.txt"] = f"[tlstudio]\n{name} = {module}\n"
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(content.encode())}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)
    return path


def everything() -> dict[str, str]:
    """Every file of the plugin folders with its content, and the versions of the application's packages."""
    there = {
        str(p.relative_to(root())): p.read_text(encoding="utf-8") for p in sorted(root().rglob("*")) if p.is_file()
    }
    there.pop("lock", None)
    return there | {d.name: d.version for d in importlib.metadata.distributions() if d.name}


@pytest.fixture
def refused(tmp_path: Path):
    """Installs, expects the refusal, and sees to it that everything is as it was."""

    def check(target: Path | str, match: str) -> PluginError:
        before = everything()
        with pytest.raises(PluginError, match=match) as caught:
            installer.install(str(target))
        assert everything() == before
        assert not list(root().glob(".staging*"))
        return caught.value

    return check


def test_that_a_wheel_is_installed_listed_and_removed_again(tmp_path: Path):
    result = installer.install(str(wheel(tmp_path, "fine-plugin")))
    assert result == {
        "plugin": "fine-plugin",
        "distribution": "fine-plugin",
        "version": "1.0",
        "installed": ["fine-plugin==1.0"],
        "contributions": ["metrics: fine-plugin-metric"],
    }
    (entry,) = installer.installed()
    assert (entry.names, entry.version) == (("fine-plugin",), "1.0")
    assert entry.request.endswith(".whl")
    assert (installer.site_dir() / "fine_plugin.py").is_file()
    assert installer.uninstall("Fine_Plugin")["removed"] == ["fine-plugin==1.0"]
    assert installer.installed() == []
    assert {p.name for p in installer.site_dir().iterdir()} == {"tlstudio-plugins.json"}
    assert {p.name for p in root().iterdir()} == {"lock", installer.site_dir().name}


def test_that_the_same_works_with_pip_where_there_is_no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pip")
    monkeypatch.setattr(tools, "_find_uv", lambda: "")
    result = installer.install(str(wheel(tmp_path, "with-pip", requires=["packaging>=20"])))
    assert result["installed"] == ["with-pip==1.0"]
    with pytest.raises(PluginError, match="torch"):
        installer.install(str(wheel(tmp_path, "old-torch", requires=["torch<2"])))
    assert [p.distribution for p in installer.installed()] == ["with-pip"]


def test_that_the_job_reports_its_progress_and_ends_with_a_sentence(tmp_path: Path):
    events = list(installer.install_job(Control(), str(wheel(tmp_path, "chatty"))))
    progress = [e for e in events if isinstance(e, Progress)]
    assert [e.done for e in progress] == [0, 1, 2, 3, 4]
    assert isinstance(events[-1], Message)
    assert "chatty 1.0 is installed" in events[-1].text


def test_that_a_plugin_that_raises_when_imported_is_refused_with_its_traceback(tmp_path: Path, refused):
    installer.install(str(wheel(tmp_path, "fine-plugin")))
    error = refused(wheel(tmp_path, "broken", "raise RuntimeError('no luck')"), "no luck.")
    assert str(error).startswith("'broken' was not installed, and everything is as it was: ")
    assert "Traceback" in "".join(error.__notes__)


def test_that_a_plugin_that_ends_the_process_is_refused(tmp_path: Path, refused):
    refused(wheel(tmp_path, "killer", "import os; os._exit(7)"), "does not start with it")


def test_that_a_hook_that_raises_is_refused(tmp_path: Path, refused):
    source = """
        from tlstudio import hookimpl

        @hookimpl
        def tlstudio_methods():
            raise KeyError("nothing")
    """
    refused(wheel(tmp_path, "hooked", source), "failed while listing its methods: KeyError")


def test_that_a_factory_that_cannot_be_imported_is_refused(tmp_path: Path, refused):
    refused(wheel(tmp_path, "hollow", GOOD.format(id="x", module="nowhere")), "could not be loaded from nowhere")


def test_that_a_plugin_without_contributions_is_refused(tmp_path: Path, refused):
    refused(wheel(tmp_path, "empty", "x = 1"), "contributes nothing")


def test_that_a_package_that_is_no_plugin_is_refused(tmp_path: Path, refused):
    refused(wheel(tmp_path, "library", plugin=False), "no entry point in the group 'tlstudio'")


def test_that_a_plugin_that_needs_another_torch_is_refused(tmp_path: Path, refused):
    refused(wheel(tmp_path, "old", requires=["torch<2"]), r"old needs torch<2, and there is torch \d")


def test_that_a_contribution_that_another_plugin_has_is_refused(tmp_path: Path, refused):
    installer.install(str(wheel(tmp_path, "first")))
    again = GOOD.format(id="first-metric", module="zweiter")
    refused(wheel(tmp_path, "zweiter", again), "both offer a metric named 'first-metric'")
    again = GOOD.format(id="first-metric", module="earlier")
    refused(wheel(tmp_path, "earlier", again), "another plugin stops working")


def test_that_a_package_of_the_application_cannot_be_replaced(tmp_path: Path, refused):
    refused(wheel(tmp_path, "torch", version="99.0"), "torch belongs to the application")
    refused("pluggy", "pluggy belongs to the application")
    refused("tlstudio==0.0.1", "tlstudio belongs to the application")


def test_that_a_file_of_another_plugin_is_not_overwritten(tmp_path: Path, refused):
    installer.install(str(wheel(tmp_path, "first", extra={"shared_thing.py": "x = 1"})))
    refused(wheel(tmp_path, "second", extra={"shared_thing.py": "x = 2"}), "shared_thing.py, which another")


def test_that_a_damaged_wheel_is_refused(tmp_path: Path, refused):
    path = tmp_path / "damaged-1.0-py3-none-any.whl"
    path.write_bytes(wheel(tmp_path, "good").read_bytes()[:200])
    refused(path, "is damaged")


def test_that_a_newer_version_replaces_the_older_one(tmp_path: Path):
    installer.install(str(wheel(tmp_path, "growing", extra={"growing_old.py": ""})))
    result = installer.install(str(wheel(tmp_path, "growing", version="2.0")))
    assert result["version"] == "2.0"
    assert [p.version for p in installer.installed()] == ["2.0"]
    assert not (installer.site_dir() / "growing_old.py").exists()
    assert not list(installer.site_dir().glob("growing-1.0*"))


def test_that_a_failed_update_keeps_the_older_version(tmp_path: Path, refused):
    installer.install(str(wheel(tmp_path, "growing")))
    refused(wheel(tmp_path, "growing", "raise OSError('2.0 is broken')", version="2.0"), "2.0 is broken")
    assert [p.version for p in installer.installed()] == ["1.0"]


def test_that_code_at_the_start_of_python_and_commands_are_left_out(tmp_path: Path):
    extra = {"evil.pth": "import os", "sneaky-1.0.data/scripts/torchrun": "#!python\n"}
    installer.install(str(wheel(tmp_path, "sneaky", extra=extra)))
    assert not list(installer.site_dir().rglob("*.pth"))
    assert not list(installer.site_dir().rglob("torchrun"))


def test_that_stopping_leaves_everything_as_it_was(tmp_path: Path):
    before = everything()
    control = Control()
    with pytest.raises(StoppedByUser):  # noqa: PT012 - the stop comes while the generator is at work
        for event in installer.install_job(control, str(wheel(tmp_path, "slow"))):
            if isinstance(event, Progress) and event.done == 3:
                control.request_stop()
    assert everything() == before


def test_that_a_second_installation_at_the_same_time_is_told_to_wait(tmp_path: Path):
    with exclusive(root() / "lock"), pytest.raises(PluginError, match="wait until it is done"):
        installer.install(str(wheel(tmp_path, "second")))


def test_that_removing_what_is_not_there_names_what_is(tmp_path: Path):
    with pytest.raises(PluginError, match="no plugin was installed"):
        installer.uninstall("tlstudio-builtins")
    installer.install(str(wheel(tmp_path, "only-one")))
    with pytest.raises(PluginError, match=r"among the plugins that were installed \(only-one\)"):
        installer.uninstall("other")


def test_that_activation_appends_the_folder_so_that_nothing_in_it_shadows_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    installer.activate()
    assert sys.path == before  # nothing is installed
    installer.install(str(wheel(tmp_path, "seen")))
    monkeypatch.setenv("TLSTUDIO_SAFE_MODE", "1")
    installer.activate()
    assert sys.path == before
    monkeypatch.delenv("TLSTUDIO_SAFE_MODE")
    installer.activate()
    installer.activate()
    assert sys.path == [*before, str(installer.site_dir())]


def test_that_a_process_that_died_between_two_renames_is_recovered_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "path", list(sys.path))
    installer.install(str(wheel(tmp_path, "survivor")))
    os.rename(installer.site_dir(), previous_dir(installer.site_dir()))
    installer.activate()
    assert [p.distribution for p in installer.installed()] == ["survivor"]


def test_that_what_two_plugins_need_stays_until_the_last_of_them_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel(shelf, "needed-library", "x = 1", plugin=False, requires=["numpy"])
    monkeypatch.setenv("UV_FIND_LINKS", str(shelf))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    first = installer.install(str(wheel(tmp_path, "one", requires=["needed-library>=1", "torch>=2"])))
    assert sorted(first["installed"]) == ["needed-library==1.0", "one==1.0"]
    second = installer.install(str(wheel(tmp_path, "two", requires=["needed-library"])))
    assert second["installed"] == ["two==1.0"]
    assert installer.uninstall("one")["removed"] == ["one==1.0"]
    assert (installer.site_dir() / "needed_library.py").exists()
    assert sorted(installer.uninstall("two")["removed"]) == ["needed-library==1.0", "two==1.0"]


def test_that_a_package_that_cannot_be_fetched_is_said_in_a_sentence(
    tmp_path: Path, refused, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = wheel(tmp_path, "hungry", requires=["tlstudio-no-such-library"])
    error = refused(path, "'hungry' was not installed, and everything is as it was: a package is needed")
    assert error.__notes__


def test_that_a_home_given_relative_to_the_working_folder_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLSTUDIO_HOME", "here")
    assert installer.install(str(wheel(tmp_path, "nearby")))["version"] == "1.0"
    assert (tmp_path / "here" / "plugins" / installer.site_dir().name / "nearby.py").is_file()
