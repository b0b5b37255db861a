"""What a student is to have in common with its teacher: losses of outputs and of feature maps.

Throughout ``s`` is the student's output, ``t`` the teacher's (no gradient goes there), ``T`` a temperature > 0. All are
means over the batch, zero or more (but for rounding), and 0 where student and teacher agree.
"""

import torch
from torch.nn import functional as F

_IGNORED = 255  # pixels that do not count


def soft_cross_entropy(s: torch.Tensor, t: torch.Tensor, temperature: float) -> torch.Tensor:
    """``T² KL(softmax(t/T) ‖ softmax(s/T))`` of logits ``[N, C]`` (Hinton, Vinyals, Dean 2015, section 2).

    The factor T² keeps the size of the gradient when T changes.
    """
    log_s = F.log_softmax(s / temperature, 1)
    log_t = F.log_softmax(t.detach() / temperature, 1)
    return temperature**2 * F.kl_div(log_s, log_t, reduction="batchmean", log_target=True)


def soft_pixels(s: torch.Tensor, t: torch.Tensor, masks: torch.Tensor, temperature: float) -> torch.Tensor:
    """:func:`soft_cross_entropy` of the pixels: logits ``[N, C, H, W]``; those that ``masks [N, H, W]`` ignores (255)
    do not count.
    """
    counts = masks != _IGNORED
    rows_s, rows_t = (x.permute(0, 2, 3, 1)[counts] for x in (s, t))
    return soft_cross_entropy(rows_s, rows_t, temperature) if len(rows_s) else s.sum() * 0.0


def soft_labels(s: torch.Tensor, t: torch.Tensor, temperature: float) -> torch.Tensor:
    """``T² KL`` between Bernoulli variables, the mean over samples and labels: logits ``[N, K]`` of labels that do not
    exclude each other. Equal to the binary cross-entropy at T but for the teacher's entropy, a constant.
    """
    s, t = s / temperature, t.detach() / temperature
    on, off = F.logsigmoid(t), F.logsigmoid(-t)
    divergence = on.exp() * (on - F.logsigmoid(s)) + off.exp() * (off - F.logsigmoid(-s))
    return temperature**2 * divergence.mean()


def same_numbers(s: torch.Tensor, t: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of numbers ``[N, K]``, in units of each one's standard deviation ``[K]``."""
    return (((s - t.detach()) / std) ** 2).mean()


def channel_wise(s: torch.Tensor, t: torch.Tensor, masks: torch.Tensor, temperature: float) -> torch.Tensor:
    """``T²/C Σ_c KL(softmax over pixels of t_c/T ‖ of s_c/T)``: where in the picture is each class (Shu et al. 2021,
    Channel-wise Knowledge Distillation for Dense Prediction, equation 4). ``[N, C, H, W]``, ``masks [N, H, W]``.
    """
    left_out = (masks == _IGNORED).flatten(1)[:, None]
    lowest = torch.finfo(s.dtype).min
    log_s, log_t = (
        F.log_softmax((x / temperature).flatten(2).masked_fill(left_out, lowest), 2) for x in (s, t.detach())
    )
    divergence = (log_t.exp() * (log_t - log_s)).masked_fill(left_out, 0.0).sum(2)
    return temperature**2 * divergence.mean()


def decoupled_parts(
    s: torch.Tensor, t: torch.Tensor, targets: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The two parts of Zhao et al. 2022 (Decoupled Knowledge Distillation, section 3.1), for each sample ``[N]``,
    without T²: the divergence of (right class, all others), and that among the other classes.

    ``targets``: int64 ``[N]``, the right classes. :func:`soft_cross_entropy` is ``T² mean(first + (1 - p) second)``, p
    the probability that the teacher gives the right class at T.
    """
    right = F.one_hot(targets, s.shape[1]).bool()
    log_s, log_t = F.log_softmax(s / temperature, 1), F.log_softmax(t.detach() / temperature, 1)
    pair_s, pair_t = _right_and_rest(log_s, right), _right_and_rest(log_t, right)
    first = (pair_t.exp() * (pair_t - pair_s)).sum(1)
    others = (len(s), s.shape[1] - 1)
    among_s = F.log_softmax(log_s[~right].view(others), 1)
    among_t = F.log_softmax(log_t[~right].view(others), 1)
    return first, (among_t.exp() * (among_t - among_s)).sum(1)


def _right_and_rest(log_p: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Log-probabilities ``[N, 2]`` of the right class and of all others together."""
    rest = log_p[~right].view(len(log_p), -1)
    return torch.stack([log_p[right], torch.logsumexp(rest, 1)], 1)


def decoupled(
    s: torch.Tensor, t: torch.Tensor, targets: torch.Tensor, temperature: float, alpha: float, beta: float
) -> torch.Tensor:
    """``T² mean(α first + β second)`` of :func:`decoupled_parts`; DKD."""
    first, second = decoupled_parts(s, t, targets, temperature)
    return temperature**2 * (alpha * first + beta * second).mean()


def correlation_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """``1 - `` Pearson's correlation of the rows of ``a`` and ``b [M, L]``, the mean over rows."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return 1 - F.cosine_similarity(a, b, 1, eps=1e-8).mean()


def relations(s: torch.Tensor, t: torch.Tensor, tau: float, beta: float, gamma: float) -> torch.Tensor:
    """DIST: ``τ² (β inter + γ intra)`` of logits ``[N, C]``; the correlation between the classes of each sample, and
    between the samples of each class, of the probabilities at τ (Huang et al. 2022, Knowledge Distillation from a
    Stronger Teacher, section 3.2; τ² as in the authors' code).
    """
    p, q = F.softmax(s / tau, 1), F.softmax(t.detach() / tau, 1)
    inter = correlation_distance(p, q)
    intra = correlation_distance(p.T, q.T) if len(p) > 1 else inter.new_zeros(())
    return tau**2 * (beta * inter + gamma * intra)


def attention_map(features: torch.Tensor, power: float) -> torch.Tensor:
    """``mean over channels |F|^p``, flattened and of length 1: ``[N, C, H, W]`` to ``[N, H W]``."""
    return F.normalize(features.abs().pow(power).mean(1).flatten(1), dim=1)


def attention_distance(s: torch.Tensor, t: torch.Tensor, power: float = 2.0) -> torch.Tensor:
    """AT: mean squared difference of the attention maps of ``[N, C, H, W]`` and ``[N, D, H, W]`` (Zagoruyko and
    Komodakis 2017, Paying More Attention to Attention, section 3.1).
    """
    return (attention_map(s, power) - attention_map(t.detach(), power)).pow(2).mean()


def hint_distance(s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """FitNet: mean squared difference of feature maps of one shape; ``s`` has come through a projector (Romero et al.
    2015, FitNets, equation 3).
    """
    return (s - t.detach()).pow(2).mean()
