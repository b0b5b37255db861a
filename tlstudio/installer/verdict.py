"""What is refused, and why: before, during and after a plugin's packages are unpacked.

Each function raises ``PluginError`` with a reason that goes on the sentence "X was not installed: ...".
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tlstudio.api.errors import PluginError
from tlstudio.control import Control
from tlstudio.installer.check import Found, check_site
from tlstudio.installer.environment import Package, conflict, packages
from tlstudio.installer.manifest import InstalledDistribution, InstalledPlugin, normalise
from tlstudio.installer.site import site_dir
from tlstudio.installer.target import Target
from tlstudio.installer.tools import Addition


def refuse_early(target: Target, own: dict[str, Package]) -> None:
    """What can be said before anything is built or fetched."""
    if normalise(target.name) in own:
        raise PluginError(f"{target.name} belongs to the application, which plugins cannot change")
    _refuse_conflict(target.name, target.requirements, own)


def _refuse_conflict(name: str, requirements: Iterable[str], known: Mapping[str, Package]) -> None:
    clash = conflict(requirements, known)
    if clash:
        requirement, package = clash
        raise PluginError(
            f"{name} needs {requirement.name}{requirement.specifier}, and there is {package.name} "
            f"{package.version}, which must stay as it is. Ask its author for a version that works with that"
        )


def refuse_changes(additions: list[Addition], own: dict[str, Package]) -> None:
    for addition in additions:
        if addition.name in own:
            raise PluginError(f"it would replace {addition.name} {own[addition.name].version} of the application")
    if not additions:
        raise PluginError("it belongs to the application already")


def examine(
    added: list[InstalledDistribution],
    target: Target,
    own: dict[str, Package],
    staged: Path,
) -> InstalledPlugin:
    """Reads what was unpacked, and refuses what is no plugin or does not fit the application."""
    there = packages([str(staged)])
    for distribution in added:
        if distribution.name in own:
            raise PluginError(f"{distribution.name} belongs to the application, which plugins cannot change")
        _refuse_conflict(distribution.name, there[distribution.name].requirements, {**there, **own})
    package = there.get(normalise(target.name))
    if package is None:
        raise PluginError(f"what was unpacked is not {target.name}")
    if not package.entry_points:
        raise PluginError(
            f"the package {package.name} {package.version} is no plugin: "
            "it declares no entry point in the group 'tlstudio'"
        )
    taken = {name: p.name for p in {**there, **own}.values() if p.name != package.name for name in p.entry_points}
    for name in package.entry_points:
        if name in taken:
            raise PluginError(f"its plugin is named '{name}', as that of {taken[name]} is")
    return InstalledPlugin(
        distribution=package.name,
        version=package.version,
        names=package.entry_points,
        request=target.argument,
    )


def check(staged: Path, plugin: InstalledPlugin, work: Path, control: Control) -> list[Found]:
    """Loads all plugins; returns the entries of this one. Refuses its problems and new ones of others."""
    found = check_site(staged, plugin.names, work, control)
    mine = [f for f in found if f.name in plugin.names]
    for entry in mine:
        if entry.problems:
            raise _problem(*entry.problems[0])
        if not entry.contributions:
            raise PluginError(f"the plugin '{entry.name}' contributes nothing")
    others = [f for f in found if f.name not in plugin.names and f.problems]
    if others:
        before = {p for f in check_site(site_dir(), (), work, control) for p, _ in f.problems}
        for entry in others:
            for sentence, trace in entry.problems:
                if sentence not in before:
                    raise _problem(f"with it, another plugin stops working. {sentence}", trace)
    return mine


def _problem(sentence: str, trace: str) -> PluginError:
    error = PluginError(sentence[:1].lower() + sentence[1:])
    error.add_note(trace)
    return error
