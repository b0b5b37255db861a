"""Metrics of several labels per item, by torchmetrics.

A label is given from a probability of one half on. Macro means run over the labels that occur in the split, as those
of :mod:`tlstudio_builtins.metrics.classification` run over classes.
"""

from collections.abc import Callable

import torch
from torchmetrics.functional.classification import (
    multilabel_auroc,
    multilabel_average_precision,
    multilabel_exact_match,
    multilabel_f1_score,
    multilabel_precision,
    multilabel_recall,
    multilabel_specificity,
)
from torchmetrics.utilities.data import dim_zero_cat

from tlstudio_builtins.metrics.keeping import Keeping

Function = Callable[..., torch.Tensor]


class _OfLabels(Keeping):
    score: Function

    def compute(self) -> torch.Tensor:
        outputs, targets = dim_zero_cat(self.outputs).sigmoid(), dim_zero_cat(self.targets).long()
        counts = targets.sum(0)
        defined = (counts > 0) & (counts < len(targets)) if self.both else counts > 0
        if not bool(defined.any()):
            return torch.tensor(float("nan"))
        outputs, targets = outputs[:, defined], targets[:, defined]
        if targets.shape[1] == 1:  # torchmetrics wants two labels at least; the mean of twice the same is the same
            outputs, targets = outputs.repeat(1, 2), targets.repeat(1, 2)
        return self._each(outputs, targets).mean()

    both = False  # whether a label counts only where some items carry it and some do not

    def _each(self, shares: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Values ``[C]`` or ``[1]``; ``shares`` and ``targets`` ``[N, C]`` of the labels that count."""
        return type(self).score(shares, targets, targets.shape[1], average="none").reshape(-1)


class Accuracy(Keeping):
    """Share of the items whose labels are all right."""

    def compute(self) -> torch.Tensor:
        shares, targets = dim_zero_cat(self.outputs).sigmoid(), dim_zero_cat(self.targets).long()
        return multilabel_exact_match(shares, targets, self.size) if self.size > 1 else _same(shares, targets)


def _same(shares: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return ((shares >= 0.5) == (targets > 0)).all(1).float().mean()


class Precision(_OfLabels):
    """A label that is never predicted counts with precision 0, as usual."""

    score = staticmethod(multilabel_precision)


class Recall(_OfLabels):
    score = staticmethod(multilabel_recall)


class F1(_OfLabels):
    score = staticmethod(multilabel_f1_score)


class BalancedAccuracy(_OfLabels):
    """Half the share of the items with a label that are found, and half of those without that are left alone."""

    both = True

    def _each(self, shares: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        labels = targets.shape[1]
        found = multilabel_recall(shares, targets, labels, average="none")
        left = multilabel_specificity(shares, targets, labels, average="none")
        return ((found + left) / 2).reshape(-1)


class RocAuc(_OfLabels):
    both = True
    score = staticmethod(multilabel_auroc)


class PrAuc(_OfLabels):
    both = True
    score = staticmethod(multilabel_average_precision)
