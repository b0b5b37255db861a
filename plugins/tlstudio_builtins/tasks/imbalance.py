"""What is done about classes of unequal size. Everything here is a function of the training split's counts.

Logit adjustment: Menon et al., Long-tail learning via logit adjustment, ICLR 2021, section 5. Class-balanced weights:
Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, equation 4. Focal loss: Lin et al.,
Focal Loss for Dense Object Detection, ICCV 2017, equation 4. Asymmetric loss: Ridnik et al., Asymmetric Loss for
Multi-Label Classification, ICCV 2021, equation 7.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

LOPSIDED = 5.0  # largest class to smallest, from which on something is done
_FOCUS = 2.0  # gamma of the focal loss
_NEGATIVE_FOCUS, _MARGIN = 4.0, 0.05  # of the asymmetric loss


def ratio(counts: Sequence[int]) -> float:
    """Largest to smallest of the classes that occur; 1 where there are fewer than two."""
    present = [count for count in counts if count]
    return max(present) / min(present) if len(present) > 1 else 1.0


def log_prior(counts: Sequence[int]) -> torch.Tensor:
    """``log π`` of each class, ``[C]``; a class that does not occur counts as one sample."""
    shares = torch.tensor([max(count, 1) for count in counts], dtype=torch.float64)
    return (shares / shares.sum()).log().float()


def balanced_weights(counts: Sequence[int]) -> torch.Tensor:
    """``(1 - β) / (1 - βⁿ)`` for each class, ``[C]``, with sum C; β is 0.9999, or 0.999 below 5,000 samples."""
    beta = 0.9999 if sum(counts) >= 5000 else 0.999
    numbers = torch.tensor([max(count, 1) for count in counts], dtype=torch.float64)
    weights = (1 - beta) / (1 - beta**numbers)
    return (weights * len(counts) / weights.sum()).float()


def inverse_weights(counts: Sequence[int], power: float) -> torch.Tensor:
    """``1 / n^power``, ``[C]``, with mean 1 over the samples: what a sampler does, as weights for a solver."""
    numbers = torch.tensor([max(count, 1) for count in counts], dtype=torch.float64)
    weights = numbers**-power
    return (weights * numbers.sum() / (weights * numbers).sum()).float()


def positive_weights(positives: Sequence[int], count: int) -> torch.Tensor:
    """Negatives to positives of each label, between 1 and 20: ``[C]``."""
    numbers = torch.tensor([max(n, 1) for n in positives], dtype=torch.float64)
    return ((count - numbers) / numbers).clamp(1, 20).float()


def focal(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """``(1 - p)^γ`` times the cross-entropy of each sample or pixel; pixels with 255 do not count."""
    losses = F.cross_entropy(outputs, targets, reduction="none", ignore_index=255)
    counted = targets != 255
    weighted = (1 - torch.exp(-losses)) ** _FOCUS * losses
    return weighted.sum() / counted.sum().clamp(min=1)


def asymmetric(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Easy negatives count little, very easy ones nothing. ``[N, C]`` before the sigmoid, and 0 or 1."""
    probability = torch.sigmoid(outputs)
    negative = (probability - _MARGIN).clamp(min=0)
    hit = targets * F.logsigmoid(outputs)
    miss = (1 - targets) * negative**_NEGATIVE_FOCUS * torch.log1p(-negative.clamp(max=1 - 1e-6))
    return -(hit + miss).mean()


def dice_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """One minus the mean over the classes of the soft Dice coefficient of the batch (Milletari et al. 2016)."""
    classes, counted = outputs.shape[1], (targets != 255).unsqueeze(1)
    shares = outputs.softmax(1) * counted
    truth = F.one_hot(targets.clamp(max=classes - 1), classes).permute(0, 3, 1, 2) * counted
    both, either = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    scores = (2 * both + 1) / (either + 1)
    return 1 - (scores * present).sum() / present.sum().clamp(min=1)
