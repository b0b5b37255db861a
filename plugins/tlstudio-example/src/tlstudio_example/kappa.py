"""Cohen's kappa, from a confusion matrix that grows with every batch."""

import torch


class CohenKappa:
    """See :class:`tlstudio.api.Metric`."""

    def __init__(self, num_classes: int) -> None:
        self._counts = torch.zeros(num_classes, num_classes, dtype=torch.float64)

    def reset(self) -> None:
        self._counts.zero_()

    def update(self, logits: torch.Tensor, targets: torch.Tensor) -> None:
        classes = len(self._counts)
        cells = targets.cpu() * classes + logits.argmax(1).cpu()
        self._counts += torch.bincount(cells, minlength=classes**2).view(classes, classes)

    def compute(self) -> float:
        """From -1 to 1; 0 for guesses, and where there was only one class to agree on."""
        total = float(self._counts.sum())
        if not total:
            return 0.0
        observed = float(self._counts.diagonal().sum()) / total
        expected = float((self._counts.sum(0) * self._counts.sum(1)).sum()) / total**2
        return (observed - expected) / (1 - expected) if expected < 1 else 0.0
