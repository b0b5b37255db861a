"""Metrics: ``reset / update / compute``, as in torchmetrics."""

import dataclasses
from typing import TYPE_CHECKING, Protocol

from tlstudio.api.descriptors import Descriptor

if TYPE_CHECKING:
    import torch


class Metric(Protocol):
    """Made by ``factory(num_classes)``."""

    def reset(self) -> None: ...

    def update(self, logits: "torch.Tensor", targets: "torch.Tensor") -> None:
        """``logits``: float ``[N, C]``, before softmax; ``targets``: int64 ``[N]`` in ``0..C-1``."""
        ...

    def compute(self) -> "float | torch.Tensor":
        """The value over everything since ``reset``."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class MetricDescriptor(Descriptor):
    """``bounds`` are the plot's limits; ``percent`` whether people write it in percent.

    ``standard``: it computes what ``tlstudio.evaluation.intervals`` knows under the same id, and so gets its interval
    without being computed anew on every resample.
    """

    higher_is_better: bool = True
    bounds: tuple[float, float] | None = (0.0, 1.0)
    percent: bool = False
    standard: bool = False
