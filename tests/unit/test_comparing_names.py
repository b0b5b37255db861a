"""What the rows of a comparison are called: what sets variants of one method apart, and nothing else."""

from typing import Any

import pytest
from typer.testing import CliRunner

from tlstudio import pseudo_labels, runs
from tlstudio.api.errors import UsageError
from tlstudio.cli import app
from tlstudio.comparing import lineage, naming, plan, report, sentences
from tlstudio.comparing.table import build
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import ChosenRecipe, OtherData, RunSpec

RECIPE = ChosenRecipe(id="fastai", title="fastai", options={"epochs": 15, "sam": False, "head": "linear"})


def spec(run: int, **given: Any) -> RunSpec:
    usual: dict[str, Any] = {
        "project": "p", "dataset": "d", "revision": 1, "data_fingerprint": "f", "backbone": "glyphnet",
        "weights": "glyphs", "method": "fine-tuning",
    }  # fmt: skip
    return RunSpec(run=run, **{**usual, **given})


@pytest.mark.parametrize(
    ("given", "apart"),
    [
        ([{}], [""]),
        (
            [{"options": {"sam": True, "epochs": 3}}, {"options": {"sam": False, "epochs": 3}}],
            ["sam True", "sam False"],
        ),
        ([{"weights": "glyphs"}, {"weights": "none"}], ["weights glyphs", "weights none"]),
        (
            [{"recipe": RECIPE, "options": {**RECIPE.options, "epochs": 3}}, {"options": {"label_smoothing": 0.2}}],
            ["recipe fastai, epochs 3", "no recipe, label smoothing 0.2"],
        ),
        (
            [{"method": "feature-extraction", "options": {"head": head, "epochs": 9}} for head in ("linear", "knn")],
            ["head linear", "head knn"],
        ),
        (
            [{"source": OtherData(dataset="s", revision=one, fingerprint=str(one))} for one in (1, 2)],
            ["source s r1", "source s r2"],
        ),
        ([{"runtime": {"device": "cpu"}}, {"runtime": {"device": "cuda"}}], ["run 0", "run 1"]),
    ],
)
def test_that_a_row_says_what_sets_it_apart(registry: Registry, given: list[Any], apart: list[str]) -> None:
    groups = [[spec(number, **one)] for number, one in enumerate(given)]
    assert [words for _, words in naming.names(registry, groups)] == apart


def test_that_options_that_mean_nothing_with_the_others_are_not_said(registry: Registry) -> None:
    method = "feature-extraction"
    groups = [
        [spec(1, method=method, options={"head": "logistic", "epochs": 50})],
        [spec(2, method=method, options={"head": "linear", "epochs": 3})],
    ]
    assert [words for _, words in naming.names(registry, groups)] == ["head logistic", "head linear, epochs 3"]


def test_that_recipes_of_a_method_are_planned_beside_it_each_with_its_name(
    shades_project: Project, registry: Registry
) -> None:
    request: dict[str, Any] = {"dataset": "shades", "backbone": "glyphnet", "seeds": [0]}
    named = ["fine-tuning", "fine-tuning:fastai"]
    options = plan.settings_of(registry, ["fine-tuning:fastai.epochs=2"])
    assert options == {"fine-tuning:fastai": {"epochs": 2}}
    planned = plan.plan(shades_project, registry, methods=named, options=options, **request)
    assert {entry.key for entry in planned.entries} == set(named)
    made = {run.options["epochs"]: RunSpec.load(run.dir) for run in plan.line_up(shades_project, planned)}
    assert made[15].recipe is None
    assert made[2].recipe is not None
    assert (made[2].recipe.id, made[2].options["schedule"]) == ("fastai", "one-cycle")
    assert plan.suggested(planned) == ["fine-tuning"]
    with pytest.raises(UsageError, match="has no recipe 'none'"):
        plan.plan(shades_project, registry, methods=["fine-tuning:none"], **request)


def test_that_lining_up_a_run_that_waits_to_be_looked_at_takes_its_labels_as_resuming_does(
    shades_project: Project, registry: Registry
) -> None:
    project = shades_project
    run = runs.create_run(
        project, registry, dataset="shades", backbone="glyphnet", method="self-training", labels_per_class=2
    )
    project.update_run(run.id, state="parked", reason="Round 1 is to be looked at.")
    found = pseudo_labels.Round(1, ("dark", "light"), (pseudo_labels.Accepted(1, "dark", 0.9),), asks=True)
    pseudo_labels.write_round(run.dir, found)
    done = CliRunner().invoke(app, ["queue", str(project.path), "add", "--run", str(run.id)])
    assert done.exit_code == 0, done.output
    assert "Round 1 is taken as it is: its label is learnt from, since none was struck out." in done.output
    assert pseudo_labels.waiting(run.dir) is None
    assert project.run(run.id).state == "queued"


def test_that_what_was_trained_before_a_run_counts_once_however_it_was_used(
    shades_project: Project, registry: Registry
) -> None:
    project = shades_project
    request: dict[str, Any] = {"dataset": "shades", "backbone": "glyphnet", "method": "feature-extraction"}
    made = [runs.create_run(project, registry, seed=seed, **request) for seed in range(4)]
    for number, run in enumerate(made):
        project.update_run(run.id, state="finished", seconds={"total": 10.0**number})
    one, two, soup, after = (RunSpec.load(run.dir) for run in made)
    soup = soup.model_copy(update={"runs": (one.run, two.run, 99)})  # 99 is gone
    soup.save(made[2].dir)
    after = after.model_copy(update={"runs": (one.run,), "weights": f"run:{soup.run}", "teacher": "run:2"})
    assert [lineage.seconds_before(project, spec) for spec in (one, soup, after)] == [0.0, 11.0, 111.0]
    after.save(made[3].dir)
    rows = {row.runs[0].id: row for row in build(project, registry, [run.id for run in made[1:]]).rows}
    (single, mixed, last) = (rows[run.id] for run in made[1:])
    assert (single.seconds, mixed.seconds, last.seconds) == (10.0, 111.0, 1111.0)
    found = {column.id: column for column in report.COLUMNS}["time"]
    table = build(project, registry, [made[2].id])
    assert found.shown(table, mixed) == "1:51"
    assert found.whole(table, mixed) == "1:40, and 0:11 for the runs it is made from"
    assert "trained in 2 minutes with the runs it is made from" in sentences._price("time", mixed)
