"""The losses and heads of the tasks, with torch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import Sampler, SolveData, TaskInfo
from tlstudio.training.modules import StandardizedLinear
from tlstudio_builtins.tasks import imbalance, solvers

Settings = dict[str, Any]


class _Objective:
    """``imbalance``: what was chosen in the end, never ``auto``."""

    pixels = False

    def __init__(self, info: TaskInfo, settings: Settings) -> None:
        self._info = info
        self.outputs = max(1, len(info.class_names))
        self.notes: tuple[str, ...] = ()
        self.imbalance = str(settings.get("imbalance", "none"))
        if self.imbalance == "auto" and settings.get("sampler", "natural") != "natural":
            self.imbalance = "none"  # the sampler sees to it
        self._smoothing = float(settings.get("label_smoothing", 0.0))
        self.solvable = True

    def head(self, features: int) -> nn.Module:
        return StandardizedLinear(features, self.outputs)

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        return None

    def _on(self, tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        return tensor.to(device, non_blocking=True)


class ClassObjective(_Objective):
    """Cross-entropy, and what is done about lopsided classes."""

    def __init__(self, info: TaskInfo, settings: Settings) -> None:
        super().__init__(info, settings)
        counts, ratio = info.class_counts, imbalance.ratio(info.class_counts)
        if self.imbalance == "auto":
            self.imbalance = "logit-adjustment" if ratio > imbalance.LOPSIDED else "none"
            if self.imbalance != "none":
                self.notes = (
                    f"The largest class has {ratio:.1f} times as many training samples as the smallest: the logits are "
                    "adjusted by the classes' frequencies, so that rare classes count as much as frequent ones. Set "
                    "'imbalance' to change that.",
                )
        if self.imbalance not in ("none", "logit-adjustment", "class-balanced", "focal"):
            self.notes = (f"'{self.imbalance}' is for several labels a sample; class-balanced weights are used.",)
            self.imbalance = "class-balanced"
        self.solvable = self.imbalance != "focal"
        self._prior = imbalance.log_prior(counts) if self.imbalance == "logit-adjustment" else None
        self._weights = imbalance.balanced_weights(counts) if self.imbalance == "class-balanced" else None

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        outputs = outputs.float()
        if self.imbalance == "focal":
            return imbalance.focal(outputs, targets)
        if self._prior is not None:
            outputs = outputs + self._on(self._prior, outputs.device)
        weights = None if self._weights is None else self._on(self._weights, outputs.device)
        return F.cross_entropy(outputs, targets, weights, label_smoothing=self._smoothing)

    def plain_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs.float(), targets)

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        return (outputs.argmax(1) == targets).sum()

    def solve(self, head: nn.Module, data: SolveData, l2: float, sampler: Sampler) -> Iterator[dict[str, Any]]:
        assert isinstance(head, StandardizedLinear)
        weights = self._weights
        if weights is None and sampler != "natural":
            weights = imbalance.inverse_weights(self._info.class_counts, 1.0 if sampler == "balanced" else 0.5)
        yield from solvers.fit_logistic(head, data, l2, weights=weights, prior=self._prior)


class LabelsObjective(_Objective):
    """Binary cross-entropy of each label. ``class_counts``: items with the label; their number is ``items``."""

    def __init__(self, info: TaskInfo, settings: Settings) -> None:
        super().__init__(info, settings)
        items = int(settings.get("items", 0)) or max(info.class_counts, default=1)
        rare = max(((items - n) / n for n in info.class_counts if n), default=1.0)
        if self.imbalance == "auto":
            self.imbalance = "positive-weight" if rare > imbalance.LOPSIDED else "none"
            if self.imbalance != "none":
                self.notes = (
                    f"The rarest label is missing from {rare:.1f} times as many training samples as it is on: samples "
                    "with a rare label weigh more (at most 20 times). Set 'imbalance' to change that.",
                )
        if self.imbalance not in ("none", "positive-weight", "asymmetric"):
            self.notes = (f"'{self.imbalance}' is for one class a sample; rare labels get more weight instead.",)
            self.imbalance = "positive-weight"
        self.solvable = self.imbalance != "asymmetric"
        self._weights = (
            imbalance.positive_weights(info.class_counts, items) if self.imbalance == "positive-weight" else None
        )

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        outputs = outputs.float()
        if self.imbalance == "asymmetric":
            return imbalance.asymmetric(outputs, targets)
        if self._smoothing:
            targets = targets * (1 - self._smoothing) + 0.5 * self._smoothing
        weights = None if self._weights is None else self._on(self._weights, outputs.device)
        return F.binary_cross_entropy_with_logits(outputs, targets, pos_weight=weights)

    def plain_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(outputs.float(), targets)

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        return ((outputs > 0) == (targets > 0.5)).all(1).sum()

    def solve(self, head: nn.Module, data: SolveData, l2: float, sampler: Sampler) -> Iterator[dict[str, Any]]:
        assert isinstance(head, StandardizedLinear)
        yield from solvers.fit_labels(head, data, l2, weights=self._weights)


class NumbersObjective(_Objective):
    """Huber loss in units of the training split's standard deviation; outputs are in the user's units."""

    def __init__(self, info: TaskInfo, settings: Settings) -> None:
        super().__init__(info, settings)
        if self.imbalance not in ("none", "auto"):
            self.notes = (f"'{self.imbalance}' has no meaning for numbers and is left out.",)
        self.imbalance = "none"
        self._std = torch.tensor(info.std or (1.0,) * self.outputs)

    def head(self, features: int) -> nn.Module:
        return StandardizedLinear(features, self.outputs, self._std.tolist(), self._info.mean or (0.0,) * self.outputs)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        std = self._on(self._std, outputs.device)
        return F.smooth_l1_loss(outputs.float() / std, targets / std)

    def plain_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.loss(outputs, targets)

    def solve(self, head: nn.Module, data: SolveData, l2: float, sampler: Sampler) -> Iterator[dict[str, Any]]:
        assert isinstance(head, StandardizedLinear)
        yield from solvers.fit_ridge(head, data, l2)


class PixelsObjective(_Objective):
    """Cross-entropy of the pixels and the Dice loss of their classes, in equal parts. ``class_counts`` are pixels."""

    pixels = True

    def __init__(self, info: TaskInfo, settings: Settings) -> None:
        super().__init__(info, settings)
        self.solvable = False
        if self.imbalance == "auto":  # the Dice loss counts every class the same already
            self.imbalance = "none"
        if self.imbalance in ("logit-adjustment", "asymmetric", "positive-weight"):
            self.notes = (f"'{self.imbalance}' is not for pixels; class-balanced weights are used.",)
            self.imbalance = "class-balanced"
        weights = imbalance.inverse_weights(info.class_counts, 0.5) if self.imbalance == "class-balanced" else None
        self._weights = weights

    def head(self, features: int) -> nn.Module:
        raise NotImplementedError("a head for pixels stands on several feature levels; see PixelHead")

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        outputs = outputs.float()
        if self.imbalance == "focal":
            return imbalance.focal(outputs, targets) + imbalance.dice_loss(outputs, targets)
        weights = None if self._weights is None else self._on(self._weights, outputs.device)
        return self._entropy(outputs, targets, weights, self._smoothing) + imbalance.dice_loss(outputs, targets)

    def plain_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self._entropy(outputs.float(), targets) + imbalance.dice_loss(outputs.float(), targets)

    def _entropy(
        self, outputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None, smoothing: float = 0.0
    ) -> torch.Tensor:
        losses = F.cross_entropy(
            outputs, targets, weights, ignore_index=255, label_smoothing=smoothing, reduction="sum"
        )
        return losses / (targets != 255).sum().clamp(min=1)

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        """Mean share of right pixels, times the samples."""
        counted = targets != 255
        right = ((outputs.argmax(1) == targets) & counted).sum()
        return right / counted.sum().clamp(min=1) * len(targets)

    def solve(self, head: nn.Module, data: SolveData, l2: float, sampler: Sampler) -> Iterator[dict[str, Any]]:
        raise NotImplementedError("pixels are learnt by gradient")
