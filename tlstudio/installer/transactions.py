"""An installation and a removal, each complete or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from tlstudio.api.errors import PluginError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.installer import files, verdict
from tlstudio.installer.environment import Package, needed, packages, pins
from tlstudio.installer.lock import exclusive
from tlstudio.installer.manifest import InstalledDistribution, InstalledPlugin, Manifest, normalise
from tlstudio.installer.site import application_path, recover, root, site_dir
from tlstudio.installer.target import Target, parse_target
from tlstudio.installer.tools import Addition, Tool

Steps = Generator[Event, None, dict[str, Any]]


def install_steps(control: Control, text: str) -> Steps:
    """See :func:`tlstudio.installer.install_job`."""
    target = parse_target(text)
    shown = target.name
    with _prefix(f"'{shown}' was not installed, and everything is as it was"), _staging() as (staged, work):
        yield _progress(0, f"Reading {shown}")
        own, manifest = packages(application_path()), Manifest.load(staged)
        verdict.refuse_early(target, own)
        former = manifest.find(target.name)
        manifest = _without(manifest, former, staged) if former else manifest
        tool = Tool(work, control)
        yield _progress(1, f"Finding out what {shown} needs")
        argument = _copied(target, work)
        additions = _plan(tool, argument, own, packages([str(staged)]), work)
        verdict.refuse_changes(additions, own)
        added = []
        for addition in additions:
            yield _progress(2, f"Installing {addition.name}")
            added.append(_install(tool, target, argument, addition, staged, work))
        yield _progress(3, "Checking that it works")
        plugin = verdict.examine(added, target, own, staged)
        found = verdict.check(staged, plugin, work, control)
        contributions = tuple(c for f in found for c in f.contributions)
        plugin = plugin.model_copy(update={"contributions": contributions})
        Manifest(
            plugins=(*(p for p in manifest.plugins if p.distribution != plugin.distribution), plugin),
            distributions=(*manifest.distributions, *added),
        ).save(staged)
        control.raise_if_stopped()
        files.swap(staged, site_dir())
    yield _progress(4, "Done")
    yield Message(text=f"{plugin.distribution} {plugin.version} is installed: {', '.join(contributions)}.")
    return {
        "plugin": plugin.names[0],
        "distribution": plugin.distribution,
        "version": plugin.version,
        "installed": [f"{d.name}=={d.version}" for d in added],
        "contributions": list(contributions),
    }


def uninstall_steps(control: Control, name: str) -> Steps:
    """See :func:`tlstudio.installer.uninstall_job`."""
    with _prefix(f"'{name}' was not removed"), _staging() as (staged, _):
        yield _progress(0, f"Removing {name}")
        manifest = Manifest.load(staged)
        plugin = manifest.find(name)
        if plugin is None:
            there = ", ".join(p.names[0] for p in manifest.plugins)
            raise PluginError(
                f"it is not among the plugins that were installed ({there})"
                if there
                else "no plugin was installed; the built-in ones belong to the application"
            )
        rest = _without(manifest, plugin, staged)
        rest.save(staged)
        control.raise_if_stopped()
        files.swap(staged, site_dir())
    yield _progress(4, "Done")
    kept = {d.name for d in rest.distributions}
    removed = [f"{d.name}=={d.version}" for d in manifest.distributions if d.name not in kept]
    yield Message(text=f"{plugin.distribution} {plugin.version} is removed.")
    return {
        "plugin": plugin.names[0],
        "distribution": plugin.distribution,
        "version": plugin.version,
        "removed": removed,
    }


@contextlib.contextmanager
def _prefix(sentence: str) -> Iterator[None]:
    """Makes whole sentences of the reasons given below, keeping their notes."""
    try:
        yield
    except PluginError as error:
        whole = PluginError(f"{sentence}: {str(error).rstrip('.')}.")
        for note in getattr(error, "__notes__", ()):
            whole.add_note(note)
        raise whole from error
    except OSError as error:
        raise PluginError(f"{sentence}: {error}.") from error


@contextlib.contextmanager
def _staging() -> Iterator[tuple[Path, Path]]:
    """A copy of the plugin folder and a work folder beside it; both are gone afterwards, whatever happens."""
    with exclusive(root() / "lock"):
        recover(site_dir())
        for stale in root().glob(".staging-*"):
            shutil.rmtree(stale, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".staging-", dir=root()))
        try:
            staged, work = folder / "site", folder / "work"
            work.mkdir()
            if site_dir().exists():
                shutil.copytree(site_dir(), staged, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                staged.mkdir()
            yield staged, work
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _without(manifest: Manifest, plugin: InstalledPlugin, site: Path) -> Manifest:
    """Takes ``plugin`` out of ``site``, with the packages that no other plugin needs."""
    plugins = tuple(p for p in manifest.plugins if p != plugin)
    kept = needed((p.distribution for p in plugins), packages([str(site)]))
    for distribution in manifest.distributions:
        if distribution.name not in kept:
            files.remove(distribution.files, site)
    return Manifest(plugins=plugins, distributions=tuple(d for d in manifest.distributions if d.name in kept))


def _copied(target: Target, work: Path) -> str:
    """A folder is built from a copy: what its build leaves behind goes with the copy."""
    if target.kind != "folder":
        return target.argument
    ignored = shutil.ignore_patterns("__pycache__", ".venv", "venv", "node_modules", ".tox", ".nox", "*.egg-info")
    return str(shutil.copytree(target.argument, work / "source", symlinks=True, ignore=ignored))


def _plan(
    tool: Tool, argument: str, own: dict[str, Package], present: dict[str, Package], work: Path
) -> list[Addition]:
    constraints = work / "constraints.txt"
    constraints.write_text(pins([*own.values(), *present.values()]), encoding="utf-8")
    return [a for a in tool.plan(argument, constraints) if a.name not in present]


def _install(
    tool: Tool, target: Target, argument: str, addition: Addition, staged: Path, work: Path
) -> InstalledDistribution:
    fresh = work / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    asked_for = target.kind != "name" and addition.name == normalise(target.name)
    tool.fetch(argument if asked_for else f"{addition.name}=={addition.version}", fresh)
    there = packages([str(fresh)])
    if len(there) != 1:
        raise PluginError(f"{addition.name} holds {len(there)} packages where one was expected")
    package = next(iter(there.values()))
    return InstalledDistribution(
        name=package.name, version=package.version, files=files.add(fresh, staged, package.name)
    )


def _progress(done: int, text: str) -> Progress:
    return Progress(done=done, total=4, unit="steps", text=text)
