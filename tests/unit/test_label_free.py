"""What chooses a checkpoint without labels, against plain loops in float64 and against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.special import entr, softmax

from tlstudio_builtins.methods import label_free


def drawn(rows: int, classes: int, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(rows, classes, generator=torch.Generator().manual_seed(rows)) * scale


def density(outputs: torch.Tensor, temperature: float) -> float:
    """As Saito et al. 2021 write it, sample by sample."""
    p = softmax(outputs.double().numpy(), 1)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    values = []
    for i in range(len(p)):
        likeness = np.array([np.exp(p[i] @ p[j] / temperature) for j in range(len(p)) if j != i])
        share = likeness / likeness.sum()
        values.append(-(share * np.log(share)).sum())
    return float(np.mean(values))


def test_that_the_soft_neighbourhood_density_is_the_papers() -> None:
    outputs = drawn(40, 5)
    assert label_free.soft_neighbourhood_density(outputs) == pytest.approx(density(outputs, 0.05), rel=1e-9)
    assert label_free.soft_neighbourhood_density(outputs, 0.5) == pytest.approx(density(outputs, 0.5), rel=1e-9)


def test_that_the_density_comes_out_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = drawn(40, 5)
    whole = label_free.soft_neighbourhood_density(outputs)
    monkeypatch.setattr(label_free, "_ROWS", 7)
    assert label_free.soft_neighbourhood_density(outputs) == pytest.approx(whole, rel=1e-12)


def test_that_dense_neighbourhoods_count_more_and_one_class_for_all_most() -> None:
    clusters = torch.eye(4).repeat(10, 1) * 50
    assert label_free.soft_neighbourhood_density(clusters) == pytest.approx(math.log(9), abs=1e-4)
    same = torch.zeros(40, 4)
    same[:, 0] = 50
    assert label_free.soft_neighbourhood_density(same) == pytest.approx(math.log(39))
    assert label_free.soft_neighbourhood_density(same[:2]) == 0.0


def test_that_entropy_and_mutual_information_are_those_of_their_definitions() -> None:
    outputs = drawn(30, 6)
    p = softmax(outputs.double().numpy(), 1)
    assert label_free.mean_entropy(outputs) == pytest.approx(entr(p).sum(1).mean(), rel=1e-12)
    expected = entr(p.mean(0)).sum() - entr(p).sum(1).mean()
    assert label_free.information_maximization(outputs) == pytest.approx(expected, rel=1e-12)


def test_that_only_mutual_information_sees_through_a_model_that_always_says_the_same() -> None:
    same, distinct = torch.zeros(40, 4), torch.eye(4).repeat(10, 1) * 50
    same[:, 0] = 50
    assert label_free.mean_entropy(same) == pytest.approx(label_free.mean_entropy(distinct), abs=1e-9)
    assert label_free.information_maximization(same) == pytest.approx(0, abs=1e-9)
    assert label_free.information_maximization(distinct) == pytest.approx(math.log(4), abs=1e-9)
    assert set(label_free.criteria(distinct)) == {"snd", "entropy", "infomax"}
