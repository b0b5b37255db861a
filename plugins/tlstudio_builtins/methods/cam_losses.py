"""The losses of CAM transfer, and the temperature of the target network's probabilities."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from tlstudio.api import Objective
from tlstudio_builtins.methods import cam_attention
from tlstudio_builtins.methods.cam_attention import Looked
from tlstudio_builtins.methods.cam_options import CamOptions

_SEARCH = (math.log(0.05), math.log(20.0))  # of the temperature, as logarithms
_GOLDEN = (math.sqrt(5) - 1) / 2


def probabilities(logits: torch.Tensor, temperature: torch.Tensor | float, task: str) -> torch.Tensor:
    """``softmax(u / T)``; for several labels a sample ``σ(u / T)``."""
    scaled = logits.float() / temperature
    return scaled.sigmoid() if task == "multilabel" else scaled.softmax(1)


def log_of(p: torch.Tensor, task: str) -> torch.Tensor:
    """Outputs of which :func:`probabilities` makes ``p`` again."""
    p = p.clamp(1e-7, 1 - 1e-7)
    return torch.logit(p) if task == "multilabel" else p.log()


def entropy(share: torch.Tensor) -> torch.Tensor:
    """Mean of ``H(m) / log HW``, between 0 (one place) and 1 (everywhere alike)."""
    places = share[0].numel()
    if places < 2:
        return share.new_zeros(())
    return -(share * share.log()).sum(dim=(1, 2)).mean() / math.log(places)


def variation(share: torch.Tensor) -> torch.Tensor:
    """Mean of the total variation ``Σ |m_ij - m_i+1,j| + |m_ij - m_i,j+1|``."""
    down = (share[:, 1:] - share[:, :-1]).abs().sum(dim=(1, 2))
    right = (share[:, :, 1:] - share[:, :, :-1]).abs().sum(dim=(1, 2))
    return (down + right).mean()


def against_uniform(outputs: torch.Tensor, task: str) -> torch.Tensor:
    """``KL(U ‖ h)`` of each sample ``[N]``: 0 where the answer says nothing. For several labels the mean over the
    labels of that of a fair coin.
    """
    if task == "multilabel":
        log_yes, log_no = F.logsigmoid(outputs), F.logsigmoid(-outputs)
        return -math.log(2) - (log_yes + log_no).mean(1) / 2
    return -math.log(outputs.shape[1]) - outputs.log_softmax(1).mean(1)


def smoothed(
    objective: Objective, outputs: torch.Tensor, targets: torch.Tensor, share: float, task: str
) -> torch.Tensor:
    """``(1 - ε) CE(u, y) + ε CE(u, U)``: label smoothing (Szegedy et al. 2016), where the task has classes."""
    loss = objective.loss(outputs, targets)
    if not share:
        return loss
    constant = math.log(2) if task == "multilabel" else math.log(outputs.shape[1])
    return (1 - share) * loss + share * (against_uniform(outputs.float(), task).mean() + constant)


def attention_terms(
    answer: Callable[[Looked], torch.Tensor],
    looked: Looked,
    targets: torch.Tensor,
    objective: Objective,
    task: str,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The terms of L_C, unweighted, and the answer. ``answer``: what is said of a pooling, ``[N, K]``.

    ``region``: CE of what h says of the region R alone; ``outside``: KL(U ‖ h) of what it says of the rest, over the
    samples that have a rest. Both pool by the attention, restricted to their part and made to add up to 1, so that
    gates and weights learn from them too. What the target network adds to the answer itself enters ``class`` alone.
    """
    inside = cam_attention.region(looked.map)
    outputs = answer(looked)
    alone = looked._replace(own=None)
    within = answer(alone._replace(share=cam_attention.restricted(looked.share, inside)))
    rest = answer(alone._replace(share=cam_attention.restricted(looked.share, ~inside)))
    has_rest = (~inside).flatten(1).any(1).float()
    nothing = against_uniform(rest.float().reshape(len(has_rest), -1), task)  # of each region, with several labels
    terms = {
        "class": objective.loss(outputs, targets),
        "region": objective.loss(within, targets),
        "outside": (nothing * has_rest).sum() / has_rest.sum().clamp(min=1),
        "entropy": entropy(looked.share),
        "variation": variation(looked.share),
        "gates": ((looked.gates - looked.neutral) ** 2).mean(),
    }
    return terms, outputs


def attention_loss(terms: dict[str, torch.Tensor], o: CamOptions) -> torch.Tensor:
    """``L_C = CE(h(z), y) + ½ CE(h(z_R), y) + .1 KL(U ‖ h(z_rest)) + .01 H(m)/log HW + .001 TV(m)
    + .01 mean (a - 1)²``, by the options' weights.
    """
    return (
        terms["class"]
        + o.region_weight * terms["region"]
        + o.outside_weight * terms["outside"]
        + o.entropy_weight * terms["entropy"]
        + o.variation_weight * terms["variation"]
        + o.gate_weight * terms["gates"]
    )


def fit_temperature(logits: torch.Tensor, targets: torch.Tensor, objective: Objective) -> float:
    """The T that minimises the plain loss of ``u / T`` (Guo et al. 2017, section 4.2), between 0.05 and 20: by golden
    section over log T, since the loss has one minimum there. 1 without samples.
    """
    if not len(targets):
        return 1.0

    def loss(log_t: float) -> float:
        return float(objective.plain_loss(logits / math.exp(log_t), targets))

    low, high = _SEARCH
    for _ in range(60):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, b) if loss(a) <= loss(b) else (a, high)
    return math.exp((low + high) / 2)


def mimicry(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of maps ``[N, C, H, W]`` in units of each channel's spread in the batch."""
    teacher = teacher.detach().float()
    spread = teacher.var(dim=(0, 2, 3), keepdim=True, correction=0)
    return ((student.float() - teacher) ** 2 / (spread + 1e-2 * spread.mean() + 1e-6)).mean()
