"""Which samples self-training labels: confidence, temperature, threshold and caps, against brute force in NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlstudio_builtins.methods.pseudo_label_set import LabelSet
from tlstudio_builtins.methods.pseudo_labels import caps, negative_log_likelihood, select, softmax, temperature_of


def by_hand(probabilities: list[list[float]], threshold: float, most: list[int], barred: set[int]) -> dict[int, int]:
    """Position to class: sorts all rows by confidence, and takes what a class still has room for."""
    room = dict(enumerate(most))
    taken: dict[int, int] = {}
    for row in sorted(range(len(probabilities)), key=lambda row: (-max(probabilities[row]), row)):
        label = probabilities[row].index(max(probabilities[row]))
        if row not in barred and max(probabilities[row]) >= threshold and room[label]:
            taken[row], room[label] = label, room[label] - 1
    return taken


CAPS = st.lists(st.integers(0, 6), min_size=3, max_size=3)


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.0, 0.4, 0.9]), CAPS)
def test_that_a_round_takes_the_surest_of_each_class_up_to_its_cap(
    seed: int, count: int, threshold: float, most: list[int]
) -> None:
    random = np.random.default_rng(seed)
    probabilities = softmax(random.integers(-3, 4, (count, 3)))  # with many ties
    barred = set(random.permutation(count)[: count // 4].tolist())
    positions, labels, confidences = select(probabilities, threshold, most, barred)
    wanted = by_hand(probabilities.tolist(), threshold, most, barred)
    assert dict(zip(positions.tolist(), labels.tolist(), strict=True)) == wanted
    assert positions.tolist() == sorted(wanted)
    assert np.array_equal(confidences, probabilities[positions].max(1))
    assert (np.bincount(labels, minlength=3) <= most).all()
    again = select(probabilities, threshold, most, barred)
    assert all(np.array_equal(one, two) for one, two in zip((positions, labels, confidences), again, strict=True))


def test_that_a_class_may_gain_half_of_what_it_has_and_ten_at_least() -> None:
    assert caps([4, 20, 21, 100, 0], 0.5) == [10, 10, 10, 50, 10]
    assert caps([1000], 0.1) == [100]


def test_that_probabilities_are_those_of_the_definition_and_do_not_overflow() -> None:
    logits = np.array([[1e4, 0.0, -1e4], [0.3, -0.2, 1.1]])
    for temperature in (0.5, 1.0, 3.0):
        found = softmax(logits, temperature)
        e = [math.exp(z / temperature) for z in logits[1]]
        assert found[1] == pytest.approx([value / sum(e) for value in e], rel=1e-12)
        assert found[0].tolist() == [1.0, 0.0, 0.0]
        of_truth = -(math.log(found[1, 2]) + math.log(found[0, 0])) / 2
        assert negative_log_likelihood(logits, [0, 2], temperature) == pytest.approx(of_truth, rel=1e-9)


def test_that_the_temperature_is_the_best_of_a_fine_grid() -> None:
    random = np.random.default_rng(3)
    targets = random.integers(0, 4, 300)
    logits = random.normal(0, 1, (300, 4)) + 1.5 * np.eye(4)[targets]
    for scale in (0.3, 1.0, 6.0):  # an overconfident model has large logits
        grid = np.exp(np.linspace(math.log(0.06), math.log(19), 1500))
        best = grid[int(np.argmin([negative_log_likelihood(scale * logits, targets, t) for t in grid]))]
        assert temperature_of(scale * logits, targets) == pytest.approx(best, rel=8e-3)


def test_that_a_temperature_is_not_made_up_from_too_little() -> None:
    logits = np.eye(3)[[0, 1, 2] * 10] * 4
    assert temperature_of(logits, [0, 1, 2] * 10) == 1.0  # never wrong: any cooler one would be better still
    assert temperature_of(logits[:9], [1] * 9) == 1.0


def test_that_labels_survive_a_checkpoint_and_stay_in_the_order_of_the_pool() -> None:
    import torch

    first = LabelSet(torch.tensor([2, 9]), torch.tensor([1, 0]), torch.tensor([0.97, 0.99], dtype=torch.float64))
    both = first.joined(LabelSet(torch.tensor([5]), torch.tensor([2]), torch.tensor([0.96], dtype=torch.float64)))
    assert list(both.entries()) == [(2, 1, 0.97), (5, 2, 0.96), (9, 0, 0.99)]
    again = LabelSet.of(both.tensors("x"), "x")
    assert list(again.entries()) == list(both.entries())
    assert list(both.where(both.labels > 0).entries()) == [(2, 1, 0.97), (5, 2, 0.96)]
    assert len(LabelSet.of(LabelSet.empty().tensors("x"), "x")) == 0
