"""What a run's phases are fed with: samples, rows that a method makes, or features of the frozen backbone."""

import hashlib
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.phases import Data, Phase, SolveData, Stream
from tlstudio.api.tools import Tools
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache
from tlstudio.data.views import View
from tlstudio.project import SplitData
from tlstudio.training.caching import feature_cache
from tlstudio.training.frozen import Frozen
from tlstudio.training.predict import check_read, view_features
from tlstudio.training.preparation import Prepared, on_features
from tlstudio.training.reading import strata_of
from tlstudio.training.sides import Side, parts_of
from tlstudio.training.sources import Chosen, FeatureSource, SampleSource, Source
from tlstudio.training.tensors import digests


class Material:
    """``features``: rows and targets by split, of the source by ``source/`` and split; ``kept``: which of the split's
    samples they are of. ``images`` and ``seconds``: what the passes of the backbone came to.
    """

    def __init__(self, prepared: Prepared, seed: int, cache_folder: Path, control: Control) -> None:
        self._run, self._seed, self._folder, self._control = prepared, seed, cache_folder, control
        self.features: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.kept: dict[str, list[int]] = {}
        self._views: dict[tuple[object, ...], tuple[torch.Tensor, ...]] = {}
        self._solved_views: tuple[torch.Tensor, ...] = ()
        self.images, self.seconds = 0, 0.0
        self.features_only = all(on_features(phase) for phase in prepared.phases)
        self._began = self._of_which = "" if self.features_only else _digest(_backbone(prepared))

    def sources(self, phase: Phase, tools: Tools, *, again: bool = False) -> Generator[Event, None, dict[str, Source]]:
        """Of every stream in which there is something. ``again``: it has been said already which are empty."""
        if phase.solve:
            yield from self.need(("train", "val"))
            self._solved_views = (yield from self._need_views(phase.streams[0])) if phase.streams else ()
            return {}
        sources: dict[str, Source] = {}
        for stream in () if phase.compute else phase.streams:
            source = yield from self._source(stream, tools)
            if source.samples:
                sources[stream.name] = source
            elif not again:
                yield Message(text=f"{phase.title}: there is nothing in the stream '{stream.name}'; it is left out.")
        if not sources and not phase.compute:
            raise TrainingError(f"There is nothing to train on in the phase '{phase.title}'.")
        return sources

    def solve_data(self) -> SolveData:
        return SolveData(
            train=self.features["train"], val=self.features["val"], seed=self._seed, views=self._solved_views
        )

    def need(self, splits: tuple[str, ...], data: Data = "target") -> Generator[Event, None, None]:
        """One pass of the frozen backbone over what the cache lacks; samples that cannot be read drop out."""
        run, side = self._run, self._run.sides[data]
        if self.features_only and data == "target":
            splits = ("train", "val", "test")
        backbone = _backbone(run)
        if backbone is None:
            raise TrainingError("The method's predictor has no backbone whose features could be computed.")
        if not self.features_only and (now := _digest(backbone)) != self._of_which:
            self.features.clear()
            self.kept.clear()
            self._views.clear()
            self._of_which = now
        wanted = [name for name in splits if named(name, data) not in self.features]
        if not wanted:
            return
        network = Frozen(backbone, side.subject, self._cache(backbone, side), run.runtime)
        started = time.perf_counter()
        self.images = yield from network.compute([side.manifest.splits[name] for name in wanted], self._control)
        self.seconds = time.perf_counter() - started
        if not self.images:
            count = sum(len(side.manifest.splits[name].paths) for name in wanted)
            noun = side.subject.modality.noun[1]
            text = f"The features of all {count:,} {noun} were found in the cache"
            yield Progress(done=count, total=count, unit=noun, text=text)
        for name in wanted:
            split = side.manifest.splits[name]
            rows, kept = network.rows(split)
            check_read(kept, split.paths, side.subject.modality.noun[1])
            targets = side.subject.targets_of(split)[torch.tensor(kept, dtype=torch.int64)]
            self.features[named(name, data)] = rows, targets
            self.kept[named(name, data)] = kept

    def _need_views(self, stream: Stream) -> Generator[Event, None, tuple[torch.Tensor, ...]]:
        """Features of altered copies of the samples whose own are there."""
        key = (stream.data, stream.split, stream.views, stream.flip)
        if stream.views and key not in self._views:
            side, backbone = self._run.sides[stream.data], _backbone(self._run)
            assert backbone is not None
            split, kept = side.manifest.splits[stream.split], self.kept[named(stream.split, stream.data)]
            self._views[key] = yield from view_features(
                backbone,
                [split.paths[position] for position in kept],
                [split.hashes[position] for position in kept],
                side.subject,
                [View(name, stream.flip, self._seed, number) for number, name in enumerate(stream.views)],
                lambda view: self._cache(backbone, side, view),
                self._run.runtime,
                self._control,
            )
        return self._views.get(key, ())

    def _cache(self, backbone: nn.Module, side: Side, view: str = "") -> FeatureCache:
        """A backbone that has learnt in this run, or gives other features than usual, has a cache of its own; so have
        altered copies.
        """
        run = self._run
        fingerprint = run.weights.sha256 if self._of_which == self._began else f"trained-{self._of_which}"
        return feature_cache(
            self._folder,
            run.descriptor,
            fingerprint,
            side.subject,
            run.runtime.precision,
            self._seed,
            kind="; ".join(part for part in (str(getattr(backbone, "feature_key", "")), view) if part),
            dim=int(getattr(backbone, "feature_dim", run.descriptor.feature_dim)),
        )

    def _source(self, stream: Stream, tools: Tools) -> Generator[Event, None, Source]:
        run, side = self._run, self._run.sides[stream.data]
        device = run.runtime.device
        if stream.made:
            made = yield from run.method.rows(stream, tools)  # type: ignore[attr-defined]  # RowsMethod
            return FeatureSource(made.rows, made.targets, stream, device, self._seed)
        if stream.split not in side.manifest.splits or stream.split == "test":
            raise TrainingError(
                f"The stream '{stream.name}' asks for the split '{stream.split}', which it cannot have."
            )
        split = side.manifest.splits[stream.split]
        if stream.features:
            name = named(stream.split, stream.data)
            yield from self.need((stream.split,), stream.data)
            if stream.data == "target":
                yield from self.need(("val",))
            features, targets = self.features[name]
            strata: Sequence[int] = ()
            if stream.sampler != "natural":
                whole = strata_of(side.subject, split)
                strata = [whole[position] for position in self.kept[name]]
            views = yield from self._need_views(stream)
            return FeatureSource(features, targets, stream, device, self._seed, strata, views)
        return SampleSource(
            split, side.manifest.root, stream, side.subject, run.runtime, self._seed, self._chosen(stream, split)
        )

    def _chosen(self, stream: Stream, split: SplitData) -> Chosen | None:
        if stream.relabelled:
            positions, targets = self._run.method.relabel(stream)  # type: ignore[attr-defined]  # RelabellingMethod
            return Chosen([int(p) for p in positions], targets.cpu())
        if stream.fold is None:
            return None
        part, parts = stream.fold
        return Chosen([p for p, k in enumerate(parts_of(split, parts, self._seed)) if k != part])


def named(split: str, data: Data) -> str:
    """Of a split's features, among those of both data sets."""
    return f"source/{split}" if data == "source" else split


def _backbone(run: Prepared) -> nn.Module | None:
    found = getattr(run.method.predictor(), "backbone", None)
    return found if isinstance(found, nn.Module) else None


def _digest(backbone: nn.Module | None) -> str:
    if backbone is None:
        return ""
    return hashlib.sha256("".join(f"{n}{d}" for n, d in sorted(digests(backbone).items())).encode()).hexdigest()[:32]
