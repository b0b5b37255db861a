"""What a run's phases are fed with: samples, or features of the frozen backbone that are computed once."""

import time
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import nn

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.events import Event, Progress
from tlstudio.api.method import Phase, SolveData, Stream
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache, cache_key
from tlstudio.training.predict import compute_features
from tlstudio.training.preparation import Prepared, on_features
from tlstudio.training.reading import strata_of
from tlstudio.training.sources import FeatureSource, SampleSource, Source
from tlstudio.training.subject import Subject


class Material:
    """``features``: rows and targets by split; ``kept``: which of the split's samples they are of.

    ``images`` and ``seconds``: what the passes of the backbone came to.
    """

    def __init__(self, prepared: Prepared, seed: int, cache_folder: Path, control: Control) -> None:
        self._run, self._seed, self._folder, self._control = prepared, seed, cache_folder, control
        self.features: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.kept: dict[str, list[int]] = {}
        self.images, self.seconds = 0, 0.0
        self.features_only = all(on_features(phase) for phase in prepared.phases)

    def sources(self, phase: Phase) -> Generator[Event, None, dict[str, Source]]:
        if phase.solve:
            yield from self.need(("train", "val"))
            return {}
        sources: dict[str, Source] = {}
        for stream in phase.streams:
            sources[stream.name] = yield from self._source(stream)
        return sources

    def solve_data(self) -> SolveData:
        return SolveData(train=self.features["train"], val=self.features["val"], seed=self._seed)

    def need(self, splits: tuple[str, ...]) -> Generator[Event, None, None]:
        """One pass of the frozen backbone over what the cache lacks; samples that cannot be read drop out."""
        if self.features_only:
            splits = ("train", "val", "test")
        wanted = [name for name in splits if name not in self.features]
        if not wanted:
            return
        run, subject = self._run, self._run.subject
        backbone: nn.Module = run.method.predictor().backbone  # type: ignore[assignment]  # see Method.predictor
        cache = feature_cache(
            self._folder, run.descriptor, run.weights.sha256, subject, run.runtime.precision, self._seed
        )
        paths = [path for name in wanted for path in run.manifest.splits[name].paths]
        hashes = [sha256 for name in wanted for sha256 in run.manifest.splits[name].hashes]
        missing = len(cache.missing(hashes))
        if not missing:
            noun = subject.modality.noun[1]
            text = f"The features of all {len(hashes):,} {noun} were found in the cache"
            yield Progress(done=len(hashes), total=len(hashes), unit=noun, text=text)
        started = time.perf_counter()
        yield from compute_features(backbone, paths, hashes, subject, cache, run.runtime, self._control)
        self.images, self.seconds = missing, time.perf_counter() - started
        for name in wanted:
            split = run.manifest.splits[name]
            kept = [i for i, sha256 in enumerate(split.hashes) if sha256 in cache]
            targets = subject.targets_of(split)[torch.tensor(kept, dtype=torch.int64)]
            self.features[name] = (cache.get([split.hashes[i] for i in kept]), targets)
            self.kept[name] = kept

    def _source(self, stream: Stream) -> Generator[Event, None, Source]:
        run = self._run
        if stream.features:
            yield from self.need((stream.split, "val"))
            features, targets = self.features[stream.split]
            strata: Sequence[int] = ()
            if stream.sampler != "natural":
                whole = strata_of(run.subject, run.manifest.splits[stream.split])
                strata = [whole[position] for position in self.kept[stream.split]]
            return FeatureSource(features, targets, stream, run.runtime.device, self._seed, strata)
        split = run.manifest.splits[stream.split]
        return SampleSource(split, run.manifest.root, stream, run.subject, run.runtime, self._seed)


def feature_cache(
    folder: Path, descriptor: BackboneDescriptor, weights_sha256: str, subject: Subject, precision: str, seed: int
) -> FeatureCache:
    """``seed``: of random weights, which have no hash."""
    fingerprint = weights_sha256 or f"random-{seed}-{torch.__version__}"
    plain = subject.modality.id == "image" and not subject.parameters
    parameters = None if plain else {**subject.parameters, "modality": subject.modality.id}
    key = cache_key(f"{descriptor.id}:{fingerprint}", subject.preprocessing, precision, parameters)
    return FeatureCache(folder, key, descriptor.feature_dim)
