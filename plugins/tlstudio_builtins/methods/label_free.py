"""Values of a model on samples whose labels nobody looks at: by these a checkpoint can be chosen without them.

All take outputs (logits) float ``[N, C]`` and are computed in float64.
"""

import math

import torch

_ROWS = 1024  # of the matrix of similarities at once
TEMPERATURE = 0.05  # of the neighbourhoods, as in the paper


def mean_entropy(outputs: torch.Tensor) -> float:
    """Mean entropy of the answers in nats, 0 to ln C: the lower, the surer the model (Morerio et al. 2018)."""
    return float(_entropies(outputs).mean())


def information_maximization(outputs: torch.Tensor) -> float:
    """``H(mean of p) - mean of H(p)`` in nats, 0 to ln C: the mutual information of sample and answer (Krause et al.
    2010; Shi and Sha 2012). High where single answers are sure and all classes are answered.
    """
    mean = torch.softmax(outputs.double(), 1).mean(0)
    return float(-torch.special.xlogy(mean, mean).sum() - _entropies(outputs).mean())


def soft_neighbourhood_density(outputs: torch.Tensor, temperature: float = TEMPERATURE) -> float:
    """Mean entropy in nats, 0 to ln(N - 1), of how each sample spreads over the others by the likeness of their
    answers (Saito et al.: Tune it the Right Way. ICCV 2021). High where samples have many neighbours that are answered
    alike; highest, too, where all are answered the same.

    ``N`` must be at least 3; below, 0.
    """
    rows = torch.nn.functional.normalize(torch.softmax(outputs.double(), 1), dim=1)
    count, total = len(rows), 0.0
    if count < 3:
        return 0.0
    for start in range(0, count, _ROWS):
        likeness = rows[start : start + _ROWS] @ rows.T / temperature
        own = torch.arange(start, start + len(likeness), device=rows.device)
        likeness[torch.arange(len(likeness), device=rows.device), own] = -math.inf
        share = torch.softmax(likeness, 1)
        total -= float(torch.special.xlogy(share, share).sum())
    return total / count


def criteria(outputs: torch.Tensor) -> dict[str, float]:
    """All of them, by the names that methods give them."""
    return {
        "snd": soft_neighbourhood_density(outputs),
        "entropy": mean_entropy(outputs),
        "infomax": information_maximization(outputs),
    }


def _entropies(outputs: torch.Tensor) -> torch.Tensor:
    logs = torch.log_softmax(outputs.double(), 1)
    return -(logs.exp() * logs).sum(1)
