"""One optimizer step: forward and backward passes over its batches, in smaller parts where memory is short."""

import dataclasses

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.method import Method
from tlstudio.api.phases import Batch, Phase, StepState
from tlstudio.api.task import Objective
from tlstudio.seeding import derive, generator, seed_step
from tlstudio.training.memory import free_memory, is_out_of_memory
from tlstudio.training.optimizers import NamedOptimizer
from tlstudio.training.promises import check_step, plain_numbers
from tlstudio.training.runtime import Runtime
from tlstudio.training.schedule import factor
from tlstudio.training.sharpness import ascent, held_statistics, moved_by

Batches = dict[str, Batch]


class OutOfMemoryInUpdate(Exception):
    """The optimizer ran out of memory half-way: the weights are of no use until they are put back."""


@dataclasses.dataclass
class StepResult:
    """``loss`` and ``hits`` (correct answers of each part) are still on the device."""

    loss: torch.Tensor
    hits: list[torch.Tensor]
    count: int
    logs: dict[str, float]


class Stepper:
    """``parts``: into how many a batch is cut; the gradients add up to those of the whole batch.

    ``notes``: sentences to be told, of what had to be changed on the way.
    """

    def __init__(
        self,
        method: Method,
        objective: Objective,
        phase: Phase,
        optimizer: NamedOptimizer,
        runtime: Runtime,
        seed: int,
        steps: int,
    ) -> None:
        self._objective = objective
        self._method, self._phase, self._optimizer = method, phase, optimizer
        self._runtime, self._seed, self._steps = runtime, seed, steps
        self.parts = 1
        self.rate = 1.0  # lowered after a divergence
        self.notes: list[str] = []

    def step(self, group: list[Batches], epoch: int, step: int) -> StepResult:
        """``group``: the batches of one optimizer step; ``step`` counts within the phase, from 0.

        Without parameter groups there are forward passes alone.
        """
        self._optimizer.set_factor(self.rate * factor(self._phase.schedule, step, self._steps), epoch)
        largest = 0
        while True:
            try:
                result = self._gradients(group, epoch, step)
                if self._phase.sam and self._phase.groups:
                    self._sharp_gradients(group, epoch, step)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                largest = self._halve(group, error)
            self._optimizer.zero_grad()
            free_memory(self._runtime.device)
        if largest:
            self.notes.append(
                f"The {self._runtime.device_name} ran out of memory at step {step + 1} of this phase. From here on "
                f"each batch is computed in parts of at most {largest} samples, whose gradients are added up: the "
                "effective batch and the learning rate stay as they were. Batch statistics, where they are "
                "trained, are those of the parts."
            )
        if not self._phase.groups:
            return result
        if self._phase.clip_norm:
            nn.utils.clip_grad_norm_(self._optimizer.parameters, self._phase.clip_norm)
        try:
            self._optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise OutOfMemoryInUpdate from error
            raise
        return result

    def _sharp_gradients(self, group: list[Batches], epoch: int, step: int) -> None:
        """Those at w + ε, by the same seeds as the first ones; batch statistics have moved already."""
        steps = ascent(self._optimizer.parameters, self._phase.sam, self._phase.sam_adaptive)
        self._optimizer.zero_grad()
        with moved_by(steps), held_statistics(self._optimizer.model):
            self._gradients(group, epoch, step)

    def _gradients(self, group: list[Batches], epoch: int, step: int) -> StepResult:
        place = (self._phase.name, step)
        seed_step(derive(self._seed, "step", *place), self._runtime.device)
        state = StepState(self._phase, epoch, step, self._steps, generator(self._seed, "method", *place))
        result = StepResult(torch.zeros((), device=self._runtime.device), [], 0, {})
        learns = bool(self._phase.groups)
        for batch in group:
            parts = split(batch, self.parts)
            whole = _size(batch)
            for part in parts:
                with self._runtime.autocast(), torch.set_grad_enabled(learns):
                    output = self._method.step(part, state)
                check_step(type(self._method).__name__, output, learns)
                share = 1 / len(group) if len(parts) == 1 else _size(part) / (whole * len(group))
                loss = output.loss / len(group) if len(parts) == 1 else output.loss * share
                if learns:
                    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                result.loss = result.loss + loss.detach()
                result.count += _size(part)
                result.logs = plain_numbers(output.logs)
                if output.output is not None and output.target is not None:
                    hits = self._objective.hits(output.output.detach(), output.target)
                    if hits is not None:
                        result.hits.append(hits)
        return result

    def _halve(self, group: list[Batches], error: BaseException) -> int:
        """Twice as many parts; returns the size of the largest. Raises ``TrainingError`` where they cannot shrink."""
        before = max(_size(part) for batch in group for part in split(batch, self.parts))
        if before > 1:
            self.parts *= 2
            return max(_size(part) for batch in group for part in split(batch, self.parts))
        raise TrainingError(
            f"The {self._runtime.device_name} has too little memory for this training: it ran out with a single "
            f"sample ({str(error).strip().partition(chr(10))[0][:120]}). Choose a smaller backbone, or close other "
            "programs."
        ) from error


def split(batch: Batches, parts: int) -> list[Batches]:
    """Every stream cut into the same number of parts; at most as many as its smallest has samples."""
    parts = min([parts, *(len(stream.targets) for stream in batch.values())])
    if parts <= 1:
        return [batch]
    cut = {
        name: [torch.tensor_split(t, parts) for t in (b.inputs, b.targets, b.indices, *b.views)]
        for name, b in batch.items()
    }
    return [
        {
            name: Batch(pieces[0][k], pieces[1][k], pieces[2][k], tuple(v[k] for v in pieces[3:]))
            for name, pieces in cut.items()
        }
        for k in range(parts)
    ]


def _size(batch: Batches) -> int:
    return len(next(iter(batch.values())).targets)
