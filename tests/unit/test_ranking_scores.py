"""Scores of frozen features, against brute force."""

import numpy as np
import pytest
from scipy import optimize, stats

from tlstudio.ranking import scores


def exact_evidence(features: np.ndarray, target: np.ndarray) -> float:
    """The largest log density per sample of ``N(0, I/b + F Fᵀ/a)`` over a and b, by the covariance itself."""
    count = len(features)
    gram = features @ features.T

    def loss(logs: np.ndarray) -> float:
        a, b = np.exp(logs)
        return -float(stats.multivariate_normal.logpdf(target, cov=np.eye(count) / b + gram / a)) / count

    starts = [(x, y) for x in (-3.0, 1.0, 5.0) for y in (-1.0, 2.0)]
    return max(-optimize.minimize(loss, start, method="Nelder-Mead").fun for start in starts)


def fixed_point_with_all_dimensions(features: np.ndarray, target: np.ndarray) -> float:
    """The released form, whose first term counts D parameters instead of the rank."""
    count, width = features.shape
    left, singular, right = np.linalg.svd(features, full_matrices=False)
    a = b = 1.0
    for _ in range(100):
        gamma = float((b * singular**2 / (a + b * singular**2)).sum())
        mean = right.T @ (b * singular / (a + b * singular**2) * (left.T @ target))
        residual = float(((features @ mean - target) ** 2).sum())
        a, b = gamma / float(mean @ mean), (count - gamma) / residual
    evidence = width / 2 * np.log(a) + count / 2 * np.log(b) - 0.5 * np.log(a + b * singular**2).sum()
    return float((evidence - b / 2 * residual - a / 2 * mean @ mean - count / 2 * np.log(2 * np.pi)) / count)


@pytest.mark.parametrize(("count", "width"), [(40, 8), (40, 40), (24, 60)])
def test_that_the_log_evidence_is_the_exact_one_for_more_and_for_fewer_samples_than_features(
    count: int, width: int
) -> None:
    random = np.random.default_rng(count + width)
    features = random.normal(size=(count, width))
    target = features[:, :3] @ np.array([0.5, -1.0, 0.3]) + random.normal(size=count)
    found = scores.log_evidence(features, target[:, None])[0]
    assert found == pytest.approx(exact_evidence(features, target), abs=2e-4)


def test_that_the_released_form_is_far_off_where_features_outnumber_samples() -> None:
    """At N = 60 and D = 1024 the exact value is about -0.8 and the released form gives more than 50."""
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 1024))
    target = (random.random(60) < 0.5).astype(float)
    exact = scores.log_evidence(features, target[:, None])[0]
    assert -1.2 < exact < -0.5
    assert fixed_point_with_all_dimensions(features, target) > exact + 5
    narrow = random.normal(size=(60, 10))
    aim = narrow[:, 0] + 0.5 * random.normal(size=60)
    assert fixed_point_with_all_dimensions(narrow, aim) == pytest.approx(
        scores.log_evidence(narrow, aim[:, None])[0], abs=1e-3
    )


def test_that_features_that_tell_the_classes_score_higher_in_every_way() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 30)
    hot = np.eye(4)[labels]
    good = (hot @ random.normal(size=(4, 20)) * 2 + random.normal(size=(120, 20))).astype(np.float32)
    bad = random.normal(size=(120, 20)).astype(np.float32)
    ready = [scores.prepared(features) for features in (good, bad)]
    evidence = [scores.log_evidence(features, hot - hot.mean(0)).mean() for features in ready]
    assert evidence[0] > evidence[1] + 0.3
    spread = [scores.h_score(features, labels) for features in ready]
    assert spread[0] > spread[1]
    assert 0 <= spread[1] < spread[0] <= 3.0  # never more than classes less one


def test_that_the_h_score_is_the_trace_it_is_defined_as() -> None:
    from sklearn.covariance import LedoitWolf

    random = np.random.default_rng(2)
    labels = np.repeat(np.arange(3), 20)
    features = random.normal(size=(60, 6)) + labels[:, None] * 0.5
    fitted = LedoitWolf().fit(features)
    means = np.stack([features[labels == label].mean(0) for label in labels])
    between = np.cov(means, rowvar=False, bias=True)
    expected = (1 - fitted.shrinkage_) * np.trace(np.linalg.inv(fitted.covariance_) @ between)
    assert scores.h_score(features, labels) == pytest.approx(expected)


def test_that_neighbours_vote_by_cosine() -> None:
    known = np.array([[1, 0], [0.9, 0.1], [0, 1], [-1, 0]], np.float32)
    targets = np.eye(2)[[0, 0, 1, 1]]
    found = scores.neighbours(known, targets, np.array([[2, 0.1], [0, 5]], np.float32), 2, 0.1)
    assert found.argmax(1).tolist() == [0, 1]
    assert found.sum(1) == pytest.approx([1, 1])
    weights = np.exp((np.array([1.0, 0.1 / np.hypot(0.9, 0.1)]) - 1.0) / 0.1)
    assert found[1, 1] == pytest.approx(weights[0] / weights.sum(), rel=1e-5)


def test_that_wide_features_are_reduced_and_constant_ones_dropped() -> None:
    random = np.random.default_rng(3)
    wide = random.normal(size=(400, 300)).astype(np.float32)
    wide[:, 7] = 3.0
    assert scores.prepared(wide).shape == (400, scores.DIMENSIONS)
    assert scores.prepared(wide[:50]).shape == (50, 299)
