"""Metrics of masks, from the counts of pixels by (truth, prediction), summed over the pictures.

torchmetrics computes these from the masks themselves, which are not kept. Means run over the classes that occur.
"""

import torch
from torchmetrics import Metric


class _OfPixels(Metric):
    higher_is_better = True
    full_state_update = False
    confusion: torch.Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.add_state("confusion", torch.zeros(classes, classes, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """``outputs`` ``[N, C, C]``; ``targets`` are ignored."""
        self.confusion += outputs.detach().to(torch.float64).sum(0)

    def compute(self) -> torch.Tensor:
        truth, predicted = self.confusion.sum(1), self.confusion.sum(0)
        present = truth > 0
        if not bool(present.any()):
            return torch.tensor(float("nan"))
        return self._value(self.confusion.diagonal()[present], truth[present], predicted[present])

    def _value(self, right: torch.Tensor, truth: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        """Pixels ``[C]`` of the classes that occur."""
        raise NotImplementedError


class Accuracy(_OfPixels):
    def _value(self, right: torch.Tensor, truth: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        return right.sum() / truth.sum()


class MeanIoU(_OfPixels):
    def _value(self, right: torch.Tensor, truth: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        return (right / (truth + predicted - right)).mean()


class Dice(_OfPixels):
    def _value(self, right: torch.Tensor, truth: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
        return (2 * right / (truth + predicted)).mean()
