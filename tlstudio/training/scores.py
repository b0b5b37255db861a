"""What is computed on the validation split after each epoch."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from tlstudio.api.metric import MetricDescriptor

_log = logging.getLogger(__name__)


class Scores:
    """The loss, and every metric that the plugins offer. One that raises is left out from then on, and named."""

    def __init__(self, metrics: Sequence[MetricDescriptor], classes: int, select_by: str) -> None:
        self.problems: list[str] = []
        self._metrics: dict[str, Any] = {}
        for descriptor in metrics:
            try:
                self._metrics[descriptor.id] = descriptor.load()(classes)
            except Exception as error:  # noqa: BLE001 - a plugin's metric may raise anything; the run goes on
                self.problems.append(f"The metric '{descriptor.id}' cannot be used: {error}.")
        known = {descriptor.id: descriptor for descriptor in metrics}
        self.select_by = select_by if select_by in self._metrics else "loss"
        self._sign = -1.0 if self.select_by == "loss" or not known[self.select_by].higher_is_better else 1.0

    def compute(self, logits: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """``logits [N, C]`` float32 and ``targets [N]`` on the CPU to names and finite values."""
        values = {"loss": float(F.cross_entropy(logits, targets))}
        for name, metric in list(self._metrics.items()):
            try:
                metric.reset()
                metric.update(logits, targets)
                value = float(metric.compute())
            except Exception as error:  # noqa: BLE001 - likewise
                self.problems.append(f"The metric '{name}' failed and is left out: {error}.")
                del self._metrics[name]
                continue
            if math.isfinite(value):
                values[name] = value
        return values

    def rank(self, values: dict[str, float]) -> tuple[float, float]:
        """Larger is better: the selecting metric, then the lower loss."""
        score = values.get(self.select_by, -math.inf * self._sign)
        return self._sign * score, -values["loss"]
