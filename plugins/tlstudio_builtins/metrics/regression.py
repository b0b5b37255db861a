"""Metrics of numbers, by torchmetrics: of each number, then their mean. In double precision."""

import torch
from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error, r2_score
from torchmetrics.utilities.data import dim_zero_cat

from tlstudio_builtins.metrics.keeping import Keeping


class _OfNumbers(Keeping):
    higher_is_better = False

    def compute(self) -> torch.Tensor:
        outputs, targets = dim_zero_cat(self.outputs).double(), dim_zero_cat(self.targets).double()
        return self._each(outputs, targets).mean()

    def _each(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Values ``[T]``; ``outputs`` and ``targets`` ``[N, T]``."""
        raise NotImplementedError


class MeanAbsoluteError(_OfNumbers):
    def _each(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return mean_absolute_error(outputs, targets, num_outputs=self.size)


class RootMeanSquaredError(_OfNumbers):
    def _each(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return mean_squared_error(outputs, targets, squared=False, num_outputs=self.size)


class R2(_OfNumbers):
    """Numbers that do not vary in the split are left out: there is nothing to explain."""

    higher_is_better = True

    def _each(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        varies = (targets != targets[0]).any(0)
        if len(targets) < 2 or not bool(varies.any()):
            return torch.tensor([float("nan")])
        return r2_score(outputs[:, varies], targets[:, varies], multioutput="raw_values").reshape(-1)
