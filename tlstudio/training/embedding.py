"""Features of a whole data set by a pretrained backbone: what the doctor and the map look at."""

import dataclasses
from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio import weights as weight_store
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.project import SPLITS, Project
from tlstudio.registry import Registry
from tlstudio.training import frozen, subject
from tlstudio.training.sides import joined
from tlstudio.training.spec import RuntimePreferences

_SEED = 0  # of weights that are random
_LIKED = ("resnet50", "convnext_tiny", "efficientnet_b0", "mobilenet_v3_large", "resnet18", "mobilenet_v2", "glyphnet")


@dataclasses.dataclass(frozen=True)
class Embedding:
    """``matrix``: float32 ``[N, D]``; the rest lists of N: ids of the items, values, splits and places."""

    item_ids: list[int]
    matrix: npt.NDArray[np.float32]
    values: list[str]
    splits: list[str]
    paths: list[str]
    backbone: str
    weights: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """A backbone with weights that are on this machine. ``trained``: whether they are more than random."""

    backbone: BackboneDescriptor
    weights: "weight_store.ResolvedWeights"
    trained: bool


def choices(registry: Registry, modality: str) -> list[Choice]:
    """What can look at such data without downloading anything, the most useful first."""
    takes = registry.modality(modality).backbones
    found: list[Choice] = []
    for descriptor in registry.backbones():
        if descriptor.modality not in takes:
            continue
        names = [entry.name for entry in weight_store.imported(descriptor.id)][::-1]
        for name in [*names, *(published.id for published in descriptor.weights)]:
            resolved = weight_store.resolve(descriptor, name)
            if resolved.cached:
                found.append(Choice(descriptor, resolved, True))
        if not descriptor.weights:
            found.append(Choice(descriptor, weight_store.resolve(descriptor, "none"), False))
    rank = {name: position for position, name in enumerate(_LIKED)}
    return sorted(found, key=lambda c: (not c.trained, rank.get(c.backbone.id, -1 if c.trained else len(rank))))


def choose(
    registry: Registry, modality: str, backbone: str = "", weights: str = "", project: Project | None = None
) -> Choice:
    """The one that is named (``run:7`` of ``project``, too), or the best there is. Raises ``UsageError``,
    ``WeightsError``.
    """
    if backbone:
        descriptor, named = weight_store.split_backbone(registry, backbone, project)
        if descriptor.modality not in registry.modality(modality).backbones:
            raise UsageError(f"The backbone '{descriptor.id}' takes {descriptor.modality}, not {modality}.")
        resolved = weight_store.resolve(descriptor, weights or named, project)
        return Choice(descriptor, resolved, resolved.id != "none")
    found = choices(registry, modality)
    if not found:
        raise UsageError(
            f"There is no backbone for {modality} whose weights are on this machine. Import or download some, or name "
            "a backbone."
        )
    return found[0]


def embed(
    control: Control, registry: Registry, project: Project, dataset: str, backbone: str = "", weights: str = ""
) -> Generator[Event, None, Embedding]:
    """Computes what is not cached yet, so that an interrupted pass goes on where it was; files that cannot be read
    are told and left out. Raises ``StudioError``.
    """
    manifest = project.manifest(dataset)
    choice = choose(registry, manifest.modality, backbone, weights, project)
    descriptor = choice.backbone
    resolved = yield from weight_store.ensure(descriptor, choice.weights, control)
    what = subject.of_manifest(manifest, registry, descriptor, resolved.preprocessing)
    if what.pixels:  # one vector for the whole picture
        parameters = what.make_modality().parameters([])
        what = dataclasses.replace(what, parameters=parameters, task=registry.task("classification"))
    folder = project.path / "cache" / "features"
    network = frozen.load(descriptor, resolved, what, RuntimePreferences(), folder, _SEED)
    everything = joined([manifest.splits[name] for name in SPLITS])
    splits = [name for name in SPLITS for _ in manifest.splits[name].paths]
    yield from network.compute([everything], control)
    features, kept = network.rows(everything)
    return Embedding(
        item_ids=[everything.item_ids[p] for p in kept],
        matrix=features.numpy(),
        values=[everything.values[p] for p in kept],
        splits=[splits[p] for p in kept],
        paths=[everything.paths[p] for p in kept],
        backbone=descriptor.id,
        weights=resolved.id,
    )
