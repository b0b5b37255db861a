"""The scores of a ranking, in the order in which they are shown. No torch, no numpy here."""

import dataclasses
from typing import Literal

from tlstudio.ranking.store import Ranked

_ONLY_CLASSES = "It needs one class for each item."


@dataclasses.dataclass(frozen=True)
class Score:
    """``field``: of :class:`~tlstudio.ranking.store.Ranked`; ``digits``: places after the point; ``about``: what it
    says, for a tooltip. ``needs``: one class for each item, or also the backbone's own classifier.
    """

    field: str
    title: str
    digits: int
    about: str
    needs: Literal["", "classes", "source"] = ""

    def of(self, row: Ranked) -> float | None:
        value: float | None = getattr(row, self.field)
        return value

    def text(self, row: Ranked) -> str:
        value = self.of(row)
        return "–" if value is None else f"{value:.{self.digits}f}"

    def reason(self, row: Ranked) -> str:
        """Why there is none."""
        return {"": "", "classes": _ONLY_CLASSES, "source": row.no_source or _ONLY_CLASSES}[self.needs]


@dataclasses.dataclass(frozen=True)
class Measured(Score):
    """In the metric of the ranking's task, as the mean over the folds."""

    def spread(self, row: Ranked) -> float | None:
        """The standard deviation over the folds."""
        value: float | None = getattr(row, f"{self.field}_sd")
        return value


MEASURED = (
    Measured(
        "probe",
        "Probe",
        3,
        "A linear probe of each backbone's frozen features: the mean over the folds and the standard deviation, what "
        "the order is made by.",
    ),
    Measured("neighbours", "Neighbours", 3, "The nearest neighbours' vote, likewise."),
)
QUICK = (
    Score(
        "logme",
        "LogME",
        3,
        "The log evidence per item of a linear model (You et al. 2021); higher is better.",
    ),
    Score(
        "h_score",
        "H-score",
        2,
        "How much of the features' spread lies between the classes (Ibrahim et al. 2021); higher is better. At most "
        "the number of classes less one.",
        "classes",
    ),
    Score(
        "transrate",
        "TransRate",
        1,
        "How much the features say of the labels (Huang et al. 2022); higher is better, among backbones with equally "
        "many features.",
        "classes",
    ),
    Score(
        "leep",
        "LEEP",
        3,
        "How well the labels follow from the classes that the backbone was trained on (Nguyen et al. 2020); 0 is the "
        "most.",
        "source",
    ),
    Score(
        "nce",
        "NCE",
        3,
        "Minus the entropy of the labels, given the class that the backbone takes an item for (Tran et al. 2019); 0 is "
        "the most.",
        "source",
    ),
)
