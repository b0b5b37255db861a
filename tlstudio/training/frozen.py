"""A backbone that learns nothing, and one pass of it over samples: each is computed once, and kept."""

import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import nn

from tlstudio import weights
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache
from tlstudio.project import SplitData
from tlstudio.training import runtime
from tlstudio.training.caching import feature_cache
from tlstudio.training.modules import average_frames
from tlstudio.training.predict import compute_features
from tlstudio.training.spec import RuntimePreferences
from tlstudio.training.subject import Subject


@dataclasses.dataclass(frozen=True)
class Frozen:
    """``network`` as it is placed; ``cache`` holds what it gives for samples that are read as ``subject`` says."""

    network: nn.Module
    subject: Subject
    cache: FeatureCache
    runtime: runtime.Runtime

    def compute(self, splits: Sequence[SplitData], control: Control) -> Generator[Event, None, int]:
        """One pass over what the cache lacks of all ``splits``; returns how many samples that were. Those that cannot
        be read are told, and stay out. Raises ``StoppedByUser``, ``Parked``.
        """
        paths = [path for split in splits for path in split.paths]
        hashes = [sha256 for split in splits for sha256 in split.hashes]
        lacking = len(self.cache.missing(hashes))
        yield from compute_features(self.network, paths, hashes, self.subject, self.cache, self.runtime, control)
        return lacking

    def rows(self, split: SplitData) -> tuple[torch.Tensor, list[int]]:
        """Features float32 ``[N, D]`` that are in the cache, and the positions in ``split`` of their samples."""
        kept = [position for position, sha256 in enumerate(split.hashes) if sha256 in self.cache]
        return self.cache.get([split.hashes[position] for position in kept]), kept


def load(
    descriptor: BackboneDescriptor,
    resolved: weights.ResolvedWeights,
    subject: Subject,
    preferences: RuntimePreferences,
    folder: Path,
    seed: int,
) -> Frozen:
    """``folder``: of the feature caches; ``seed``: of weights that are random. The faster precision is measured."""
    network = pretrained(descriptor, resolved, subject, seed)
    size = runtime.sizes(subject.example(1), descriptor)
    chosen = runtime.choose(
        preferences,
        network,
        example=subject.example,
        crop=size.crop,
        gflops=size.gflops,
        training=False,
        name=descriptor.id,
    )
    chosen.place(network)
    cache = feature_cache(folder, descriptor, resolved.sha256, subject, chosen.precision, seed)
    return Frozen(network, subject, cache, chosen)


def pretrained(
    descriptor: BackboneDescriptor, resolved: weights.ResolvedWeights, subject: Subject, seed: int
) -> nn.Module:
    """The backbone with its weights (random ones from ``seed``), for what ``subject`` gives it: features of films are
    the mean over their frames. Raises ``WeightsError``.
    """
    torch.manual_seed(seed)
    network: nn.Module = descriptor.load()()
    weights.load_into(network, descriptor, resolved)
    if "frames" in subject.parameters:
        average_frames(network, int(subject.parameters["frames"]))
    return network
