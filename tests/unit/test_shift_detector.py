"""Whether two data sets look alike: the discrepancy's formula, and what advice makes of the doctor's figures."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.unit.test_advising import LAPTOP, resized
from tlstudio.advising import advise
from tlstudio.doctor.domain import discrepancy
from tlstudio.doctor.reducing import Matrix
from tlstudio.project import Project
from tlstudio.registry import Registry


def brute_force(first: Matrix, second: Matrix) -> float:
    """Gretton et al. 2012, equation 3, word for word; σ is the median distance of all pairs."""
    rows = np.concatenate([first, second])
    apart = [np.linalg.norm(rows[i] - rows[j]) for i in range(len(rows)) for j in range(i)]
    variance = np.median(np.square(apart))

    def k(a: Matrix, b: Matrix) -> float:
        return float(np.exp(-np.square(a - b).sum() / (2 * variance)))

    n, m = len(first), len(second)
    inside = sum(k(first[i], first[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    outside = sum(k(second[i], second[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return inside + outside - 2 * sum(k(a, b) for a in first for b in second) / (n * m)


def test_that_the_discrepancy_is_the_unbiased_one_and_its_p_small_where_sides_differ() -> None:
    random = np.random.default_rng(0)
    clouds = random.normal(size=(34, 3)).astype(np.float32)
    first, second = clouds[:20], clouds[20:]
    alike, p = discrepancy(first, second, random)
    assert alike == pytest.approx(brute_force(first, second), rel=1e-4)
    assert p > 0.05
    moved, p = discrepancy(first, second + 1.5, random)
    assert moved == pytest.approx(brute_force(first, second + 1.5), rel=1e-4)
    assert p == pytest.approx(1 / 501)


@pytest.mark.parametrize(
    ("auc", "words", "adapts"),
    [(0.93, "'drawings' has the same classes and looks different", True), (0.55, "looks alike", False)],
)
def test_that_what_the_doctor_has_found_decides_whether_adaptation_is_named(
    shades_project: Project, registry: Registry, monkeypatch: pytest.MonkeyPatch, auc: float, words: str, adapts: bool
) -> None:
    info = resized(shades_project.dataset("shades"), {"dark": 8, "light": 8})
    source = dataclasses.replace(info, name="drawings")
    known = {"dataset": "drawings", "revision": info.revision, "auc": auc, "low": 0.5, "high": 0.99, "mmd": 0.1}
    apart = {"kind": "shift", "severity": "warning", "sentence": "Training and test can be told apart.", "items": []}
    report: dict[str, Any] = {"revision": info.revision, "likeness": known, "findings": [apart]}
    reports = {"shades": report}
    monkeypatch.setattr(shades_project, "dataset", lambda _name: info)
    monkeypatch.setattr(shades_project, "datasets", lambda: [info, source])
    monkeypatch.setattr(shades_project, "report", reports.get)
    advice = advise(shades_project, registry, "shades", machine=LAPTOP)
    said = next(reason for reason in advice.reasons if words in reason)
    assert f"area under the curve of {auc:.2f} (0.50 to 0.99; MMD² 0.100)" in said
    assert ("mcc" in {other.method for other in advice.alternatives}) == adapts
    assert any(reason.startswith("Training and test can be told apart.") for reason in advice.reasons)
    report["revision"] += 1  # of other items than today's
    advice = advise(shades_project, registry, "shades", machine=LAPTOP)
    assert not any(words in reason or "told apart" in reason for reason in advice.reasons)
    told = {other.method: other.reason for other in advice.alternatives}
    assert told["mcc"].endswith("shades --against drawings.")
