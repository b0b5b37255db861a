"""What a phase is about: a part of the model, how that is validated, and the value that chooses its best epoch."""

from collections.abc import Callable, Generator
from typing import NamedTuple

import torch
from torch import nn

from tlstudio.api.events import Event
from tlstudio.api.phases import Phase
from tlstudio.training.evaluating import Rank, Validate, rank_by, validator
from tlstudio.training.preparation import Prepared, on_features
from tlstudio.training.scores import Scores
from tlstudio.training.tools import RunTools

NOTHING = "-"  # what a phase predicts of which nothing is validated and kept


class Judgement(NamedTuple):
    """``keeps``: the module whose best state is kept; ``None``: nothing is."""

    validate: Validate
    rank: Rank
    keeps: Callable[[], nn.Module] | None


def measure(phase: Phase) -> tuple[str, str, str]:
    """What is looked at, and how: the best of two phases can be compared where this is equal."""
    return phase.predicts, phase.validate_on, phase.criterion


def predicted(run: Prepared, phase: Phase) -> nn.Module:
    """The part of the model that a phase is about."""
    return run.model.get_submodule(phase.predicts) if phase.predicts else run.method.predictor()


def judge(
    run: Prepared,
    phase: Phase,
    scores: Scores,
    tools: RunTools,
    val_features: tuple[torch.Tensor, torch.Tensor] | None,
) -> Judgement:
    """``scores``: of the data set that the phase is validated on; ``val_features``: features and targets of the
    target's validation split, where they have been computed.
    """
    own = getattr(run.method, "validate", None)
    plain: Validate | None = None
    if not (phase.predicts and (phase.criterion or phase.predicts == NOTHING)):
        usual = on_features(phase) and not phase.predicts and phase.validate_on == "target"
        plain = validator(
            lambda: predicted(run, phase),
            run.sides[phase.validate_on],
            val_features if usual else None,
            run.runtime,
            scores,
        )

    def validate() -> Generator[Event, None, dict[str, float]]:
        values = (yield from plain()) if plain else {}
        return {**values, **((yield from own(phase, tools)) if own else {})}

    keeps = None if phase.predicts == NOTHING else lambda: predicted(run, phase)
    return Judgement(validate, rank_by(scores, phase.criterion), keeps)
