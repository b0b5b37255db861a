"""Which packages are there, which of them a plugin may not change, and which it needs."""

import dataclasses
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from tlstudio.installer.manifest import normalise


@dataclasses.dataclass(frozen=True)
class Package:
    """An installed distribution; ``requirements`` in the notation of ``Requires-Dist``."""

    name: str  # normalised
    version: str
    requirements: tuple[str, ...]
    entry_points: tuple[str, ...]  # names in the group "tlstudio"


def packages(path: Sequence[str]) -> dict[str, Package]:
    """The distributions on ``path`` by normalised name; the first of a name counts, as for imports."""
    found: dict[str, Package] = {}
    for distribution in importlib.metadata.distributions(path=list(path)):
        metadata = distribution.metadata
        if "Name" not in metadata or "Version" not in metadata:  # half-removed by another tool
            continue
        name, version = metadata["Name"], metadata["Version"]
        if normalise(name) in found:
            continue
        entries = tuple(e.name for e in distribution.entry_points if e.group == "tlstudio")
        found[normalise(name)] = Package(normalise(name), version, tuple(distribution.requires or ()), entries)
    return found


def pins(known: Iterable[Package]) -> str:
    """A constraints file that holds every package at the version that is there."""
    return "".join(f"{p.name}=={p.version}\n" for p in known if _version(p.version) is not None)


def conflict(requirements: Iterable[str], known: Mapping[str, Package]) -> tuple[Requirement, Package] | None:
    """The first requirement that a package in ``known`` does not meet. What is missing is no conflict."""
    for requirement in active(requirements):
        package = known.get(normalise(requirement.name))
        version = _version(package.version) if package else None
        if package and version and not requirement.specifier.contains(version, prereleases=True):
            return requirement, package
    return None


def active(requirements: Iterable[str]) -> list[Requirement]:
    """Those that hold on this machine and without extras; unreadable ones are left out."""
    return [r for r in _readable(requirements) if r.marker is None or r.marker.evaluate({"extra": ""})]


def needed(roots: Iterable[str], known: Mapping[str, Package]) -> set[str]:
    """The packages of ``known`` that ``roots`` are, or lead to."""
    reached: set[str] = set()
    waiting = [normalise(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in known:
            continue
        reached.add(name)
        # Which extras were asked for is written down nowhere, so all count: rather too much than too little.
        waiting += [normalise(requirement.name) for requirement in _readable(known[name].requirements)]
    return reached


def _readable(requirements: Iterable[str]) -> Iterator[Requirement]:
    for text in requirements:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
