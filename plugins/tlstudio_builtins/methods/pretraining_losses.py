"""What pre-training minimises, and the vote of the nearest neighbours that says how good its features are."""

import math

import torch
from torch.nn import functional as F

NEIGHBOURS, TEMPERATURE = 20, 0.1  # of the vote, as in Wu et al. 2018
_AT_ONCE = 1024  # rows that are compared with all others


def nt_xent(
    first: torch.Tensor,
    second: torch.Tensor,
    temperature: float,
    memory: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Normalised temperature-scaled cross-entropy (Chen et al.: A Simple Framework for Contrastive Learning. ICML
    2020, equation 1), a scalar.

    ``first`` and ``second``: float ``[N, D]``, row i of both being views of sample i. With s the cosine similarity of
    two of the 2N views, l(i, j) = -log(exp(s_ij / t) / Σ_{k≠i} exp(s_ik / t)): the denominator holds every view but the
    anchor itself, its partner included. The mean of l(i, j) and l(j, i) over all pairs. Computed in float32 at least.

    ``memory``: further negatives of length 1, ``[M, D]``, without gradient, and which of them count for sample i, bool
    ``[N, M]``; the denominator of both of its views holds these, too.
    """
    views = torch.cat([first, second])
    with torch.autocast(views.device.type, enabled=False):
        views = F.normalize(views.to(torch.promote_types(views.dtype, torch.float32)), dim=1)
        similarity = views @ views.T / temperature
        past = None if memory is None else views @ memory[0].to(views.dtype).T / temperature
    similarity = similarity.masked_fill(torch.eye(len(views), dtype=torch.bool, device=views.device), -math.inf)
    if past is not None and memory is not None:
        similarity = torch.cat([similarity, past.masked_fill(~memory[1].repeat(2, 1), -math.inf)], dim=1)
    partner = torch.arange(len(views), device=views.device).roll(len(first))
    return F.cross_entropy(similarity, partner)


def hinge_discriminator(real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """mean max(0, 1 - D(x)) + mean max(0, 1 + D(G(z))), a scalar (Lim and Ye 2017; Miyato et al. 2018, equation 16)."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + made.float()).mean()


def hinge_generator(made: torch.Tensor) -> torch.Tensor:
    """-mean D(G(z)), a scalar (likewise, equation 17)."""
    return -made.float().mean()


def masked_error(predicted: torch.Tensor, patches: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the masked patches alone, each patch's pixels standardised by their own mean and spread
    (He et al.: Masked Autoencoders Are Scalable Vision Learners. CVPR 2022, section 3), for each picture ``[N]``.

    ``predicted``, ``patches``: float ``[N, L, P]``; ``mask``: ``[N, L]``, 1 where a patch was hidden.
    """
    patches = patches.float()
    mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    error = (predicted.float() - (patches - mean) / (variance + 1e-6).sqrt()).square().mean(-1)
    mask = mask.float()
    return (error * mask).sum(1) / mask.sum(1)


def neighbour_votes(
    known: torch.Tensor,
    labels: torch.Tensor,
    asked: torch.Tensor,
    classes: int,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> torch.Tensor:
    """Weighted vote of the nearest ``known`` features by cosine (Wu et al.: Unsupervised Feature Learning via
    Non-Parametric Instance Discrimination. CVPR 2018, section 3.4): each neighbour adds exp(s / t) to its class.

    ``known`` float ``[N, D]``, ``labels`` int64 ``[N]`` in ``0..classes-1``, ``asked`` ``[M, D]``; float ``[M, C]``.
    """
    known, asked = F.normalize(known.float(), dim=1), F.normalize(asked.float(), dim=1)
    neighbours = min(neighbours, len(known))
    votes = torch.zeros(len(asked), classes)
    for start in range(0, len(asked), _AT_ONCE):
        similarity, which = (asked[start : start + _AT_ONCE] @ known.T).topk(neighbours, dim=1)
        weights = (similarity / temperature).exp()
        votes[start : start + _AT_ONCE].scatter_add_(1, labels[which], weights)
    return votes


def neighbour_accuracy(
    known: torch.Tensor, labels: torch.Tensor, asked: torch.Tensor, truth: torch.Tensor, classes: int
) -> float:
    """Share of ``asked`` whose vote is right; rows without a label (-1) count on neither side. 0 to 1."""
    learnt, judged = labels >= 0, truth >= 0
    if not bool(learnt.any()) or not bool(judged.any()):
        return math.nan
    votes = neighbour_votes(known[learnt], labels[learnt], asked[judged], classes)
    return float((votes.argmax(1) == truth[judged]).float().mean())
