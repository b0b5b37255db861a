"""Which weights are meant: an empty id, ``none``, an imported name, a published id or a run, as one answer."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing, Weights
from tlstudio.api.errors import UsageError
from tlstudio.registry import Registry
from tlstudio.weights import hashing, of_runs, places
from tlstudio.weights.store import ImportedWeights, imported

if TYPE_CHECKING:
    from tlstudio.project import Project

NONE = "none"
_OF_RUN = re.compile(r"(?:(?P<backbone>.+)[:@])?(?P<weights>run:\s*\d+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class ResolvedWeights:
    """One set of weights. ``path`` is ``None`` while they are not on this machine, and for ``none``.

    ``sha256`` is the whole hash of the file at ``path`` (64 digits; empty without a file), ``size_bytes``
    its size or, before the download, the published one. ``cached``: nothing needs to be downloaded before
    they are used.
    """

    id: str
    title: str
    path: Path | None
    preprocessing: Preprocessing
    trained_on: str
    smoothed: bool
    cached: bool
    size_bytes: int
    sha256: str


def resolve(descriptor: BackboneDescriptor, weights_id: str = "", project: "Project | None" = None) -> ResolvedWeights:
    """Finds weights of a backbone by id: ``""`` is the newest imported, or else the first published; ``"none"`` leaves
    random numbers; ``"run:7"`` is the backbone of a finished run of ``project``; otherwise an imported name or a
    published id.

    Touches no network. Raises ``UsageError`` that lists what there is, ``WeightsError`` where a run's model is gone.
    """
    if of_runs.run_number(weights_id) is not None:
        return _of_run(of_runs.of_run(descriptor, weights_id, project))
    own = imported(descriptor.id)
    if weights_id.lower() == NONE or not (weights_id or own or descriptor.weights):
        return _random(descriptor)
    if not weights_id:
        return _imported(descriptor, own[-1]) if own else _published(descriptor, descriptor.weights[0])
    for entry in own:
        if entry.name == weights_id:
            return _imported(descriptor, entry)
    for weights in descriptor.weights:
        if weights.id.lower() == weights_id.lower():
            return _published(descriptor, weights)
    raise UsageError(
        f"{descriptor.id} has no weights named '{weights_id}'; there are: {', '.join(choices(descriptor))}."
    )


def choices(descriptor: BackboneDescriptor) -> list[str]:
    """Every id that :func:`resolve` accepts for this backbone."""
    return [*(e.name for e in imported(descriptor.id)), *(w.id for w in descriptor.weights), NONE]


def split_backbone(registry: Registry, text: str, project: "Project | None" = None) -> tuple[BackboneDescriptor, str]:
    """``mobilenet_v2``, ``mobilenet_v2:mine``, ``mobilenet_v2@mine``, ``mobilenet_v2:run:7``; or an imported name, or
    with ``project`` a run (``run:7``) alone.

    Returns the backbone and the weights' id (empty where none was named). Raises ``UsageError`` for anything else.
    Whether a run has such weights, :func:`resolve` says.
    """
    known = {descriptor.id for descriptor in registry.backbones()}
    if text in known:
        return registry.backbone(text), ""
    if (run := _OF_RUN.fullmatch(text)) is not None:
        weights_id = f"{of_runs.PREFIX}{of_runs.run_number(run['weights'])}"
        name = run["backbone"] or of_runs.of_run(None, weights_id, project).backbone
        return registry.backbone(name), weights_id
    for mark in "@:":
        name, found, weights_id = text.rpartition(mark)
        if found and name:
            descriptor = registry.backbone(name)
            return descriptor, resolve(descriptor, weights_id).id if weights_id else ""
    entries = [entry for entry in imported() if entry.name == text and entry.backbone in known]
    if len(entries) > 1:
        options = " or ".join(f"{entry.backbone}:{entry.name}" for entry in entries)
        raise UsageError(f"Several backbones have weights named '{text}'; say {options}.")
    if entries:
        return registry.backbone(entries[0].backbone), text
    return registry.backbone(text), ""


def preprocessing_of(descriptor: BackboneDescriptor) -> Preprocessing:
    """What the backbone's first published weights ask for; without any, the usual proportions at its own
    size.
    """
    if descriptor.weights:
        return descriptor.weights[0].preprocessing
    return Preprocessing(resize=round(descriptor.input_size * 256 / 224), crop=descriptor.input_size)


def _random(descriptor: BackboneDescriptor) -> ResolvedWeights:
    return ResolvedWeights(
        id=NONE, title="Random weights", path=None, preprocessing=preprocessing_of(descriptor), trained_on="",
        smoothed=False, cached=True, size_bytes=0, sha256="",
    )  # fmt: skip


def _of_run(found: of_runs.RunWeights) -> ResolvedWeights:
    return ResolvedWeights(
        id=found.id,
        title=found.title,
        path=found.path,
        preprocessing=found.preprocessing,
        trained_on=found.dataset,
        smoothed=False,
        cached=True,
        size_bytes=found.path.stat().st_size,
        sha256=hashing.remembered_sha256(found.path),
    )


def _imported(descriptor: BackboneDescriptor, entry: ImportedWeights) -> ResolvedWeights:
    return ResolvedWeights(
        id=entry.name,
        title=f"{entry.name} (imported from {entry.source})",
        path=entry.path,
        preprocessing=preprocessing_of(descriptor),
        trained_on="",
        smoothed=False,
        cached=True,
        size_bytes=entry.path.stat().st_size,
        sha256=entry.sha256,
    )


def _published(descriptor: BackboneDescriptor, weights: Weights) -> ResolvedWeights:
    path = places.find(weights)
    accuracy = "" if weights.accuracy is None else f", {weights.accuracy:.1f} % top-1"
    return ResolvedWeights(
        id=weights.id,
        title=f"{weights.id} ({weights.trained_on}{accuracy})",
        path=path,
        preprocessing=weights.preprocessing,
        trained_on=weights.trained_on,
        smoothed=weights.smoothed,
        cached=path is not None,
        size_bytes=path.stat().st_size if path else weights.size_bytes,
        sha256=hashing.remembered_sha256(path) if path else "",
    )
