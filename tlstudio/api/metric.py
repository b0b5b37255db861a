"""Metrics: ``reset / update / compute``, as in torchmetrics."""

import dataclasses
from typing import TYPE_CHECKING, Protocol

from tlstudio.api.descriptors import Descriptor

if TYPE_CHECKING:
    import torch


class Metric(Protocol):
    """Made by ``MetricDescriptor.make(outputs, task)``."""

    def reset(self) -> None: ...

    def update(self, logits: "torch.Tensor", targets: "torch.Tensor") -> None:
        """Classification: ``logits`` float ``[N, C]``, before softmax; ``targets`` int64 ``[N]`` in ``0..C-1``.
        Multi-label: ``[N, C]`` before the sigmoid; float ``[N, C]`` of 0 and 1. Regression: ``[N, T]`` in the user's
        units; likewise. Segmentation: float ``[N, C, C]``, pixels of each sample by (truth, prediction); ignored.
        """
        ...

    def compute(self) -> "float | torch.Tensor":
        """The value over everything since ``reset``."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricDescriptor(Descriptor):
    """``bounds`` are the plot's limits; ``percent`` whether people write it in percent.

    ``standard``: it computes what ``tlstudio.evaluation.intervals`` knows under the same id, and so gets its interval
    without being computed anew on every resample. ``tasks``: whose outputs it scores.
    """

    higher_is_better: bool = True
    bounds: tuple[float, float] | None = (0.0, 1.0)
    percent: bool = False
    standard: bool = False
    tasks: tuple[str, ...] = ("classification",)

    def make(self, outputs: int, task: str) -> "Metric":
        """``outputs``: classes, or numbers of a regression. The factory gets ``task`` too where there are several."""
        factory = self.load()
        metric: Metric = factory(outputs, task=task) if len(self.tasks) > 1 else factory(outputs)
        return metric
