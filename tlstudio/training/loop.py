"""One phase: batches in, optimizer steps, validation after each epoch, events out; can be left after any step."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import EpochDone, Event, Message, Progress, StepDone
from tlstudio.api.method import Method
from tlstudio.api.phases import Phase
from tlstudio.api.task import Objective
from tlstudio.control import Control
from tlstudio.training.averaging import WeightAverage
from tlstudio.training.batch_norm import set_training_modes
from tlstudio.training.evaluating import Rank, Validate
from tlstudio.training.optimizers import NamedOptimizer
from tlstudio.training.predict import NotNumbers
from tlstudio.training.progress import Best, Clock, Place
from tlstudio.training.runtime import Runtime
from tlstudio.training.sources import Source, Streams
from tlstudio.training.stepping import Batches, Stepper, StepResult
from tlstudio.training.tensors import Tensors, under

_EVENT_INTERVAL_S = 0.05
_VALIDATION_PROGRESS_S = 1.0  # a validation that takes longer shows how far it is
_RUNAWAY = 1e3  # times the first loss of the phase, for this many steps in a row: diverged
_RUNAWAY_STEPS = 10
_BAD_FILES, _BAD_SHARE = 20, 0.05  # how many files of a stream may turn out unreadable: the larger of the two
_NAMED_FILES = 10  # each of them in a message of its own, the others counted

Boundary = Callable[[], Generator[Event, None, None]]


class Diverged(Exception):
    """The loss or a weight is no longer a number of any use."""


class PhaseLoop:
    """Runs one phase of ``method`` on ``model``; what it learns about time and the best model outlives it.

    ``keeps``: the module whose best state is kept; ``None``: nothing is, and the last epoch counts. ``boundary`` is
    called between two steps, twenty times a second or (``every_step``) after each, and between two epochs: it writes
    checkpoints, waits or raises. Raises :class:`Diverged`, and ``OutOfMemoryInUpdate``.
    """

    def __init__(
        self,
        method: Method,
        model: nn.Module,
        phase: Phase,
        sources: dict[str, Source],
        *,
        objective: Objective,
        runtime: Runtime,
        seed: int,
        clock: Clock,
        best: Best,
        validate: Validate,
        rank: Rank,
        keeps: Callable[[], nn.Module] | None,
        control: Control,
        boundary: Boundary,
        every_step: bool = False,
    ) -> None:
        self._method, self._model, self._phase, self._streams = method, model, phase, Streams(sources)
        self._runtime, self._clock, self._best = runtime, clock, best
        self._validate, self._rank, self._control, self._boundary = validate, rank, control, boundary
        self._keeps = keeps
        self._every_step = every_step
        self.steps = phase.epochs * steps_per_epoch(phase, sources)
        self.optimizer = NamedOptimizer(model, phase)
        self.stepper = Stepper(method, objective, phase, self.optimizer, runtime, seed, self.steps)
        self._average = WeightAverage(model, phase.ema) if phase.ema else None
        self._place = Place(first_step=clock.step)
        self._hits: list[torch.Tensor] = []  # since the last look
        self._losses: list[torch.Tensor] = []  # likewise
        self._logs: dict[str, float] = {}

    # --- what a checkpoint holds ---------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What is not a tensor; call :meth:`look` first."""
        averaged = self._average.updates if self._average else 0
        extra = {"others": self._streams.others, "averaged": averaged, "parts": self.stepper.parts}
        return {**dataclasses.asdict(self._place), **extra, "rate": self.stepper.rate}

    def tensors(self) -> Tensors:
        averages = self._average.tensors() if self._average else {}
        return {
            **{f"optimizer/{name}": t for name, t in self.optimizer.tensors().items()},
            **{f"average/{name}": t for name, t in averages.items()},
        }

    def put_back(self, state: dict[str, Any], tensors: Tensors) -> None:
        values = {field.name: state[field.name] for field in dataclasses.fields(Place)}
        self._place = Place(**{**values, "best": tuple(values["best"])})
        self._streams.others = {name: (place[0], place[1]) for name, place in state["others"].items()}
        self.stepper.parts, self.stepper.rate = state["parts"], state["rate"]
        self.optimizer.put_back(under("optimizer/", tensors))
        if self._average:
            self._average.put_back(under("average/", tensors), state["averaged"])

    @contextlib.contextmanager
    def as_validated(self) -> Generator[None, None, None]:
        """Inside, the model is the one that would be validated now: with averaged weights, where there are any."""
        with self._average.in_place(self._model) if self._average else contextlib.nullcontext():
            yield
        set_training_modes(self._model, self._phase.batch_norm)

    # --- the phase -----------------------------------------------------------------------------------------

    def run(self) -> Generator[Event, None, None]:
        place = self._place
        while place.epoch < self._phase.epochs:
            yield from self._train_epoch()
            if self._control.stop_requested and not place.losses:
                return
            values = yield from self._validated()
            if values is None:  # somebody wants to leave, and there is a model already
                return
            rank = self._rank_of(values)
            if rank > place.best:
                place.best, place.waited = rank, 0
            else:
                place.waited += 1
            place.epoch, place.batch, place.hits, place.seen = place.epoch + 1, 0, None, 0
            place.losses = []
            if self._control.stop_requested:
                return
            if self._phase.patience and place.waited >= self._phase.patience and place.epoch < self._phase.epochs:
                yield Message(
                    text=f"{self._phase.title}: stopped early after {place.epoch} epochs, since the validation score "
                    f"had not improved for {place.waited}."
                )
                self._clock.total_steps -= self.steps - (self._clock.step - place.first_step)
                return
            if place.epoch < self._phase.epochs:
                yield from self._boundary()

    def _train_epoch(self) -> Generator[Event, None, None]:
        set_training_modes(self._model, self._phase.batch_norm)
        place = self._place
        group: list[Batches] = []
        started = time.perf_counter()
        for number, batch in self._streams.epoch(place.epoch, place.batch):
            group.append(batch)
            if len(group) < self._phase.accumulate and number + 1 < len(self._streams):
                continue
            self._count(self.stepper.step(group, place.epoch, place.step))
            place.batch, group = number + 1, []
            now = time.perf_counter()
            self._clock.training_seconds += now - started
            started = now
            last = place.batch >= len(self._streams)
            pressing = self._control.interrupted or self._every_step
            if last or pressing or now - self._clock.last_event >= _EVENT_INTERVAL_S:
                yield from self.look()
                if not last or pressing:
                    yield from self._boundary()
                if self._control.stop_requested:
                    return
                started = time.perf_counter()
        if group:  # the epoch's last batches could not be read
            self._count(self.stepper.step(group, place.epoch, place.step))
        place.batch = len(self._streams)
        yield from self.look()

    def _count(self, result: StepResult) -> None:
        if self._average:
            self._average.update(self._model)
        self._losses.append(result.loss)
        self._hits += result.hits
        self._place.step += 1
        self._place.seen += result.count
        self._logs = result.logs
        self._clock.step += 1
        self._clock.images += result.count

    def look(self) -> Generator[Event, None, None]:
        """Brings what happened since the last look to the CPU, judges and tells it."""
        yield from self._tell_troubles()
        if not self._losses:
            return
        losses: list[float] = torch.stack(self._losses).float().tolist()
        self._losses = []
        place = self._place
        if self._hits:
            place.hits = (place.hits or 0) + torch.stack(self._hits).sum().item()
            self._hits = []
        self._clock.last_event = time.perf_counter()
        yield self._event(losses)
        self._judge(losses)
        place.losses += losses

    def _judge(self, losses: list[float]) -> None:
        place = self._place
        for loss in losses:
            if not math.isfinite(loss):
                raise Diverged("the loss is no longer a number")
            if math.isnan(place.first_loss):
                place.first_loss = max(1.0, abs(loss))
            place.runaway = place.runaway + 1 if loss > _RUNAWAY * place.first_loss else 0
            if place.runaway >= _RUNAWAY_STEPS:
                raise Diverged(f"the loss has grown to {loss:.3g}")

    def _validated(self) -> Generator[Event, None, dict[str, float] | None]:
        """Validates, offers the model as the best, tells. ``None`` where it was left out because somebody leaves."""
        started, place = time.perf_counter(), self._place
        shown = {"train_loss": float(torch.tensor(place.losses).mean())} if place.losses else {}
        if place.hits is not None:
            shown["train_accuracy"] = place.hits / place.seen
        with self.as_validated():
            try:
                values = yield from self._values()
            except NotNumbers as error:
                raise Diverged("what the model answers on the validation split is no number any more") from error
            if values is not None:
                self._clock.epoch += 1
                shown |= values
                kept = self._keeps is not None and self._best.offer(
                    self._rank_of(values), self._keeps(), shown, self._clock.epoch
                )
        self._clock.validation_seconds += time.perf_counter() - started
        if values is None:
            yield from self._boundary()
            return None
        yield EpochDone(epoch=self._clock.epoch, step=self._clock.step, metrics=shown, best=kept)
        return values

    def _values(self) -> Generator[Event, None, dict[str, float] | None]:
        """A person who stops does not wait for a validation where there is a model already, one who parks never."""
        started, steps = time.perf_counter(), self._validate()
        while not (self._control.park_requested or (self._control.stop_requested and self._best.state)):
            try:
                event = next(steps)
            except StopIteration as done:
                values: dict[str, float] = done.value
                return values
            if isinstance(event, Progress):
                if time.perf_counter() - started > _VALIDATION_PROGRESS_S:
                    yield event
            elif not isinstance(event, Message) or event.text not in self._place.told:
                self._place.told += [event.text] if isinstance(event, Message) else []
                yield event
        return None

    def _rank_of(self, values: dict[str, float]) -> tuple[float, float]:
        # Where nothing decides, as without a validation split, the latest model is kept.
        return self._rank(values) or (0.0, float(self._clock.epoch))

    def _event(self, losses: list[float]) -> StepDone:
        clock, place = self._clock, self._place
        return StepDone(
            step=clock.step,
            epoch=round(clock.epoch + place.batch / len(self._streams), 4),
            loss=losses[-1],
            losses=losses,
            lr=self.optimizer.lr,
            images_per_second=round(clock.images / max(clock.training_seconds, 1e-9), 2),
            eta=clock.eta(),
            progress=round(min(1.0, clock.step / max(1, clock.total_steps)), 4),
            memory_bytes=self._runtime.memory_bytes(),
            logs=self._logs,
        )

    def _tell_troubles(self) -> Generator[Event, None, None]:
        while self.stepper.notes:
            yield Message(level="warning", text=self.stepper.notes.pop(0))
        told = self._place.told
        for name, source in self._streams.sources.items():
            while source.notes:
                yield Message(level="warning", text=source.notes.pop(0))
            fresh = [path for path in source.failures if path not in told]
            for path in fresh:
                told.append(path)
                if len(told) <= _NAMED_FILES:
                    yield Message(level="warning", text=f"{path} was skipped: {source.failures[path]}")
                elif len(told) == _NAMED_FILES + 1:
                    yield Message(level="warning", text="More files could not be read; they are counted from here on.")
            count, bound = len(source.failures), max(_BAD_FILES, int(_BAD_SHARE * source.samples))
            if fresh and (count > bound or 2 * count > source.samples):
                raise TrainingError(
                    f"{count:,} of {source.samples:,} files of '{name}' can no longer be read, {fresh[-1]} the last of "
                    "them. Is the drive still connected? Bring them back and resume the run, or import the data again."
                )


def steps_per_epoch(phase: Phase, sources: dict[str, Source]) -> int:
    """Optimizer steps; the last of an epoch may accumulate fewer batches."""
    return max(1, -(-len(next(iter(sources.values()))) // phase.accumulate))
