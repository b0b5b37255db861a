"""A comparison from its plan to the two sentences: real runs on one split, in one table."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tlstudio import runs
from tlstudio.api.errors import OptionsError, UsageError
from tlstudio.api.events import Finished
from tlstudio.cli import app
from tlstudio.comparing import facts, plan, report, sentences
from tlstudio.comparing.families import FAMILIES, family, grouped
from tlstudio.comparing.table import build
from tlstudio.control import Control
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.run_row import RunRow
from tlstudio.worker import events_of, run_events

TUNED = {"epochs": 1, "batch_size": 8, "augmentation": "none"}
REQUEST = {"dataset": "shades", "backbone": "glyphnet", "weights_id": "none"}


def train(project: Project, run: Run) -> None:
    """As a worker does, in this process."""
    row = RunRow(project, run.id)
    for event in run_events(run.dir, Control()):
        row.record(event)
    assert project.run(run.id).state == "finished", project.run(run.id).reason


def compare(project: Project, *arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["compare", str(project.path), *map(str, arguments), "--no-measure", "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_that_methods_become_one_batch_and_one_table_with_two_sentences(
    shades_project: Project, registry: Registry
) -> None:
    project = shades_project
    planned = plan.plan(
        project,
        registry,
        seeds=[0, 1],
        methods=["fine-tuning", "feature-extraction", "model-soup"],
        options={"fine-tuning": TUNED},
        **REQUEST,
    )
    assert [entry.method.id for entry in planned.entries] == ["feature-extraction", "fine-tuning"]
    (left_out,) = planned.left_out
    assert (left_out.method, left_out.lacking) == ("model-soup", ("runs",))
    assert "needs finished runs" in left_out.reason

    made = plan.line_up(project, planned)
    assert [(run.method, run.seed) for run in made] == [
        ("feature-extraction", 0), ("fine-tuning", 0), ("feature-extraction", 1), ("fine-tuning", 1),
    ]  # fmt: skip
    assert {run.batch for run in made} == {made[0].id}
    assert [run.id for run in project.queue()] == [run.id for run in made]
    ids = [run.id for run in made]

    empty = build(project, registry, ids)
    assert [report.state(row) for row in empty.rows] == ["0 of 2 · 2 waiting"] * 2
    assert sentences.pick(empty).row is None

    for run in made[:3]:
        train(project, run)
    *_, measured = events_of("measure", {"project": str(project.path), "runs": [made[0].id]}, Control())
    assert isinstance(measured, Finished), measured
    project.update_run(made[3].id, state="failed", position=0, reason="The disk is gone.")

    table = build(project, registry, ids)
    assert (table.metric.id, table.items, table.noun) == ("accuracy", 3, "pictures")
    assert table.comparisons == 1
    assert table.complete
    by = {row.method: row for row in table.rows}
    probe, tuned = by["feature-extraction"], by["fine-tuning"]
    assert set(probe.scores) == {made[0].id, made[2].id}
    for run_id, score in {**probe.scores, **tuned.scores}.items():
        assert score == pytest.approx(project.run(run_id).metrics["test"]["accuracy"])
    assert tuned.problems == ("Run 4 (seed 1) is failed: The disk is gone.",)
    assert report.state(tuned) == "1 of 2 · 1 failed"
    assert probe.spread is not None
    assert tuned.spread is None
    assert "few: only large differences" in " ".join(table.notes)

    assert probe.cost is not None
    assert 0 < probe.cost.latency_low_ms <= probe.cost.latency_ms <= probe.cost.latency_high_ms
    head = 2 * (probe.cost.parameters and registry.backbone("glyphnet").feature_dim) + 2
    assert probe.cost.trained == head
    assert probe.cost.parameters > 1_000_000
    assert probe.model_bytes == (made[0].dir / "model.safetensors").stat().st_size
    assert "Latency: median" in report.measured_on(table)

    pick = sentences.pick(table)
    assert len(pick.sentences) == 2
    assert pick.row is not None
    assert pick.sentences[0].startswith(f"Take {pick.row.title}: ")
    assert "3 test pictures" in pick.sentences[1]
    assert "Holm's correction for 1 comparison" in pick.sentences[1]

    found = compare(project, *ids)
    assert found["comparison"]["sentences"] == list(pick.sentences)
    assert found["comparison"]["methods"][0]["p_holm"] is None
    assert found["differences"]["method"] == [run.method for run in made]
    assert compare(project, "--batch", made[0].id)["comparison"]["methods"] == found["comparison"]["methods"]
    with pytest.raises(UsageError, match="begins with run 2"):
        compare(project, "--batch", 2)

    pupils = [
        runs.create_run(project, registry, method="distillation", teacher=f"run:{run.id}", seed=run.seed, **REQUEST)
        for run in (made[0], made[1], made[2])
    ]
    rows = {
        row.title: [run.id for run in row.runs] for row in build(project, registry, [one.id for one in pupils]).rows
    }
    assert rows == {  # teachers that differ in their seed alone are one row
        "Distillation (teacher run:1 and run:3)": [pupils[0].id, pupils[2].id],
        "Distillation (teacher run:2)": [pupils[1].id],
    }

    spec_file = made[2].dir / "spec.json"
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    spec_file.write_text(json.dumps({**spec, "revision": 7, "data_fingerprint": "0" * 64}), encoding="utf-8")
    other = build(project, registry, ids)
    assert "revision 7 of 'shades', and run 1 on revision 1" in other.refused[made[2].id]
    assert set(other.rows[0].scores) | set(other.rows[1].scores) == {made[0].id, made[1].id}

    model = made[0].dir / "model.safetensors"
    model.write_bytes(model.read_bytes() + b" ")
    assert facts.load(made[0].dir) is None  # what was measured was another model


def test_that_a_comparison_that_cannot_be_is_refused_before_anything_is_made(
    shades_project: Project, registry: Registry
) -> None:
    with pytest.raises(UsageError, match=r"nothing to compare.*needs finished runs"):
        plan.plan(shades_project, registry, seeds=[0], methods=["model-soup"], **REQUEST)
    wrong = {"fine-tuning": {"epochs": 0}}
    with pytest.raises(OptionsError, match=r"Fine-tuning: .*epochs"):
        plan.plan(shades_project, registry, seeds=[0], methods=["fine-tuning"], options=wrong, **REQUEST)
    with pytest.raises(UsageError, match="There is no method 'magic'"):
        plan.plan(shades_project, registry, seeds=[0], methods=["magic"], **REQUEST)
    with pytest.raises(UsageError, match="write --set METHOD"):
        plan.settings_of(registry, ["epochs=3"])
    assert plan.settings_of(registry, ["fine-tuning.epochs=3"])["fine-tuning"]["epochs"] == 3
    with pytest.raises(UsageError, match="not by 'beauty'"):
        compare(shades_project, 1, "--by", "beauty")
    with pytest.raises(UsageError, match="--backbone is missing"):
        compare(shades_project, "--dataset", "shades")
    assert shades_project.runs() == []


def test_that_auto_takes_what_can_be_used_and_says_why_not_of_the_others(
    shades_project: Project, registry: Registry
) -> None:
    planned = plan.plan(shades_project, registry, seeds=[0], labels_per_class=4, **REQUEST)
    used = {entry.method.id for entry in planned.entries}
    reasons = {one.method: one.reason for one in planned.left_out}
    assert {"feature-extraction", "fine-tuning"} <= used
    assert used | set(reasons) == {method.id for method in registry.methods()}
    assert all(reason.endswith(".") for reason in reasons.values())
    assert [entry.seconds for entry in planned.entries] == sorted(entry.seconds for entry in planned.entries)
    for entry in planned.entries:
        assert entry.plans[0].inputs.labels_per_class == 4
        assert family(entry.method) != "Pre-training"
    names = [name for name, _ in grouped(registry.methods())]
    assert names == [name for name in FAMILIES if name in names]


def test_that_runs_that_are_not_there_are_said(shades_project: Project, registry: Registry) -> None:
    with pytest.raises(UsageError, match="There is no run 9"):
        build(shades_project, registry, [9])
    with pytest.raises(UsageError, match="Name the runs"):
        build(shades_project, registry, [])


def test_that_numbers_are_written_as_people_read_them() -> None:
    assert [sentences.count(n) for n in (None, 812, 24_600, 3_500_000)] == ["–", "812", "24.6 k", "3.5 M"]
    assert [sentences.size(n) for n in (None, 900, 5_100_000)] == ["–", "0.9 kB", "5.1 MB"]
    assert [sentences.p_text(p) for p in (None, 0.0002, 0.012, 0.21, 1.0)] == ["–", "0.0002", "0.012", "0.21", "1"]
    assert Path(facts.FILE).suffix == ".json"
