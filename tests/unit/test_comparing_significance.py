"""Differences between methods: the tests against brute force and closed forms, metrics against those of the runs."""

import itertools
import math

import numpy as np
import pytest

from tlstudio.api.task import TaskInfo
from tlstudio.comparing.significance import BOOTSTRAP, MCNEMAR, holm, judge, mcnemar
from tlstudio.comparing.sums import Sums, sums_of
from tlstudio.evaluation import evaluate_predictions
from tlstudio.registry import Registry


def answers(rights: np.ndarray) -> Sums:
    """Accuracy of a run whose right answers are these."""
    count = len(rights)
    return Sums(rights.astype(bool)[:, None], lambda sums: sums[:, 0] / count)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (3, 9), (0, 8), (12, 2)])
def test_that_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    a = np.array([1] * only_a + [0] * only_b + [1] * 20 + [0] * 4, bool)
    b = np.array([0] * only_a + [1] * only_b + [1] * 20 + [0] * 4, bool)
    count = only_a + only_b
    tail = sum(math.comb(count, i) for i in range(min(only_a, only_b) + 1)) / 2**count
    assert mcnemar(a, b) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar(a, b) == mcnemar(b, a)


def test_that_holm_is_what_its_definition_says() -> None:
    ps = [0.01, 0.04, 0.03, 0.005]
    assert holm(ps) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    for order in itertools.permutations(range(4)):
        shuffled = holm([ps[i] for i in order])
        assert shuffled == pytest.approx([holm(ps)[i] for i in order])


def test_that_the_paired_bootstrap_finds_the_standard_error_of_a_paired_difference() -> None:
    first = np.arange(400) < 320
    second = first.copy()
    second[:11], second[-5:] = False, True
    _, (a, b) = judge([[answers(first)], [answers(second)]], higher_is_better=True)
    worse = b if a.p is None else a
    difference = first.astype(float) - second
    error = difference.std() / math.sqrt(400)
    assert worse.behind == pytest.approx(abs(difference.mean()))
    assert worse.behind_high - worse.behind_low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert worse.test == BOOTSTRAP
    z = abs(difference.mean()) / error
    assert worse.p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.3)


def test_that_equal_answers_are_not_told_apart_and_the_pairing_counts() -> None:
    random = np.random.default_rng(1)
    hard = random.random(300) < 0.5  # which items are hard, for both
    better, worse = hard.copy(), hard.copy()
    worse[np.flatnonzero(hard)[:12]] = False  # 4 points, but always the same way
    best, judged = judge([[answers(hard)], [answers(better)], [answers(worse)]], higher_is_better=True, accuracy=True)
    assert best == 0
    assert judged[1].p == 1.0
    assert judged[2].test == MCNEMAR
    assert judged[2].worse
    assert judged[2].p == pytest.approx(2 * 0.5**12)
    assert judged[2].p_holm == pytest.approx(2 * judged[2].p)


def test_that_several_seeds_count_each_item_once() -> None:
    """Ten copies of one run are no more evidence than the run."""
    random = np.random.default_rng(2)
    a, b = random.random(120) < 0.75, random.random(120) < 0.68
    _, once = judge([[answers(a)], [answers(b)]], higher_is_better=True)
    _, tenfold = judge([[answers(a)] * 10, [answers(b)] * 10], higher_is_better=True, accuracy=True)
    assert tenfold[1].p == once[1].p
    assert (tenfold[0].low, tenfold[0].high) == pytest.approx((once[0].low, once[0].high))


def test_that_lower_is_better_where_the_metric_says_so() -> None:
    small, large = np.full((50, 1), 1.0), np.full((50, 1), 2.0)
    error = [Sums(rows, lambda sums: sums[:, 0] / 50) for rows in (large, small)]
    best, judged = judge([[error[0]], [error[1]]], higher_is_better=False)
    assert best == 1
    assert judged[0].behind == pytest.approx(1.0)
    assert judged[0].worse


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression", "segmentation"])
def test_that_every_metric_of_sums_is_the_metric_of_the_evaluation(task: str) -> None:
    random = np.random.default_rng(3)
    outputs = random.normal(size=(60, 4)).astype(np.float32)
    info = TaskInfo(class_names=tuple("abcd"), class_counts=(9, 9, 9, 9))
    targets: np.ndarray = random.integers(0, 4, 60)
    if task == "multilabel":
        targets = (random.random((60, 4)) < 0.3).astype(np.float32)
    elif task == "regression":
        targets = (outputs + random.normal(size=(60, 4))).astype(np.float32)
        info = TaskInfo(class_names=tuple("abcd"), mean=(0.0,) * 4, std=(1.0,) * 4)
    elif task == "segmentation":
        outputs = random.integers(0, 50, (60, 4, 4)).astype(np.float32)
        targets = np.zeros(60, np.int64)
    registry = Registry.discover()
    entry = evaluate_predictions(
        outputs, targets, task=registry.task(task), info=info, metrics=registry.metrics(), train_items=36
    )
    known = 0
    for name, value in entry["metrics"].items():
        sums = None if name.endswith(("_low", "_high")) else sums_of(name, task, outputs, targets)
        if sums is not None:
            known += 1
            assert sums.value == pytest.approx(value, abs=1e-6), name
    assert known >= 3
    assert sums_of("roc_auc_macro", task, outputs, targets) is None
