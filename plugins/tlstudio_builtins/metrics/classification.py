"""Metrics of classification by torchmetrics.

Macro means run over the classes that occur in the split: a class without a picture there has no recall, and counting
it as zero (or one) would say something about the split, not about the model. Areas under curves run over classes with
pictures both of the class and of others. Where nothing can be computed the value is NaN, and is left out by its users.
"""

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


class Recall(_OfSplit):
    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        values = multiclass_recall(logits.argmax(1), targets, self.num_classes, average="none")
        return values, counts > 0


class BalancedAccuracy(Recall):
    """The mean of the classes' recalls."""


class Precision(_OfSplit):
    """A class that is never predicted counts with precision 0, as usual."""

    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        values = multiclass_precision(logits.argmax(1), targets, self.num_classes, average="none")
        return values, counts > 0


class F1(_OfSplit):
    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        values = multiclass_f1_score(logits.argmax(1), targets, self.num_classes, average="none")
        return values, counts > 0


class RocAuc(_OfSplit):
    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        defined = (counts > 0) & (counts < len(targets))
        return _one_against_rest(multiclass_auroc, logits, targets, self.num_classes, defined), defined


class PrAuc(_OfSplit):
    def _per_class(
        self, logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        defined = (counts > 0) & (counts < len(targets))
        return _one_against_rest(multiclass_average_precision, logits, targets, self.num_classes, defined), defined


def _one_against_rest(  # type: ignore[no-untyped-def]  # ``curve``: one of torchmetrics' functions
    curve, logits: torch.Tensor, targets: torch.Tensor, classes: int, defined: torch.Tensor
) -> torch.Tensor:
    if not bool(defined.any()):
        return torch.zeros(classes)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes without pictures are left out by the caller
        values: torch.Tensor = curve(logits.softmax(1), targets, classes, average="none")
    return values
