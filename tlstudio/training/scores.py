"""What is computed on the validation split after each epoch."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from tlstudio.api.errors import PluginError
from tlstudio.api.metric import MetricDescriptor
from tlstudio.api.task import Objective
from tlstudio.training.predict import NotNumbers


def check_width(outputs: torch.Tensor, objective: Objective) -> None:
    """``outputs`` ``[N, K, ...]``. Raises ``PluginError`` where K is not what the task needs."""
    if outputs.ndim < 2 or outputs.shape[1] != objective.outputs:
        raise PluginError(
            f"The model answers with a tensor of shape {list(outputs.shape)}, and the task needs {objective.outputs} "
            "numbers for each sample: what its method gives as predictor must end in that many. Tell its author."
        )


class Scores:
    """The loss, and every metric of the task that the plugins offer. One that raises is left out from then on, and
    named. ``select_by``: the metric that decides; the loss where there is no such metric.
    """

    def __init__(self, metrics: Sequence[MetricDescriptor], task: str, objective: Objective, select_by: str) -> None:
        self.problems: list[str] = []
        self._metrics: dict[str, Any] = {}
        self._objective = objective
        known = {descriptor.id: descriptor for descriptor in metrics if task in descriptor.tasks}
        for descriptor in known.values():
            try:
                self._metrics[descriptor.id] = descriptor.make(objective.outputs, task)
            except Exception as error:  # noqa: BLE001 - a plugin's metric may raise anything; the run goes on
                self.problems.append(f"The metric '{descriptor.id}' cannot be used: {error}.")
        self.select_by = select_by if select_by in self._metrics else "loss"
        self._sign = -1.0 if self.select_by == "loss" or not known[self.select_by].higher_is_better else 1.0

    def compute(self, outputs: torch.Tensor, targets: torch.Tensor, loss: float | None = None) -> dict[str, float]:
        """``outputs`` float32 and ``targets``, on the CPU, to names and finite values. ``loss``: where it is known.

        Raises ``PluginError`` where a sample has too few or too many outputs, ``NotNumbers`` for a loss beyond float32.
        """
        check_width(outputs, self._objective)
        if loss is None:
            loss = float(self._objective.plain_loss(outputs, targets))
            if not math.isfinite(loss):
                raise NotNumbers(
                    f"The loss is no number ({loss}): the model's answers are too large to compute with. Train with a "
                    "lower learning rate, or choose other weights."
                )
        values = {"loss": loss}
        for name, metric in list(self._metrics.items()):
            try:
                metric.reset()
                metric.update(outputs, targets)
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
