"""A whole run: ``train`` is a plain generator of events; the worker is one caller, tests and notebooks are others."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlstudio import weights
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import EpochDone, Event, Message, PhaseStarted, RuntimeChosen
from tlstudio.api.method import Method, MethodContext, Phase, SolveData, Stream
from tlstudio.control import Control
from tlstudio.data.features import FeatureCache, cache_key
from tlstudio.evaluation import evaluate_predictions, save_predictions, write_results
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import restore, runtime
from tlstudio.training.evaluating import as_results, logits_of_features, logits_of_split, rank_by, validator
from tlstudio.training.loop import Best, Clock, PhaseLoop, steps_per_epoch
from tlstudio.training.predict import compute_features
from tlstudio.training.scores import Scores
from tlstudio.training.sources import FeatureSource, PictureSource, Source
from tlstudio.training.spec import RunSpec


def train(control: Control, run_dir: str) -> Generator[Event, None, dict[str, Any]]:
    """Trains the run whose ``spec.json`` lies in ``run_dir``; returns what ``tlstudio train --json`` prints."""
    folder = Path(run_dir)
    spec = RunSpec.load(folder)
    with Project.open(folder.parents[1]) as project:
        run = _Run(control, folder, spec, project, Registry.discover(only=spec.plugins))
        yield from run.prepare()
        yield from run.phases()
        return (yield from run.finish())


class _Run:
    """The state of one run between its steps: prepare, phases, finish."""

    def __init__(self, control: Control, folder: Path, spec: RunSpec, project: Project, registry: Registry) -> None:
        self._control, self._folder, self._spec, self._registry = control, folder, spec, registry
        self._started = time.perf_counter()
        self._manifest = project.manifest(spec.dataset, spec.revision)
        self._profile = project.dataset(spec.dataset).profile
        self._cache_folder = project.path / "cache" / "features"
        self._descriptor = registry.backbone(spec.backbone)
        self._scores = Scores(registry.metrics(), len(self._manifest.class_names), spec.select_by)
        self._best = Best()
        self._features: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._feature_images, self._feature_seconds = 0, 0.0
        self._kept: dict[str, list[int]] = {}
        self._phase_seconds = 0.0

    def prepare(self) -> Generator[Event, None, None]:
        """Data, weights, method, machine."""
        if self._manifest.fingerprint != self._spec.data_fingerprint:
            raise TrainingError(
                f"The data set '{self._spec.dataset}' is no longer what it was when this run was created. "
                "Create a new run for the data as they are now."
            )
        torch.manual_seed(self._spec.seed)
        backbone: nn.Module = self._descriptor.load()()
        self._weights = weights.resolve(self._descriptor, self._spec.weights)
        self._weights = yield from weights.ensure(self._descriptor, self._weights, self._control)
        weights.load_into(backbone, self._descriptor, self._weights)
        self._preprocessing = self._weights.preprocessing
        method_descriptor = self._registry.method(self._spec.method)
        counts = [0] * len(self._manifest.class_names)
        for label in self._manifest.splits["train"].labels:
            counts[label] += 1
        context = MethodContext(
            backbone=backbone,
            descriptor=self._descriptor,
            preprocessing=self._preprocessing,
            options=method_descriptor.options.model_validate(self._spec.options),
            class_names=self._manifest.class_names,
            class_counts=tuple(counts),
            task="classification",
            profile=self._profile,
            seed=self._spec.seed,
        )
        self._method: Method = method_descriptor.load()()
        self._model = self._method.build(context)
        self._phases = self._method.phases(context)
        pictures = [p for p in self._phases if not p.solve and not all(s.features for s in p.streams)]
        self._runtime = runtime.choose(
            self._spec.runtime,
            backbone,
            crop=self._preprocessing.crop,
            gflops=self._descriptor.gflops * (self._preprocessing.crop / self._descriptor.input_size) ** 2,
            training=bool(pictures),
            name=self._descriptor.id,
            batch_size=pictures[0].streams[0].batch_size if pictures else 32,
        )
        torch.use_deterministic_algorithms(self._spec.runtime.deterministic, warn_only=True)
        yield RuntimeChosen(
            device=self._runtime.device_name,
            precision=self._runtime.precision,
            memory_format=self._runtime.format_name,
            workers=self._runtime.workers,
            threads=self._runtime.threads,
            reason=self._runtime.reason,
        )
        for problem in self._scores.problems:
            yield Message(level="warning", text=problem)
        self._runtime.place(self._model)
        self._runtime.place(self._method.predictor())

    def phases(self) -> Generator[Event, None, None]:
        started = time.perf_counter()
        clock = Clock(total_steps=self._planned_steps())
        for index, phase in enumerate(self._phases):
            if self._control.stop_requested and self._best.state:
                break
            sources = yield from self._sources(phase)
            yield PhaseStarted(
                index=index,
                count=len(self._phases),
                name=phase.name,
                title=phase.title,
                epochs=phase.epochs,
                steps_per_epoch=0 if phase.solve else steps_per_epoch(phase, sources),
            )
            if index and self._best.state:
                self._method.predictor().load_state_dict(self._best.state)
            validate = self._validator(phase)
            if not phase.solve and all(s.features for s in phase.streams) and hasattr(self._method, "begin_features"):
                self._method.begin_features(phase, self._solve_data())
            if phase.solve:
                yield from self._solve(phase, clock)
            else:
                yield from PhaseLoop(
                    self._method,
                    self._model,
                    phase,
                    sources,
                    runtime=self._runtime,
                    seed=self._spec.seed,
                    clock=clock,
                    best=self._best,
                    validate=validate,
                    rank=rank_by(self._scores),
                    control=self._control,
                ).run()
            self._save_best()
        self._clock = clock
        self._phase_seconds = time.perf_counter() - started

    def finish(self) -> Generator[Event, None, dict[str, Any]]:
        """Scores the best model: validation and test, each looked at once, at the end."""
        if not self._best.state:
            self._control.raise_if_stopped()
            raise TrainingError("The method ended without a model.")
        model = self._method.predictor()
        model.load_state_dict(self._best.state)
        splits: dict[str, dict[str, Any]] = {}
        stopped = self._control.stop_requested
        for name in ("val", "test"):
            if self._manifest.splits[name].labels and not (stopped and name == "test"):
                splits[name] = yield from self._score(name, model)
        write_results(self._folder, as_results(splits, self._manifest.class_names, self._note()))
        images = self._clock.images if self._clock.images and not self._feature_only() else self._feature_images
        seconds = self._clock.training_seconds if not self._feature_only() else self._feature_seconds
        return {
            "run": self._spec.run,
            "status": "stopped" if stopped else "finished",
            "metrics": {name: entry["metrics"] for name, entry in splits.items()},
            "best_epoch": self._best.epoch,
            "seconds": {
                "total": round(time.perf_counter() - self._started, 2),
                "training": round(self._phase_seconds, 2),
            },
            "images_per_second": round(images / seconds, 2) if seconds else 0.0,
            "model": str(self._folder / restore.MODEL_FILE),
        }

    def _feature_only(self) -> bool:
        return all(phase.solve or all(s.features for s in phase.streams) for phase in self._phases)

    def _planned_steps(self) -> int:
        """Optimizer steps over all phases, before early stopping."""
        steps = 0
        for phase in self._phases:
            if not phase.solve:
                stream = phase.streams[0]
                batches = max(1, len(self._manifest.splits[stream.split].labels) // stream.batch_size)
                steps += phase.epochs * -(-batches // phase.accumulate)
        return steps

    def _sources(self, phase: Phase) -> Generator[Event, None, dict[str, Source]]:
        if phase.solve:
            yield from self._need_features(("train", "val"))
            return {}
        sources: dict[str, Source] = {}
        for stream in phase.streams:
            sources[stream.name] = yield from self._source(stream)
        return sources

    def _source(self, stream: Stream) -> Generator[Event, None, Source]:
        split = self._manifest.splits[stream.split]
        if stream.features:
            yield from self._need_features((stream.split, "val"))
            features, labels = self._features[stream.split]
            return FeatureSource(features, labels, stream, self._runtime.device, self._spec.seed)
        return PictureSource(split, stream, self._preprocessing, self._runtime, self._spec.seed)

    def _need_features(self, splits: tuple[str, ...]) -> Generator[Event, None, None]:
        """One pass of the frozen backbone over what the cache lacks; pictures that cannot be read drop out."""
        wanted = [name for name in splits if name not in self._features]
        if not wanted:
            return
        backbone: nn.Module = self._method.predictor().backbone  # type: ignore[assignment]  # see Method.predictor
        fingerprint = self._weights.sha256 or f"random-{self._spec.seed}-{torch.__version__}"
        key = cache_key(f"{self._descriptor.id}:{fingerprint}", self._preprocessing, self._runtime.precision)
        cache = FeatureCache(self._cache_folder, key, self._descriptor.feature_dim)
        if self._feature_only():
            wanted = [name for name in ("train", "val", "test") if name not in self._features]
        paths = [path for name in wanted for path in self._manifest.splits[name].paths]
        hashes = [sha256 for name in wanted for sha256 in self._manifest.splits[name].hashes]
        missing = len(cache.missing(hashes))
        if not missing:
            yield Message(text=f"The features of all {len(hashes)} pictures were found in the cache.")
        started = time.perf_counter()
        yield from compute_features(backbone, paths, hashes, self._preprocessing, cache, self._runtime, self._control)
        self._feature_images, self._feature_seconds = missing, time.perf_counter() - started
        for name in wanted:
            split = self._manifest.splits[name]
            kept = [i for i, sha256 in enumerate(split.hashes) if sha256 in cache]
            labels = torch.tensor([split.labels[i] for i in kept], dtype=torch.int64)
            self._features[name] = (cache.get([split.hashes[i] for i in kept]), labels)
            self._kept[name] = kept

    def _validator(self, phase: Phase) -> Any:
        on_features = phase.solve or all(stream.features for stream in phase.streams)
        return validator(
            self._method,
            self._manifest.splits["val"],
            self._features.get("val") if on_features else None,
            self._preprocessing,
            self._runtime,
            self._scores,
            batch_size=32,
        )

    def _solve(self, phase: Phase, clock: Clock) -> Generator[Event, None, None]:
        """A closed-form or full-batch phase; each of its reports is drawn like an epoch."""
        kept, last = clock.epoch + 1, clock.epoch + phase.epochs
        for values in self._method.solve(phase, self._solve_data()):  # type: ignore[attr-defined]  # SolvingMethod
            clock.epoch += 1
            best = bool(values.get("best", True))
            kept = clock.epoch if best else kept
            shown = {name: float(value) for name, value in values.items() if name != "best"}
            yield EpochDone(epoch=clock.epoch, step=clock.step, metrics=shown, best=best)
            if self._control.stop_requested:  # what it has found so far is a model already
                break
        clock.epoch = max(clock.epoch, last)  # one that found its optimum early leaves the numbering as announced
        model = self._runtime.place(self._method.predictor())  # solvers work on the CPU
        features, labels = self._features["val"]
        if len(labels):
            logits = logits_of_features(model, features, self._runtime.device)
            final = {f"val_{k}": v for k, v in self._scores.compute(logits, labels).items()}
            self._best.offer(rank_by(self._scores)(final), model, final, kept)
        else:
            self._best.offer((0.0, float(kept)), model, {}, kept)

    def _solve_data(self) -> SolveData:
        return SolveData(train=self._features["train"], val=self._features["val"], seed=self._spec.seed)

    def _save_best(self) -> None:
        if self._best.state:
            description = restore.describe(
                self._method.predictor(), self._descriptor, self._preprocessing, self._manifest.class_names
            )
            restore.save_model(self._folder, self._best.state, description)

    def _score(self, name: str, model: nn.Module) -> Generator[Event, None, dict[str, Any]]:
        split = self._manifest.splits[name]
        if self._feature_only() and name in self._features:
            features, targets = self._features[name]
            logits, kept = (
                logits_of_features(model, features, self._runtime.device),
                self._kept[name],
            )
        else:
            logits, targets, kept = yield from logits_of_split(
                model, split, self._preprocessing, self._runtime, batch_size=32
            )
        item_ids = [split.item_ids[position] for position in kept]
        save_predictions(self._folder, name, logits.numpy(), targets.numpy(), item_ids)
        scored: dict[str, Any] = evaluate_predictions(
            logits.numpy(), targets.numpy(), self._manifest.class_names, self._registry.metrics(), seed=0
        )
        return scored

    def _note(self) -> str:
        return (
            f"Best model by validation {self._scores.select_by}, epoch {self._best.epoch}; computed in "
            f"{self._runtime.precision} on {self._runtime.device_name}; seed {self._spec.seed}."
        )
