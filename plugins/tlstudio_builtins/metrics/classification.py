"""Metrics of classification by torchmetrics.

Macro means run over the classes that occur in the split: a class without a picture there has no recall, and counting
it as zero (or one) would say something about the split, not about the model. Areas under curves run over classes with
pictures both of the class and of others. Where nothing can be computed the value is NaN, and is left out by its users.
"""

import warnings
from collections.abc import Callable

import torch
from torchmetrics import Metric
from torchmetrics.functional.classification import (
    multiclass_auroc,
    multiclass_average_precision,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)
from torchmetrics.utilities.data import dim_zero_cat


class _OfSplit(Metric):
    """Keeps logits and targets until ``compute``."""

    higher_is_better = True
    full_state_update = False
    logits: list[torch.Tensor]
    targets: list[torch.Tensor]

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("logits", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, logits: torch.Tensor, targets: torch.Tensor) -> None:
        self.logits.append(logits.detach().float())
        self.targets.append(targets.detach())

    def compute(self) -> torch.Tensor:
        logits, targets = dim_zero_cat(self.logits), dim_zero_cat(self.targets)
        counts = torch.bincount(targets, minlength=self.num_classes)
        per_class, defined = self._per_class(logits, targets, counts)
        return per_class[defined].mean() if bool(defined.any()) else torch.tensor(float("nan"))

    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values ``[C]``, and which of them count."""
        raise NotImplementedError


class Accuracy(_OfSplit):
    def compute(self) -> torch.Tensor:
        logits, targets = dim_zero_cat(self.logits), dim_zero_cat(self.targets)
        return (logits.argmax(1) == targets).float().mean()


class _OfPredictions(_OfSplit):
    """``score``: one of torchmetrics' functions of predicted and true classes."""

    score: Callable[..., torch.Tensor]

    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        values = type(self).score(logits.argmax(1), targets, self.num_classes, average="none")
        return values, counts > 0


class Recall(_OfPredictions):
    score = staticmethod(multiclass_recall)


class BalancedAccuracy(Recall):
    """The mean of the classes' recalls."""


class Precision(_OfPredictions):
    """A class that is never predicted counts with precision 0, as usual."""

    score = staticmethod(multiclass_precision)


class F1(_OfPredictions):
    score = staticmethod(multiclass_f1_score)


class _OfScores(_OfSplit):
    """``curve``: one of torchmetrics' areas, one class against the rest."""

    curve: Callable[..., torch.Tensor]

    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        defined = (counts > 0) & (counts < len(targets))
        if not bool(defined.any()):
            return torch.zeros(self.num_classes), defined
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # classes without pictures are left out by the caller
            return type(self).curve(logits.softmax(1), targets, self.num_classes, average="none"), defined


class RocAuc(_OfScores):
    curve = staticmethod(multiclass_auroc)


class PrAuc(_OfScores):
    curve = staticmethod(multiclass_average_precision)
