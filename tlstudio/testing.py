"""Checks that a plugin's author runs on a method: does it survive interruptions, and leave alone what it freezes?

    from tlstudio.testing import check_method
    check_method(MY_DESCRIPTOR, options={"epochs": 2})

Needs torch; takes some seconds. It trains for real, on a few drawn pictures, in the calling process.
"""

import dataclasses
import random
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn.modules.batchnorm import _BatchNorm

from tlstudio import history, runs
from tlstudio.api import MethodDescriptor, hookimpl
from tlstudio.api.events import Checkpointed, Event, Failed, Finished, PhaseStarted
from tlstudio.api.method import Need
from tlstudio.api.phases import BatchNorm
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import checkpoint_files, saving
from tlstudio.training.batch_norm import freeze_all_but, set_training_modes
from tlstudio.training.preparation import prepare
from tlstudio.training.spec import RunSpec, RuntimePreferences
from tlstudio.worker import events_of

_RUNTIME = RuntimePreferences(
    device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True, checkpoint_seconds=0
)
_CLOCK = {"training_seconds", "validation_seconds", "phase_seconds", "total_seconds", "last_event"}


class NotConforming(AssertionError):
    """``problems``: a sentence for each promise that the method does not keep."""

    def __init__(self, method: str, problems: list[str]) -> None:
        super().__init__(f"The method '{method}' does not conform:\n- " + "\n- ".join(problems))
        self.problems = problems


def check_method(
    method: MethodDescriptor,
    *,
    options: Mapping[str, Any] | None = None,
    backbone: str = "glyphnet",
    interruptions: int = 5,
    given: Sequence[Need] | None = None,
) -> None:
    """Trains ``method`` several times with ``options`` and compares.

    - Repeatable: two runs give the same loss at every step, whatever the state of the global generators before.
    - Resumable: a run that is broken off at ``interruptions`` places (inside phases, between them, after the last
      step), and each time goes on from its checkpoint in a newly built method, ends with the same weights, optimizer
      state, averages and buffers (``torch.equal``), and has told the same course.
    - Frozen is frozen: a module of which no parameter is in a phase's groups keeps its parameters and buffers in it.
    - What it hands over is of use: modules, phases, losses and answers are what the guide says; none is NaN.

    ``given``: what its runs are given beside their data; what the method needs, where nothing is said.

    Raises :class:`NotConforming`. What fails most often: state that neither a module's buffers nor ``state_dict`` hold,
    and randomness from a generator of the plugin's own.
    """
    registry = Registry.discover()
    if method.id not in {known.id for known in registry.methods()}:
        registry.register("plugin-under-test", _plugin(method))
    with tempfile.TemporaryDirectory(prefix="tlstudio-check-") as name:
        wanted = method.needs if given is None else given
        bench = _Bench(Path(name), registry, method, dict(options or {}), backbone, tuple(wanted))
        try:
            problems = bench.problems(interruptions)
        except _RunFailed as failure:
            raise NotConforming(method.id, [f"Its run fails. {failure}"]) from failure
    if problems:
        raise NotConforming(method.id, problems)


class _RunFailed(Exception):
    """A sentence and a traceback."""


@dataclasses.dataclass(frozen=True)
class _Course:
    """``state`` and ``tensors`` of the last checkpoint; ``kept`` those at the beginning and the end of each phase."""

    facts: list[history.Fact]
    events: int
    state: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    kept: dict[int, tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]


class _Bench:
    def __init__(
        self, folder: Path, registry: Registry, method: MethodDescriptor, options: dict[str, Any], backbone: str,
        given: tuple[Need, ...],
    ) -> None:  # fmt: skip
        self._registry, self._method, self._options, self._backbone = registry, method, options, backbone
        self._path, self._first = folder / "check.tlproj", 0
        Project.create(self._path).close()
        self._import(folder / "pictures", "drawn", seed=0)
        self._inputs: dict[str, Any] = {}
        if "source" in given:
            self._import(folder / "others", "others", seed=1)
            self._inputs["source"] = "others"
        if "teacher" in given:
            self._inputs["teacher"] = backbone
        if "unlabelled" in given:
            self._inputs["labels_per_class"] = 5
        if "runs" in given:
            self._inputs["runs"] = tuple(self._finished(seed) for seed in (0, 1))

    def _import(self, folder: Path, name: str, seed: int) -> None:
        _draw(folder, seed)
        arguments = {"project": str(self._path), "source": str(folder), "name": name}
        for event in events_of("import-data", arguments, Control()):
            _raise_if_failed(event)

    def _finished(self, seed: int) -> int:
        """A run that the method can begin from."""
        with Project.open(self._path) as project:
            run = runs.create_run(
                project, self._registry, dataset="drawn", backbone=self._backbone, method="fine-tuning",
                options={"epochs": 1}, seed=seed, runtime=_RUNTIME,
            )  # fmt: skip
            for event in self._events(run.dir):
                _raise_if_failed(event)
            project.update_run(run.id, state="finished", model=f"runs/{run.id}/model.safetensors")
        return run.id

    def problems(self, interruptions: int) -> list[str]:
        torch.manual_seed(1)
        alone = self._train([])
        torch.manual_seed(2)
        random.seed(2)
        np.random.seed(2)
        again = self._train([])
        found = [] if alone.facts == again.facts else [f"Two runs differ: {_difference(alone, again)}."]
        places = [max(1, round(alone.events * (k + 1) / (interruptions + 1))) for k in range(interruptions)]
        broken = self._train(places)
        if alone.facts != broken.facts:
            found.append(f"A run that was interrupted took another course: {_difference(alone, broken)}.")
        found += [
            f"After interruptions '{name}' is not what it is without them."
            for name in sorted({*alone.tensors, *broken.tensors})
            if not _equal(alone.tensors.get(name), broken.tensors.get(name))
        ][:8]
        if alone.state != broken.state:
            names = sorted(name for name in alone.state if alone.state[name] != broken.state.get(name))
            found.append(f"After interruptions the state is another: {', '.join(names)}.")
        return [*found, *self._unfrozen(alone)]

    def _train(self, breaks: list[int]) -> _Course:
        """A run, broken off at the given numbers of events that it would have said without a break."""
        with Project.open(self._path) as project:
            run = runs.create_run(
                project, self._registry, dataset="drawn", backbone=self._backbone, method=self._method.id,
                options=self._options, runtime=_RUNTIME, **self._inputs,
            )  # fmt: skip
        self._first = self._first or run.id
        kept: dict[int, tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]] = {}
        last: Event | None = None
        for end in [*breaks, None]:
            last = self._go(run.dir, end, kept)
        if not isinstance(last, Finished):
            raise _RunFailed(f"It ended with {last}.")
        found, _ = checkpoint_files.newest(run.dir)
        assert found is not None
        state = {name: value for name, value in found.state.items() if name not in ("events_bytes", "serial", "spec")}
        state["clock"] = {name: value for name, value in state["clock"].items() if name not in _CLOCK}
        state.pop("pinned", None)
        events = history.read(run.dir)
        return _Course(history.facts(events), len(events), state, saving.load(found), kept)

    def _go(
        self, run_dir: Path, end: int | None, kept: dict[int, tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]
    ) -> Event | None:
        checkpoint_files.begin(run_dir)
        phase, event = -1, None
        before: dict[str, torch.Tensor] = {}
        with (run_dir / "events.jsonl").open("a", encoding="utf-8") as log:
            said = len(history.read(run_dir))
            for event in self._events(run_dir):
                log.write(history.line(event))
                log.flush()
                _raise_if_failed(event)
                if isinstance(event, PhaseStarted):
                    phase = event.index
                    if phase == 0:  # a later phase begins with the best model of the one before it
                        kept[phase] = (before, before)
                if isinstance(event, Checkpointed) and end is None:
                    found, _ = checkpoint_files.newest(run_dir)
                    assert found is not None
                    before = saving.load(found)
                    if phase >= 0:
                        kept[phase] = (kept.get(phase, (before, before))[0], before)
                said += 1
                if end is not None and said >= end:
                    break  # what the generator has in memory is lost, as with a kill
        return event

    def _events(self, run_dir: Path) -> Iterator[Event]:
        return events_of("train", {"run_dir": str(run_dir), "registry": self._registry}, Control())

    def _unfrozen(self, course: _Course) -> list[str]:
        with Project.open(self._path) as project:
            spec = RunSpec.load(project.run_dir(self._first))
            steps = prepare(Control(), spec, project, self._registry, None)
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    prepared = done.value
                    break
        one, other = (prepared.method.predictor().state_dict() for _ in range(2))
        same = one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
        found = [] if same else ["'predictor()' answers with another network each time that it is called."]
        for index, phase in enumerate(prepared.phases):
            before, after = course.kept.get(index, ({}, {}))
            trained = {name for group in phase.groups for name in group.parameters}
            free = phase.solve or phase.compute or (not trained and phase.batch_norm != "frozen")
            frozen = set() if free else _frozen(prepared.model, trained, phase.batch_norm)
            found += [
                f"'{name}' is frozen in phase '{phase.name}', and has changed."
                for name in sorted(frozen)
                if not _equal(before.get(f"model/{name}"), after.get(f"model/{name}"))
            ]
        return found[:8]


def _frozen(model: torch.nn.Module, trained: set[str], batch_norm: BatchNorm) -> set[str]:
    """Parameters and buffers of the modules that have parameters, none of which is trained; but for the statistics
    that the phase's policy moves beside layers that learn.
    """
    freeze_all_but(model, trained, batch_norm)
    set_training_modes(model, batch_norm)
    names: set[str] = set()
    for prefix, module in model.named_modules():
        start = f"{prefix}." if prefix else ""
        own = {start + name for name, _ in module.named_parameters()}
        if own and not own & trained:
            names |= own | {start + name for name, _ in module.named_buffers()}
    norms = [(name, m) for name, m in model.named_modules() if isinstance(m, _BatchNorm) and m.training]
    return names - {f"{name}.{buffer}" for name, norm in norms for buffer, _ in norm.named_buffers()}


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)


def _difference(one: _Course, other: _Course) -> str:
    for a, b in zip(one.facts, other.facts, strict=False):
        if a != b:
            return f"{a} against {b}"
    return f"{len(one.facts)} facts against {len(other.facts)}"


def _raise_if_failed(event: Event) -> None:
    if isinstance(event, Failed):
        raise _RunFailed(f"{event.sentence}\n{event.traceback}")


def _plugin(method: MethodDescriptor) -> types.ModuleType:
    module = types.ModuleType("plugin_under_test")

    @hookimpl
    def tlstudio_methods() -> list[MethodDescriptor]:
        return [method]

    module.tlstudio_methods = tlstudio_methods  # type: ignore[attr-defined]  # that is how a hook is offered
    return module


def _draw(folder: Path, seed: int = 0) -> None:
    """Three classes with 16 pictures each, which differ in shape, place and colour."""
    rng = np.random.default_rng(seed)
    for label in ("disc", "box", "bar"):
        (folder / label).mkdir(parents=True)
        for number in range(16):
            picture = Image.fromarray(rng.integers(0, 80, (40, 40, 3), dtype=np.uint8))
            x, y, size = (int(v) for v in rng.integers((4, 4, 10), (16, 16, 20)))
            box = (x, y, x + size, y + (size if label != "bar" else 4))
            color = tuple(int(v) for v in rng.integers(120, 255, 3))
            draw = ImageDraw.Draw(picture)
            (draw.ellipse if label == "disc" else draw.rectangle)(box, fill=color)
            picture.save(folder / label / f"{number:02}.png")
