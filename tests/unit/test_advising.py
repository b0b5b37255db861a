"""What is proposed to begin with: by the labels, the imbalance, the machine and what else is there."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tlstudio import advising
from tlstudio.advising import advise, advisor, situation
from tlstudio.advising.situation import Machine, Situation
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.errors import UsageError
from tlstudio.cli import app
from tlstudio.project import DatasetInfo, Project
from tlstudio.ranking.store import Ranked, Ranking
from tlstudio.registry import Registry

LAPTOP = Machine(gpu=False, cores=2)


def resized(info: DatasetInfo, counts: dict[str, int], **changes: Any) -> DatasetInfo:
    """The data set as if its training split held so many items of each class."""
    train = sum(counts.values())
    profile = DatasetProfile(
        items=train + 200, train_items=train, val_items=100, test_items=100, classes=len(counts),
        smallest_class=min(counts.values()), largest_class=max(counts.values()),
    )  # fmt: skip
    return dataclasses.replace(
        info,
        class_names=tuple(counts),
        class_split_counts={name: {"train": count} for name, count in counts.items()},
        split_counts={"train": train, "val": 100, "test": 300},
        profile=profile,
        **changes,
    )


@pytest.fixture
def asked(shades_project: Project, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Advice for data sets of any size, without importing them."""

    def ask(counts: dict[str, int], machine: Machine = LAPTOP, **more: Any) -> advising.Advice:
        info = resized(shades_project.dataset("shades"), counts)
        monkeypatch.setattr(shades_project, "dataset", lambda _name: info)
        return advise(shades_project, registry, "shades", machine=machine, **more)

    return ask


def test_that_the_number_of_labels_decides_between_head_and_all_layers(asked: Any) -> None:
    few, some, many = (asked({"dark": n, "light": n}) for n in (8, 120, 900))
    assert few.method == "feature-extraction"
    assert "8 labels of the rarest class, fewer than 20" in few.reasons[0]
    assert few.seeds == 3
    assert some.method == "fine-tuning"
    assert "between 20 and 500" in some.reasons[0]
    assert (some.seeds, some.options) == (1, {})
    assert many.method == "fine-tuning"
    assert many.options["mixup"] == 0.2
    assert any("900 here" in reason for reason in many.reasons)
    for advice in (few, some, many):
        assert all(any(mark.isdigit() for mark in reason) or "only" in reason for reason in advice.reasons)
        assert "best" not in advice.sentence
        assert advice.method not in {other.method for other in advice.alternatives}


def test_that_lopsided_classes_get_an_adjusted_loss(asked: Any) -> None:
    advice = asked({"dark": 30, "light": 240})
    assert advice.options["imbalance"] == "logit-adjustment"
    assert any("8.0 times the smallest" in reason for reason in advice.reasons)


def test_that_a_slow_machine_begins_with_one_pass(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisor, "PATIENCE_S", 10.0)
    advice = asked({"dark": 400, "light": 400})
    assert advice.method == "feature-extraction"
    assert any("2 processor cores and no GPU" in reason for reason in advice.reasons)
    assert asked({"dark": 400, "light": 400}, machine=Machine(gpu=True, cores=8)).method == "fine-tuning"


def test_that_a_ranking_decides_on_the_backbone(asked: Any, shades_project: Project) -> None:
    rows = tuple(
        Ranked(backbone=name, weights="none", title=title, probe=probe, probe_sd=0.02)
        for name, title, probe in (("resnet18", "ResNet-18", 0.9), ("glyphnet", "GlyphNet", 0.6))
    )
    info = shades_project.dataset("shades")
    Ranking(dataset="shades", revision=info.revision, metric="accuracy", items=16, folds=5, rows=rows).save(
        shades_project.path
    )
    advice = asked({"dark": 50, "light": 50})
    assert advice.backbone == "resnet18"
    assert any("came first of 2 backbones on your data: accuracy 0.900 ± 0.020" in r for r in advice.reasons)
    assert asked({"dark": 50, "light": 50}, backbone="glyphnet").backbone == "glyphnet"


def test_that_other_data_sets_are_named_with_what_they_are_good_for(
    shades_project: Project, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = resized(shades_project.dataset("shades"), {"dark": 8, "light": 8})
    pool = resized(info, {"all": 500}, name="pool")
    source = dataclasses.replace(info, name="drawings")
    sounds = dataclasses.replace(info, name="calls", modality="audio")
    monkeypatch.setattr(shades_project, "dataset", lambda _name: info)
    counts = dataclasses.replace(resized(info, {"cells": 900}, name="counts"), task="regression")
    monkeypatch.setattr(shades_project, "datasets", lambda: [info, pool, source, sounds, counts])
    monkeypatch.setattr(shades_project, "report", lambda _name: None)
    known = Situation.of(shades_project, registry, "shades", LAPTOP)
    assert [one.name for one in (*known.pools, *known.sources, *known.others)] == ["pool", "drawings", "calls"]
    advice = advise(shades_project, registry, "shades", machine=LAPTOP)
    told = {other.method: other.reason for other in advice.alternatives}
    assert "'pool': 700 samples without labels" in told["flexmatch"]
    assert "'drawings' has the same classes, 16 items" in told["mcc"]
    assert "'calls'" in told["cam-transfer"]


def test_that_goals_without_a_finished_run_say_what_comes_first(asked: Any) -> None:
    assert any("0 finished runs" in r for r in asked({"dark": 50, "light": 50}, goal="small").reasons)
    assert any("WiSE-FT is next" in r for r in asked({"dark": 50, "light": 50}, goal="shift").reasons)
    with pytest.raises(UsageError, match="A goal can be"):
        asked({"dark": 50, "light": 50}, goal="beauty")


def test_that_the_command_line_says_it_with_reasons_and_the_command_to_go_on(shades_project: Project) -> None:
    done = CliRunner().invoke(app, ["advise", str(shades_project.path), "shades", "--json"])
    assert done.exception is None, done.output
    found = json.loads(done.stdout)
    assert found["method"] == "feature-extraction"
    assert found["backbone"] == "glyphnet"
    assert "--method feature-extraction --seeds 0,1,2" in found["command"]
    plain = CliRunner().invoke(app, ["advise", str(shades_project.path), "shades"]).stdout
    assert plain.startswith("To begin with: Feature extraction from GlyphNet, 3 seeds.\n")
    assert Machine.here().cores >= 1
    assert Path(situation.__file__).is_file()


def test_that_a_data_set_without_labels_is_said_to_have_none(asked: Any) -> None:
    with pytest.raises(UsageError, match="has no labels to learn from"):
        asked({"all": 300})
