"""What a comparison comes to: the cheapest that is not significantly worse than the best, in two sentences."""

from pathlib import Path
from typing import Any

import pytest

from tlstudio.comparing import report, sentences
from tlstudio.comparing.metrics import Shown
from tlstudio.comparing.significance import BOOTSTRAP, Judged
from tlstudio.comparing.table import Row, Table
from tlstudio.project import Run

ACCURACY = Shown("accuracy", "Accuracy", higher_is_better=True, share=True)


def run(number: int, state: str = "finished", **changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": number, "state": state, "dataset": "d", "revision": 1, "backbone": "b", "weights": "w", "method": "m",
        "seed": number, "options": {}, "created": 0.0, "started": None, "ended": None, "metrics": {}, "seconds": {},
        "images_per_second": 0.0, "reason": "", "model": "", "pid": 0, "position": 0, "batch": 1, "dir": Path(),
    }  # fmt: skip
    return Run(**{**values, **changes})


def row(title: str, value: float, seconds: float | None, behind: float = 0.0, p: float | None = None) -> Row:
    """A method with two finished runs; without ``p`` it is the best."""
    number = sum(map(ord, title))
    judged = Judged(
        value, value - 0.05, value + 0.05, behind, behind - 0.02, behind + 0.02, p, p, BOOTSTRAP if p else ""
    )
    return Row(
        name=title,
        method=title.lower(),
        runs=(run(number), run(number + 1)),
        scores={number: value + 0.01, number + 1: value - 0.01},
        judged=judged,
        best=p is None,
        seconds=seconds,
    )


def table(*rows: Row) -> Table:
    return Table(
        dataset="d", revision=1, metric=ACCURACY, items=120, noun="pictures", rows=rows, refused={}, notes=()
    )  # fmt: skip


def test_that_a_quick_method_that_is_not_significantly_worse_is_taken_with_the_figures() -> None:
    found = table(row("Slow", 0.70, 600.0), row("Quick", 0.68, 12.0, 0.02, 0.4), row("Bad", 0.5, 3.0, 0.2, 0.001))
    pick = sentences.pick(found)
    assert pick.row is found.rows[1]
    assert pick.sentences == (
        "Take Quick: 68.0 % accuracy ± 1.4 over 2 seeds, trained in 10 s.",
        "It is the cheapest by training time of the 2 methods that are not significantly worse than the best, Slow "
        "with 70.0 % accuracy ± 1.4 over 2 seeds: 2.0 points behind (95 %: 0.0 – 4.0), p = 0.40 (paired bootstrap over "
        "120 test pictures, Holm's correction for 2 comparisons).",
    )
    assert [sentences.verdict(one) for one in found.rows] == ["best", "p = 0.40", "worse, p = 0.001"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("A", 0.9, 9.0), row("B", 0.5, 1.0, 0.4, 0.001)], "every other method is significantly worse"),
        ([row("A", 0.9, 1.0), row("B", 0.8, 9.0, 0.1, 0.3)], "though none of the others is significantly worse"),
        (
            [row("A", 0.9, 1.0), row("B", 0.8, 9.0, 0.1, 0.3), row("C", 0.5, 1.0, 0.4, 0.01)],
            "the lowest training time of the 2 methods that are not significantly worse",
        ),
        ([row("A", 0.9, 5.0), row("B", 0.8, None, 0.1, 0.3)], "1 of them has no known training time"),
        ([row("A", 0.9, 1.0)], "no other method yet"),
    ],
)
def test_that_the_reason_fits_the_case(rows: list[Row], words: str) -> None:
    pick = sentences.pick(table(*rows))
    assert pick.row is rows[0]
    assert words in pick.sentences[1]


def test_that_too_few_items_to_tell_methods_apart_are_no_sign_that_they_are_equal() -> None:
    far = row("Quick", 0.60, 12.0, 0.10, 0.2)
    pick = sentences.pick(table(row("Slow", 0.70, 600.0), far))
    assert pick.row is far
    assert "that it is 12.0 points behind is not excluded, so take Slow where that matters more." in pick.sentences[1]


def test_that_a_table_without_scores_says_so_and_its_cells_are_dashes() -> None:
    waiting = Row(name="A", method="a", runs=(run(1, "queued"), run(2, "failed")), scores={})
    found = table(waiting)
    assert sentences.pick(found).row is None
    assert not found.complete
    shown = {column.id: column.shown(found, waiting) for column in report.COLUMNS}
    assert shown["state"] == "0 of 2 · 1 waiting, 1 failed"
    assert {name for name, text in shown.items() if text == "–"} >= {"score", "interval", "time", "trained", "latency"}
    assert report.measured_on(found) == ""
    assert report.as_dict(found, sentences.pick(found))["methods"][0]["value"] is None


def test_that_numbers_in_a_unit_are_no_percent() -> None:
    error = Shown("mae", "Mean error", higher_is_better=False, share=False)
    assert error.value(4.214) == "4.21"
    assert error.difference(0.5) == "0.5"
    assert error.interval(1.0, 2.25) == "1 – 2.25"
    assert [Shown("m", t, True, True).word for t in ("Macro F1", "RMSE", "R²", "Mean IoU")] == [
        "macro F1", "RMSE", "R²", "mean IoU",
    ]  # fmt: skip
    assert ACCURACY.value(None) == ACCURACY.value(float("nan")) == "–"


def test_that_the_best_is_taken_at_any_price_and_the_sentence_says_which_are_level_with_it() -> None:
    slow, quick, bad = row("Slow", 0.70, 600.0), row("Quick", 0.68, 12.0, 0.02, 0.4), row("Bad", 0.5, 3.0, 0.2, 0.001)
    pick = sentences.pick(table(slow, quick, bad), "score")
    assert pick.row is slow
    assert pick.sentences == (
        "Take Slow: 70.0 % accuracy ± 1.4 over 2 seeds, trained in 10 minutes.",
        "It has the best mean; 1 of 2 other methods is not significantly worse (paired bootstrap over 120 test "
        "pictures, Holm's correction for 2 comparisons), quickest to train Quick in 10 s.",
    )
    assert "every other method is significantly worse" in sentences.pick(table(slow, bad), "score").text
    assert list(sentences.GOALS) == list(sentences.COSTS)
