"""The losses of distillation against the formulas of their papers in NumPy float64, and what is known of them."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special, stats

from tlstudio_builtins.methods import distillation_losses as losses

N, C, H, W = 6, 5, 3, 4


def draw(*shape: int, seed: int = 0, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


S, T = draw(N, C), draw(N, C, seed=1)
PIXELS_S, PIXELS_T = draw(2, C, H, W), draw(2, C, H, W, seed=1)
TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])
MASKS = torch.randint(0, C, (2, H, W), generator=torch.Generator().manual_seed(2))
MASKS[0, 0] = 255
MASKS[1, :, 2] = 255


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float(sum(a * math.log(a / b) for a, b in zip(p.ravel(), q.ravel(), strict=True)))


def test_that_the_loss_of_logits_is_hintons() -> None:
    for temperature in (1.0, 4.0):
        p, q = (special.softmax(x.numpy() / temperature, 1) for x in (T, S))
        expected = temperature**2 * np.mean([kl(a, b) for a, b in zip(p, q, strict=True)])
        assert float(losses.soft_cross_entropy(S, T, temperature)) == pytest.approx(expected, rel=1e-10)


def test_that_at_a_high_temperature_it_is_the_squared_difference_of_centred_logits() -> None:
    s, t = (x - x.mean(1, keepdim=True) for x in (S, T))
    expected = ((s - t) ** 2).sum(1).mean() / (2 * C)  # Hinton et al. 2015, section 2.1
    assert float(losses.soft_cross_entropy(S, T, 1e4)) == pytest.approx(float(expected), rel=1e-3)


def test_that_the_loss_of_pixels_leaves_out_what_masks_ignore() -> None:
    found = float(losses.soft_pixels(PIXELS_S, PIXELS_T, MASKS, 2.0))
    p, q = (special.softmax(x.numpy() / 2.0, 1) for x in (PIXELS_T, PIXELS_S))
    counted = [
        kl(p[n, :, y, x], q[n, :, y, x])
        for n in range(2) for y in range(H) for x in range(W) if MASKS[n, y, x] != 255
    ]  # fmt: skip
    assert found == pytest.approx(4 * np.mean(counted), rel=1e-10)
    changed = PIXELS_S.clone()
    changed[0, :, 0] += 100.0
    assert float(losses.soft_pixels(changed, PIXELS_T, MASKS, 2.0)) == found


def test_that_a_batch_without_a_pixel_that_counts_costs_nothing() -> None:
    nothing = torch.full_like(MASKS, 255)
    s = PIXELS_S.clone().requires_grad_(True)
    for loss in (losses.soft_pixels, losses.channel_wise):
        value = loss(s, PIXELS_T, nothing, 2.0)
        (gradient,) = torch.autograd.grad(value, s)
        assert value.item() == 0.0
        assert not gradient.any()


def test_that_the_loss_of_labels_is_the_binary_cross_entropy_less_the_teachers_entropy() -> None:
    p, q = special.expit(T.numpy() / 3.0), special.expit(S.numpy() / 3.0)
    cross = -(p * np.log(q) + (1 - p) * np.log(1 - q))
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert float(losses.soft_labels(S, T, 3.0)) == pytest.approx(9 * np.mean(cross - entropy), rel=1e-10)


def test_that_the_loss_of_numbers_is_in_standard_deviations() -> None:
    std = torch.tensor([1.0, 2.0, 0.5, 10.0, 4.0], dtype=torch.float64)
    expected = np.mean(((S - T).numpy() / std.numpy()) ** 2)
    assert float(losses.same_numbers(S, T, std)) == pytest.approx(expected, rel=1e-12)
    assert float(losses.same_numbers(7 * S, 7 * T, 7 * std)) == pytest.approx(expected, rel=1e-12)


def test_that_the_channel_wise_loss_compares_where_each_class_is() -> None:
    found = float(losses.channel_wise(PIXELS_S, PIXELS_T, MASKS, 4.0))
    each = []
    for n in range(2):
        counts = MASKS[n].numpy() != 255
        for c in range(C):
            p, q = (special.softmax(x[n, c].numpy()[counts] / 4.0) for x in (PIXELS_T, PIXELS_S))
            each.append(kl(p, q))
    assert found == pytest.approx(16 * np.mean(each), rel=1e-9)
    shifted = PIXELS_S + draw(2, C, 1, 1, seed=3)  # a class that is everywhere likelier is in the same place
    assert float(losses.channel_wise(shifted, PIXELS_T, MASKS, 4.0)) == pytest.approx(found, rel=1e-9)


def test_that_decoupled_distillation_is_its_papers() -> None:
    temperature, alpha, beta, total = 4.0, 1.0, 8.0, 0.0
    for s, t, y in zip(S.numpy(), T.numpy(), TARGETS.tolist(), strict=True):
        p, q = (special.softmax(x / temperature) for x in (t, s))
        first = kl(np.array([p[y], 1 - p[y]]), np.array([q[y], 1 - q[y]]))
        rest_p, rest_q = (special.softmax(np.delete(x, y) / temperature) for x in (t, s))
        total += alpha * first + beta * kl(rest_p, rest_q)
    found = losses.decoupled(S, T, TARGETS, temperature, alpha, beta)
    assert float(found) == pytest.approx(temperature**2 * total / N, rel=1e-10)


def test_that_decoupled_distillation_with_the_coupled_weights_is_plain_distillation() -> None:
    first, second = losses.decoupled_parts(S, T, TARGETS, 4.0)
    p = special.softmax(T.numpy() / 4.0, 1)[np.arange(N), TARGETS.numpy()]
    coupled = 16 * (first + (1 - torch.from_numpy(p)) * second).mean()
    assert float(coupled) == pytest.approx(float(losses.soft_cross_entropy(S, T, 4.0)), rel=1e-10)


def test_that_decoupled_distillation_of_two_classes_has_nothing_to_say_of_the_others() -> None:
    first, second = losses.decoupled_parts(S[:, :2], T[:, :2], TARGETS.clamp(max=1), 4.0)
    assert torch.equal(second, torch.zeros(N, dtype=torch.float64))
    plain = losses.soft_cross_entropy(S[:, :2], T[:, :2], 4.0)
    assert float(16 * first.mean()) == pytest.approx(float(plain), rel=1e-10)


def test_that_very_sure_logits_give_finite_losses() -> None:
    sure = 1000.0 * torch.eye(C)[TARGETS]
    for value in (
        losses.decoupled(-sure, sure, TARGETS, 1.0, 1.0, 8.0),
        losses.soft_labels(-sure, sure, 1.0),
        losses.soft_cross_entropy(-sure, sure, 1.0),
        losses.relations(-sure, sure, 1.0, 1.0, 1.0),
    ):
        assert math.isfinite(float(value))


def test_that_dist_is_one_minus_pearsons_correlation_both_ways() -> None:
    tau, beta, gamma = 4.0, 1.0, 2.0
    p, q = special.softmax(S.numpy() / tau, 1), special.softmax(T.numpy() / tau, 1)
    inter = 1 - np.mean([stats.pearsonr(p[n], q[n]).statistic for n in range(N)])
    intra = 1 - np.mean([stats.pearsonr(p[:, c], q[:, c]).statistic for c in range(C)])
    found = losses.relations(S, T, tau, beta, gamma)
    assert float(found) == pytest.approx(tau**2 * (beta * inter + gamma * intra), rel=1e-7)


def test_that_its_distance_does_not_see_a_positive_affine_rescaling_of_either_side() -> None:
    scale, shift = draw(N, 1, seed=4).abs() + 0.1, draw(N, 1, seed=5)
    expected = float(losses.correlation_distance(S, T))
    assert float(losses.correlation_distance(S * scale + shift, T)) == pytest.approx(expected, rel=1e-9)
    assert float(losses.correlation_distance(S, 0.3 * T - 7.0)) == pytest.approx(expected, rel=1e-9)
    assert float(losses.correlation_distance(S, -2.0 * S)) == pytest.approx(2.0)


def test_that_attention_transfer_compares_maps_of_unit_length() -> None:
    s, t = draw(2, 7, H, W), draw(2, 3, H, W, seed=1)
    maps = []
    for x in (s.numpy(), t.numpy()):
        flat = (np.abs(x) ** 2).mean(1).reshape(2, -1)
        maps.append(flat / np.linalg.norm(flat, axis=1, keepdims=True))
    assert float(losses.attention_distance(s, t)) == pytest.approx(np.mean((maps[0] - maps[1]) ** 2), rel=1e-10)
    assert float(losses.attention_distance(5 * s, t)) == pytest.approx(float(losses.attention_distance(s, t)))


def test_that_hints_are_the_mean_squared_difference() -> None:
    assert float(losses.hint_distance(PIXELS_S, PIXELS_T)) == pytest.approx(
        np.mean((PIXELS_S.numpy() - PIXELS_T.numpy()) ** 2), rel=1e-12
    )


LOSSES: dict[str, tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], torch.Tensor, torch.Tensor]] = {
    "logits": (lambda s, t: losses.soft_cross_entropy(s, t, 4.0), S, T),
    "pixels": (lambda s, t: losses.soft_pixels(s, t, MASKS, 4.0), PIXELS_S, PIXELS_T),
    "labels": (lambda s, t: losses.soft_labels(s, t, 4.0), S, T),
    "numbers": (lambda s, t: losses.same_numbers(s, t, torch.full((C,), 2.0).double()), S, T),
    "channel-wise": (lambda s, t: losses.channel_wise(s, t, MASKS, 4.0), PIXELS_S, PIXELS_T),
    "decoupled": (lambda s, t: losses.decoupled(s, t, TARGETS, 4.0, 1.0, 8.0), S, T),
    "relations": (lambda s, t: losses.relations(s, t, 4.0, 1.0, 1.0), S, T),
    "attention": (lambda s, t: losses.attention_distance(s, t), PIXELS_S, PIXELS_T),
    "hints": (lambda s, t: losses.hint_distance(s, t), PIXELS_S, PIXELS_T),
}


@pytest.mark.parametrize("name", LOSSES)
def test_that_the_gradient_is_right_goes_to_the_student_alone_and_vanishes_where_both_agree(name: str) -> None:
    loss, s, t = LOSSES[name]
    s, t = s.clone().requires_grad_(True), t.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: loss(x, t), (s,))
    loss(s, t).backward()
    assert t.grad is None
    assert s.grad is not None
    assert s.grad.abs().max() > 1e-6
    assert loss(s, t).item() > 0.0
    same = s.detach().clone().requires_grad_(True)
    value = loss(same, same.detach())
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert same.grad is not None
    assert float(same.grad.abs().max()) == pytest.approx(0.0, abs=1e-6)
