"""How far a run, and a phase of it, has come, and the best model on the way."""

import dataclasses
import math

import torch
from torch import nn


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
    """Where the run is, over all its phases and over interruptions. Seconds are those in which it worked."""

    total_steps: int
    step: int = 0
    epoch: int = 0
    images: int = 0
    training_seconds: float = 0.0
    validation_seconds: float = 0.0
    phase_seconds: float = 0.0
    total_seconds: float = 0.0
    last_event: float = 0.0

    def eta(self) -> float:
        spent = self.training_seconds + self.validation_seconds
        return round(spent / self.step * max(0, self.total_steps - self.step), 1) if self.step >= 3 else -1.0


@dataclasses.dataclass
class Place:
    """Where a phase is. ``batch``: the next of the epoch; ``step``: optimizer steps done in the phase."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    first_step: int = 0  # of the run, when the phase began
    first_loss: float = math.nan
    runaway: int = 0
    hits: float | None = None  # correct answers in this epoch, where the method tells them
    seen: int = 0
    best: tuple[float, float] = (-math.inf, -math.inf)
    waited: int = 0
    losses: list[float] = dataclasses.field(default_factory=list)  # of this epoch
    told: list[str] = dataclasses.field(default_factory=list)  # files that could not be read
