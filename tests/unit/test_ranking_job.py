"""Backbones ranked on a real data set, by the job and the command."""

import json

import numpy as np
import pytest

from tlstudio.api.events import Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.ranking import columns, store
from tlstudio.worker import events_of


def test_that_backbones_are_ranked_by_a_probe_on_the_training_split_alone(shades_project: Project) -> None:
    arguments = {"project": str(shades_project.path), "dataset": "shades", "backbones": ["glyphnet", "glyphnet:none"]}
    *events, last = events_of("rank", arguments, Control())
    assert isinstance(last, Finished), last
    ranking = store.load(shades_project.path, "shades", 1)
    assert ranking is not None
    assert json.loads(ranking.model_dump_json()) == json.loads(json.dumps(last.result))
    assert (ranking.metric, ranking.folds) == ("accuracy", 5)
    assert ranking.items == shades_project.dataset("shades").split_counts["train"]
    assert len(ranking.rows) == 2
    first, second = ranking.rows
    assert first.probe is not None
    assert second.probe is not None
    assert 1.0 >= first.probe >= second.probe >= 0.5  # dark and light
    for row in ranking.rows:
        assert row.probe_sd is not None
        assert row.neighbours is not None
        assert row.logme is not None
        assert np.isfinite(row.logme)
        assert row.h_score is not None
        assert 0 <= row.h_score <= 1.0
        assert row.transrate is not None
        assert row.transrate > 0
        assert (row.leep, row.nce, row.source_classes) == (None, None, 0)
    assert {row.no_source for row in ranking.rows} == {
        "Random weights were trained on no classes.",
        "The weights hold no linear classifier on the backbone's features, whose probabilities could be asked for.",
    }
    assert not [event for event in events if isinstance(event, Message) and event.level == "error"]
    assert store.load(shades_project.path, "shades", 2) is None


def test_that_a_backbone_that_cannot_be_used_is_left_out_with_the_reason(shades_project: Project) -> None:
    arguments = {"project": str(shades_project.path), "dataset": "shades", "backbones": ["nonesuch"]}
    *_, last = events_of("rank", arguments, Control())
    assert isinstance(last, Failed)
    assert last.kind == "UsageError"
    assert "nonesuch" in last.sentence


@pytest.mark.parametrize("text", ["", "{", '{"dataset": "other", "revision": 1}'])
def test_that_a_damaged_ranking_is_none(shades_project: Project, text: str) -> None:
    ranking = store.Ranking(dataset="shades", revision=1, metric="accuracy", items=1, folds=5)
    ranking.save(shades_project.path)
    (file,) = (shades_project.path / "cache" / "ranking").iterdir()
    file.write_text(text, encoding="utf-8")
    assert store.load(shades_project.path, "shades", 1) is None


def test_that_every_score_is_shown_with_its_digits_or_the_reason_why_there_is_none() -> None:
    bare = store.Ranked(backbone="b", weights="w", title="B", no_source="No classifier came with it.")
    assert [score.text(bare) for score in (*columns.MEASURED, *columns.QUICK)] == ["–"] * 7
    assert [score.reason(bare) for score in columns.QUICK] == [
        "",
        *["It needs one class for each item."] * 2,
        *["No classifier came with it."] * 2,
    ]
    full = bare.model_copy(update={"probe": 0.91234, "probe_sd": 0.02, "h_score": 1.23456, "nce": -0.5})
    assert columns.MEASURED[0].text(full) == "0.912"
    assert columns.MEASURED[0].spread(full) == 0.02
    assert [score.text(full) for score in columns.QUICK] == ["–", "1.23", "–", "–", "-0.500"]
