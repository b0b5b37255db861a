"""The robustness of a run that was really trained, and a run that is trained against attacks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gui import real_runs
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.worker import events_of


def measured(path: Path, **more: Any) -> dict[str, Any]:
    *_, last = events_of("robustness", {"project": str(path), "run": 2, **more}, Control())
    assert isinstance(last, Finished), last
    return last.result


def test_that_accuracy_falls_with_the_strength_of_attacks(tmp_path: Path) -> None:
    path = real_runs.copied_to(tmp_path)
    result = measured(path, samples=8, steps=4, epsilons=[4, 64])
    clean = result["clean"]["accuracy"]
    assert clean > 0.5
    for rows in result["attacks"].values():
        values = [clean, *(row["accuracy"] for row in rows)]
        assert values == sorted(values, reverse=True)
    assert result["attacks"]["apgd"][-1]["accuracy"] < clean
    assert result["huge"]["accuracy"] <= 0.1
    assert set(result["corruptions"]) == {"noise", "blur", "brightness", "contrast", "jpeg", "pixelate"}
    assert json.loads((path / "runs" / "2" / "robustness.json").read_text()) == result
    again = measured(path, samples=8, steps=4, epsilons=[4, 64], names=["pgd"], corruptions=False)
    assert again["attacks"]["pgd"] == result["attacks"]["pgd"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"names": ["magic"]}, "There is no attack 'magic'"),
        ({"epsilons": [8, 2]}, "from small to large"),
        ({"split": "all"}, "There is no split"),
    ],
)
def test_that_what_cannot_be_measured_is_refused(tmp_path: Path, more: dict[str, Any], sentence: str) -> None:
    *_, last = events_of("robustness", {"project": str(tmp_path), "run": 2, **more}, Control())
    assert isinstance(last, Failed)
    assert sentence in last.sentence


@pytest.mark.parametrize("defence", ["half-clean", "trades"])
def test_that_adversarial_fine_tuning_keeps_a_methods_promises(defence: str) -> None:
    card = Registry.discover().method("adversarial-fine-tuning")
    assert card.supports("regression", "image", None)
    assert card.supports("classification", "audio", None)
    check_method(card, options={"epochs": 1, "attack_steps": 1, "defence": defence}, interruptions=1)
