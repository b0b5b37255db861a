"""Losses of unsupervised domain adaptation against NumPy in float64, and gradients against finite differences."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.autograd import gradcheck

from tlstudio_builtins.methods import adaptation_losses as losses

Array = npt.NDArray[np.float64]


def drawn(rows: int, columns: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 2


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def confusion(outputs: Array, temperature: float) -> float:
    """As the paper writes it, sample by sample."""
    p = softmax(outputs / temperature)
    count, classes = p.shape
    entropy = np.array([-sum(v * math.log(v) for v in row) for row in p])
    weights = 1 + np.exp(-entropy)
    weights = count * weights / weights.sum()
    matrix = np.zeros((classes, classes))
    for row, weight in zip(p, weights, strict=True):
        matrix += weight * np.outer(row, row)
    matrix /= matrix.sum(1, keepdims=True)
    return float(sum(matrix[i, j] for i in range(classes) for j in range(classes) if i != j) / classes)


@pytest.mark.parametrize(("rows", "classes", "temperature"), [(7, 4, 2.5), (36, 10, 3.0), (5, 2, 1.0)])
def test_that_class_confusion_is_the_papers(rows: int, classes: int, temperature: float) -> None:
    outputs = drawn(rows, classes, rows)
    expected = confusion(outputs.numpy(), temperature)
    assert float(losses.class_confusion(outputs, temperature)) == pytest.approx(expected, rel=1e-12)


def test_that_sure_and_distinct_answers_confuse_no_classes_and_even_ones_all() -> None:
    sure = torch.eye(5, dtype=torch.float64).repeat(3, 1) * 1000
    assert float(losses.class_confusion(sure)) == pytest.approx(0, abs=1e-12)
    assert float(losses.class_confusion(torch.zeros(8, 5, dtype=torch.float64))) == pytest.approx(1 - 1 / 5)


def test_that_the_weight_of_a_sure_sample_gets_no_gradient() -> None:
    outputs = drawn(6, 3, 1).requires_grad_()
    losses.class_confusion(outputs).backward()  # type: ignore[no-untyped-call]
    share = torch.softmax(outputs.detach() / 2.5, 1)
    weight = 1 + torch.exp((share * share.log()).sum(1))
    weight = 6 * weight / weight.sum()

    def fixed(x: torch.Tensor) -> torch.Tensor:
        p = torch.softmax(x / 2.5, 1)
        matrix = p.T @ torch.diag(weight) @ p
        matrix = matrix / matrix.sum(1, keepdim=True)
        return 1 - matrix.diagonal().mean()

    again = outputs.detach().clone().requires_grad_()
    assert gradcheck(fixed, (again,))
    fixed(again).backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(outputs.grad, again.grad, atol=1e-12)  # type: ignore[arg-type]


def test_that_the_domain_loss_is_the_mean_of_both_domains_entropies() -> None:
    source, target = drawn(6, 1, 2), drawn(9, 1, 3)
    s, t = 1 / (1 + np.exp(-source.numpy())), 1 / (1 + np.exp(-target.numpy()))
    expected = 0.5 * (-np.log(s).mean() - np.log(1 - t).mean())
    assert float(losses.domain_loss(source, target)) == pytest.approx(expected, rel=1e-12)
    assert gradcheck(losses.domain_loss, (source.requires_grad_(), target.requires_grad_()))
    lost = torch.zeros(4, 1)
    assert float(losses.domain_loss(lost, lost)) == pytest.approx(math.log(2))
    assert float(losses.domain_accuracy(lost + 1, lost - 1)) == 1.0


def test_that_the_margin_disparity_is_the_papers() -> None:
    source, other = drawn(6, 4, 4), drawn(6, 4, 5)
    target, another = drawn(8, 4, 6), drawn(8, 4, 7)
    p, q = softmax(other.numpy()), softmax(another.numpy())
    agreed = -np.mean([math.log(p[i, k]) for i, k in enumerate(source.numpy().argmax(1))])
    left = -np.mean([math.log(1 - q[i, k]) for i, k in enumerate(target.numpy().argmax(1))])
    found = losses.margin_disparity(source, other, target, another, margin=4.0)
    assert float(found) == pytest.approx(4 * agreed + left, rel=1e-9)

    def of_adversary(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return losses.margin_disparity(source, a, target, b)

    assert gradcheck(of_adversary, (other.requires_grad_(), another.requires_grad_()))


def test_that_an_adversary_that_agrees_entirely_gives_a_finite_loss() -> None:
    sure = torch.tensor([[500.0, -500.0]], requires_grad=True)
    found = losses.margin_disparity(sure.detach(), sure, sure.detach(), sure)
    found.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(float(found.detach()))
    assert bool(torch.isfinite(sure.grad).all())  # type: ignore[arg-type]


@pytest.mark.parametrize("coefficient", [0.0, 0.1, 1.0])
def test_that_a_reversed_gradient_has_the_other_sign_and_its_coefficient(coefficient: float) -> None:
    plain, turned = (drawn(3, 2, 8).requires_grad_() for _ in range(2))
    (plain**2).sum().backward()  # type: ignore[no-untyped-call]
    forward = losses.reverse_gradient(turned, coefficient)
    assert torch.equal(forward, turned)
    (forward**2).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(turned.grad, -coefficient * plain.grad)  # type: ignore[arg-type, operator]


def test_that_the_coefficient_of_a_long_run_is_the_one_of_the_reference_and_a_short_one_takes_its_course() -> None:
    for step in (0, 1, 1000, 7000, 20_000):
        assert losses.reversal(step, 20_000) == pytest.approx(2 / (1 + math.exp(-step / 1000)) - 1, abs=1e-12)
        assert losses.reversal(step, 20_000, 0.1) == pytest.approx(0.1 * losses.reversal(step, 20_000))
    assert losses.reversal(50, 100) == pytest.approx(losses.reversal(10_000, 20_000))
    assert losses.reversal(0, 0) == 0.0


def test_that_features_behind_the_reversed_gradient_make_the_discriminator_worse() -> None:
    features = drawn(8, 2, 9).requires_grad_()
    weights = torch.tensor([[1.0], [-0.5]], dtype=torch.float64, requires_grad=True)
    told = losses.reverse_gradient(features, 1.0) @ weights
    loss = losses.domain_loss(told[:4], told[4:])
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        moved = (features - 0.1 * features.grad) @ weights  # type: ignore[operator]
        learnt = features @ (weights - 0.1 * weights.grad)  # type: ignore[operator]
    assert float(losses.domain_loss(moved[:4], moved[4:])) > float(loss.detach())
    assert float(losses.domain_loss(learnt[:4], learnt[4:])) < float(loss.detach())


def test_that_confusion_is_minimised_by_descending_it() -> None:
    outputs = drawn(12, 3, 10).requires_grad_()
    before = losses.class_confusion(outputs)
    before.backward()  # type: ignore[no-untyped-call]
    after = losses.class_confusion(outputs.detach() - outputs.grad)  # type: ignore[operator]
    assert float(after) < float(before.detach())
