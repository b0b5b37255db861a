"""A model beside its controls: the paired interval, and what may be claimed."""

import json
from pathlib import Path

import numpy as np
import pytest

from tlstudio.evaluation import controls as comparing


def test_that_the_paired_interval_is_that_of_the_mean_difference() -> None:
    random = np.random.default_rng(0)
    differences = random.choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.7, 0.2])
    low, high = comparing.paired_interval(differences)
    error = differences.std() / 20
    assert low == pytest.approx(differences.mean() - 1.96 * error, abs=0.25 * error)
    assert high == pytest.approx(differences.mean() + 1.96 * error, abs=0.25 * error)
    assert comparing.paired_interval(np.zeros(9)) == (0, 0)


def test_that_a_claim_is_made_only_where_every_control_allows_it() -> None:
    good, poor = np.ones(200), np.repeat([0.0, 1.0], 100)
    words = ["a"] * 200, ["b"] * 200

    def rows(baseline: np.ndarray, ablation: np.ndarray) -> list[comparing.Compared]:
        return [
            comparing.compare("b", "Simple", "baseline", (good, baseline), words),
            comparing.compare("a", "Without", "ablation", (good, ablation), words),
        ]

    holds, sentence = comparing.verdict(rows(poor, poor), "attention helps")
    assert holds
    assert "it is shown that attention helps" in sentence
    for case in ((good, poor), (poor, good)):
        holds, sentence = comparing.verdict(rows(*case), "attention helps")
        assert not holds
        assert "it is not shown that attention helps" in sentence


def test_that_damaged_controls_are_named(tmp_path: Path) -> None:
    assert comparing.load(tmp_path) == {}
    comparing.write(tmp_path, "val", {"n": 1})
    comparing.write(tmp_path, "test", {"n": 2})
    assert json.loads((tmp_path / comparing.FILE).read_text())["splits"]["val"]["n"] == 1
    (tmp_path / comparing.FILE).write_text("{")
    with pytest.raises(Exception, match="cannot be read"):
        comparing.load(tmp_path)
