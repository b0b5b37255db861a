"""Where a run is, and how that is put into a checkpoint and taken out again."""

import dataclasses
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event
from tlstudio.training import checkpoint_files, restore, saving, tensors
from tlstudio.training.loop import Diverged, PhaseLoop
from tlstudio.training.preparation import Prepared
from tlstudio.training.progress import Best, Clock
from tlstudio.training.spec import RunSpec


@dataclasses.dataclass
class Course:
    """``index``: the phase that goes on; ``loop``: it, once it has begun; ``pending``: what its loop goes on from.

    ``back_offs`` after divergences in this phase; ``memory_back_offs`` of the run; ``parts`` of a batch at least.
    """

    clock: Clock
    best: Best = dataclasses.field(default_factory=Best)
    index: int = 0
    loop: PhaseLoop | None = None
    pending: tuple[dict[str, Any], tensors.Tensors] | None = None
    back_offs: int = 0
    memory_back_offs: int = 0
    parts: int = 1
    publishable: bool = True  # whether the best so far is of the predictor
    started: float = dataclasses.field(default_factory=time.perf_counter)  # or when time was last counted
    mark: float = dataclasses.field(default_factory=time.perf_counter)  # likewise, of the phases

    def tick(self) -> None:
        """Counts the time until now."""
        now = time.perf_counter()
        self.clock.total_seconds += now - self.started
        self.clock.phase_seconds += now - self.mark
        self.started = self.mark = now

    def skip(self, seconds: float) -> None:
        """Time in which the run waited for its user."""
        self.started += seconds
        self.mark += seconds


class Keeper:
    """Saves and puts back the course of one prepared run."""

    def __init__(self, folder: Path, spec: RunSpec, prepared: Prepared, course: Course) -> None:
        self._spec, self._run, self._course = spec, prepared, course
        self.saver = saving.Saver(folder, spec.runtime.checkpoint_seconds)
        self._saved: tuple[int, ...] = ()  # the place of the last checkpoint

    def put_back(self, found: checkpoint_files.Found) -> None:
        """Everything but the loop of a phase, for which it leaves ``pending``.

        Raises ``TrainingError`` where the network did not begin as it did then.
        """
        state, stored = found.state, saving.load(found)
        differing = [name for name, digest in state["initial"].items() if self._run.initial.get(name) != digest]
        if differing:
            raise TrainingError(
                f"The network is not the one that run {self._spec.run} began with: {len(differing)} of its tensors "
                f"start with other numbers ({differing[0]}). Its weights '{self._spec.weights}', or the plugin that "
                "builds it, have changed; bring them back, or start a new run."
            )
        self.put_back_model(state, stored)
        course = self._course
        course.best = saving.load_best(found, state)
        course.publishable = state.get("publishable", True)
        course.clock = Clock(**{**state["clock"], "last_event": 0.0})
        course.started = course.mark = time.perf_counter()
        course.index, course.back_offs = state["phase"], state["back_offs"]
        course.memory_back_offs, course.parts = state["memory_back_offs"], state["parts"]
        course.pending = (state, stored) if state["loop"] else None
        self.saver.adopt(found, course.best, self.description())

    def put_back_model(self, state: dict[str, Any], stored: tensors.Tensors) -> None:
        tensors.put_back(self._run.model, tensors.under("model/", stored))
        if hasattr(self._run.method, "load_state_dict"):
            self._run.method.load_state_dict({**state["method"], **tensors.under("method/", stored)})

    def save(self, now: bool, *, pin: bool = False) -> Generator[Event, None, None]:
        """Writes a checkpoint now, or where one is due. ``pin``: it is the beginning of a phase, to be kept.

        Raises :class:`Diverged` rather than keep useless numbers, ``Parked`` where the disk is full.
        """
        course, run = self._course, self._run
        loop = course.loop.state() if course.loop else None
        place = (course.index, course.clock.step, course.clock.epoch, loop["batch"] if loop else -1, course.back_offs)
        if place == self._saved or not (now or self.saver.due()):
            if pin:
                self.saver.pin_newest()
            return
        trained = course.loop.optimizer.names if course.loop else set()
        model = tensors.changed(run.model, run.initial, trained)
        learned = course.loop.tensors() if course.loop else {}
        if not tensors.finite([*(model[name] for name in trained), *learned.values()]):
            raise Diverged("a weight is no longer a number")
        own = run.method.state_dict() if hasattr(run.method, "state_dict") else {}
        course.tick()
        kept = {f"method/{name}": value for name, value in own.items() if isinstance(value, torch.Tensor)}
        parts = {**{f"model/{name}": tensor for name, tensor in model.items()}, **learned, **kept}
        state = {
            "schema_version": checkpoint_files.SCHEMA_VERSION,
            "spec": self._spec.model_dump(mode="json"),
            "phase": course.index,
            "loop": loop,
            "clock": dataclasses.asdict(course.clock),
            "best": saving.best_state(course.best),
            "back_offs": course.back_offs,
            "memory_back_offs": course.memory_back_offs,
            "parts": course.parts,
            "publishable": course.publishable,
            "method": {name: value for name, value in own.items() if not isinstance(value, torch.Tensor)},
            "runtime": run.runtime.saved(),
            "torch": torch.__version__,
            "initial": run.initial,
        }
        yield self.saver.write(parts, state, course.clock.step, course.best, self.description(), pin=pin)
        self._saved = place

    def keep_best(self) -> None:
        self.saver.keep_best(self._course.best, self.description())

    def description(self) -> dict[str, Any] | None:
        """``None`` where the best so far is a part of the model that cannot be used alone."""
        run = self._run
        if not self._course.publishable:
            return None
        return restore.describe(run.method.predictor(), run.descriptor, run.subject)
