"""One phase: batches in, optimizer steps, validation after each epoch, events out."""

import dataclasses
import math
import time
from collections.abc import Callable, Generator

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import EpochDone, Event, Message, StepDone
from tlstudio.api.method import Batch, Method, Phase, StepState
from tlstudio.control import Control
from tlstudio.seeding import derive, generator, seed_step
from tlstudio.training.averaging import WeightAverage
from tlstudio.training.batch_norm import freeze_all_but, set_training_modes
from tlstudio.training.runtime import Runtime
from tlstudio.training.schedule import factor
from tlstudio.training.sources import Source, together

_EVENT_INTERVAL_S = 0.05

Validate = Callable[[], dict[str, float]]
Rank = Callable[[dict[str, float]], tuple[float, float]]


@dataclasses.dataclass
class Best:
    """The best model so far, by validation. ``state``: CPU copies of the predictor's tensors."""

    rank: tuple[float, float] = (-math.inf, -math.inf)
    state: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    values: dict[str, float] = dataclasses.field(default_factory=dict)
    epoch: int = 0

    def offer(self, rank: tuple[float, float], predictor: nn.Module, values: dict[str, float], epoch: int) -> bool:
        """Keeps a copy if ``rank`` is higher."""
        if self.state and rank <= self.rank:
            return False
        self.rank, self.values, self.epoch = rank, dict(values), epoch
        self.state = {n: t.detach().to("cpu", copy=True).contiguous() for n, t in predictor.state_dict().items()}
        return True


@dataclasses.dataclass
class Clock:
    """Where the run is, over all its phases."""

    total_steps: int
    step: int = 0
    epoch: int = 0
    images: int = 0
    training_seconds: float = 0.0
    validation_seconds: float = 0.0
    last_event: float = 0.0

    def eta(self) -> float:
        spent = self.training_seconds + self.validation_seconds
        return round(spent / self.step * max(0, self.total_steps - self.step), 1) if self.step >= 3 else -1.0


class PhaseLoop:
    """Runs one phase of ``method`` on ``model``; what it learns about time and the best model outlives it."""

    def __init__(
        self,
        method: Method,
        model: nn.Module,
        phase: Phase,
        sources: dict[str, Source],
        *,
        runtime: Runtime,
        seed: int,
        clock: Clock,
        best: Best,
        validate: Validate,
        rank: Rank,
        control: Control,
    ) -> None:
        self._method, self._model, self._phase, self._sources = method, model, phase, sources
        self._runtime, self._seed, self._clock, self._best = runtime, seed, clock, best
        self._validate, self._rank, self._control = validate, rank, control
        self._steps_per_epoch = steps_per_epoch(phase, sources)
        self._steps = phase.epochs * self._steps_per_epoch
        self._optimizer, self._rates = _make_optimizer(model, phase)
        self._average = WeightAverage(model, phase.ema) if phase.ema else None
        self._told_failures = 0

    def run(self) -> Generator[Event, None, None]:
        phase_best, waited, start = (-math.inf, -math.inf), 0, self._clock.step
        for epoch in range(self._phase.epochs):
            train_values = yield from self._train_epoch(epoch)
            if self._control.stop_requested and not train_values:
                return
            self._clock.epoch += 1
            values = yield from self._validated(train_values)
            rank = self._rank_of(values)
            if rank > phase_best:
                phase_best, waited = rank, 0
            else:
                waited += 1
            if self._control.stop_requested:
                return
            if self._phase.patience and waited >= self._phase.patience and epoch + 1 < self._phase.epochs:
                yield Message(
                    text=f"{self._phase.title}: stopped early after {epoch + 1} epochs, since the validation score "
                    f"had not improved for {waited}."
                )
                self._clock.total_steps -= self._steps - (self._clock.step - start)
                return

    def _train_epoch(self, epoch: int) -> Generator[Event, None, dict[str, float]]:
        set_training_modes(self._model, self._phase.batch_norm)
        step = epoch * self._steps_per_epoch
        losses: list[torch.Tensor] = []
        hits: list[torch.Tensor] = []
        checked = seen = 0
        group: list[dict[str, Batch]] = []
        started = time.perf_counter()
        batches = together(self._sources, epoch)
        while not self._control.stop_requested:
            batch = next(batches, None)
            if batch is not None:
                group.append(batch)
            if not group or (batch is not None and len(group) < self._phase.accumulate):
                if batch is None:
                    break
                continue
            loss, right, count, logs = self._step(group, epoch, step)
            step += 1
            losses.append(loss)
            hits += right
            seen, group = seen + count, []
            self._clock.step += 1
            self._clock.images += count
            now = time.perf_counter()
            self._clock.training_seconds += now - started
            started = now
            if now - self._clock.last_event >= _EVENT_INTERVAL_S or step % self._steps_per_epoch == 0:
                self._clock.last_event = now
                self._check_finite(losses[checked:])
                checked = len(losses)
                yield self._event(float(losses[-1]), step, epoch, logs)
                yield from self._tell_failures()
                started = time.perf_counter()
        if not losses:
            return {}
        self._check_finite(losses[checked:])
        values = {"train_loss": float(torch.stack(losses).mean())}
        if hits:
            values["train_accuracy"] = float(torch.stack(hits).sum()) / seen
        return values

    def _step(
        self, group: list[dict[str, Batch]], epoch: int, step: int
    ) -> tuple[torch.Tensor, list[torch.Tensor], int, dict[str, float]]:
        """Returns the loss, correct answers of each batch (still on the device), pictures, and the method's logs."""
        place = (self._phase.name, step)
        seed_step(derive(self._seed, "step", *place), self._runtime.device)
        scale = factor(self._phase.schedule, step, self._steps)
        for parameters, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            parameters["lr"] = rate * scale
        state = StepState(self._phase, epoch, step, self._steps, generator(self._seed, "method", *place))
        total, count = torch.zeros((), device=self._runtime.device), 0
        hits: list[torch.Tensor] = []
        logs: dict[str, float] = {}
        try:
            for batch in group:
                with self._runtime.autocast():
                    output = self._method.step(batch, state)
                (output.loss / len(group)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                total = total + output.loss.detach() / len(group)
                first = next(iter(batch.values()))
                count += len(first.targets)
                logs = output.logs
                if output.output is not None and output.target is not None:
                    hits.append((output.output.detach().argmax(1) == output.target).sum())
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error):
                size = len(next(iter(group[0].values())).targets)
                raise TrainingError(
                    f"The {self._runtime.device_name} ran out of memory with {size} pictures in a batch. Train again "
                    f"with a smaller batch (--set batch_size={max(1, size // 2)}), or a smaller backbone."
                ) from error
            raise
        if self._phase.clip_norm:
            trained = [p for g in self._optimizer.param_groups for p in g["params"]]
            nn.utils.clip_grad_norm_(trained, self._phase.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._average:
            self._average.update(self._model)
        return total, hits, count, logs

    def _validated(self, train_values: dict[str, float]) -> Generator[Event, None, dict[str, float]]:
        """Validates (the averaged weights, where there are any), offers the model as the best, tells."""
        started = time.perf_counter()
        if self._average:
            self._average.swap(self._model)
        values = self._validate()
        kept = self._best.offer(
            self._rank_of(values), self._method.predictor(), {**train_values, **values}, self._clock.epoch
        )
        if self._average:
            self._average.swap(self._model)
        self._clock.validation_seconds += time.perf_counter() - started
        yield EpochDone(epoch=self._clock.epoch, step=self._clock.step, metrics={**train_values, **values}, best=kept)
        return values

    def _rank_of(self, values: dict[str, float]) -> tuple[float, float]:
        # Without a validation split the latest model is kept.
        return self._rank(values) if values else (0.0, float(self._clock.epoch))

    def _check_finite(self, losses: list[torch.Tensor]) -> None:
        if losses and not bool(torch.isfinite(torch.stack(losses)).all()):
            raise TrainingError(
                f"The loss is no longer a number in phase '{self._phase.title}', step {self._clock.step}: training "
                "diverged. Train again with a lower learning rate; the best model so far is kept."
            )

    def _event(self, loss: float, step: int, epoch: int, logs: dict[str, float]) -> StepDone:
        clock = self._clock
        within = (step - epoch * self._steps_per_epoch) / self._steps_per_epoch
        return StepDone(
            step=clock.step,
            epoch=round(clock.epoch + within, 4),
            loss=loss,
            lr=float(self._optimizer.param_groups[0]["lr"]),
            images_per_second=round(clock.images / max(clock.training_seconds, 1e-9), 2),
            eta=clock.eta(),
            progress=round(min(1.0, clock.step / max(1, clock.total_steps)), 4),
            memory_bytes=self._runtime.memory_bytes(),
            logs=logs,
        )

    def _tell_failures(self) -> Generator[Event, None, None]:
        failures = [f for source in self._sources.values() for f in source.failures]
        for path, reason in failures[self._told_failures :]:
            yield Message(level="warning", text=f"{path} was skipped: {reason}")
        self._told_failures = len(failures)


def steps_per_epoch(phase: Phase, sources: dict[str, Source]) -> int:
    """Optimizer steps; the last of an epoch may accumulate fewer batches."""
    return max(1, -(-len(next(iter(sources.values()))) // phase.accumulate))


def _make_optimizer(model: nn.Module, phase: Phase) -> tuple[torch.optim.Optimizer, list[float]]:
    named = {name for group in phase.groups for name in group.parameters}
    chosen = set(freeze_all_but(model, named, phase.batch_norm))
    parameters = dict(model.named_parameters())
    if unknown := named - parameters.keys():
        raise TrainingError(f"The phase '{phase.name}' names parameters that do not exist: {sorted(unknown)[:3]}.")
    groups, rates = [], []
    for group in phase.groups:
        members = [parameters[name] for name in group.parameters if name in chosen]
        if members:
            groups.append({"params": members, "lr": group.lr, "weight_decay": group.weight_decay})
            rates.append(group.lr)
    if not groups:
        raise TrainingError(f"The phase '{phase.name}' has nothing to train.")
    kind = phase.optimizer
    if kind.kind == "sgd":
        return torch.optim.SGD(groups, lr=rates[0], momentum=kind.momentum, nesterov=kind.momentum > 0), rates
    return torch.optim.AdamW(groups, lr=rates[0], betas=kind.betas), rates
