"""The slider between pretrained and fine-tuned weights, on a run that was really made; and what a soup holds."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.unit import weights_material
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.results_weights import WeightsView, read_report
from tlstudio.project import Project


@pytest.fixture
def results(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> ResultsPage:
    """Run 3 interpolates run 1, with three points and shifted data; run 4 is a soup."""
    path = weights_material.copied_to(tmp_path)
    with Project.open(path) as project:
        weights_material.train(project, "wise-ft", {"points": 3, "alpha": 0.5}, runs=(1,), source="inverted")
        weights_material.train(project, "model-soup", {"recipe": "uniform"}, runs=(1, 2))
    window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 4, timeout=30_000)
    window.session.active.paused = True  # what is made here waits, and is not trained
    window.show_page("results")
    made = window.pages.page("results")
    assert isinstance(made, ResultsPage)
    return made


def view_of(results: ResultsPage, run_id: int, qtbot: QtBot) -> WeightsView:
    results.session.select_run(run_id)
    qtbot.waitUntil(lambda: results._results is not None and results._results.run_id == run_id, timeout=30_000)
    results.segments.picked.emit("weights")
    view = results.views["weights"]
    assert isinstance(view, WeightsView)
    return view


def test_that_the_slider_tells_both_figures_and_makes_a_run_of_a_point(results: ResultsPage, qtbot: QtBot) -> None:
    view = view_of(results, 3, qtbot)
    qtbot.waitUntil(view.curve.isVisible, timeout=30_000)
    assert not view.soup.isVisible()
    assert set(view.chart.lines) == {"val", "shifted"}
    assert (view.slider.maximum(), view.slider.value()) == (2, 1)
    assert view.point.text().startswith("α = 0.5 · accuracy on validation ")
    assert view.point.text().endswith("· this run")
    assert not view.make.isEnabled()
    view.slider.setValue(2)
    folder = Path(results.runs.run.dir)  # type: ignore[union-attr]
    last = json.loads((folder / "weights_curve.json").read_text(encoding="utf-8"))["points"][2]
    figures = [f"{100 * last[key]['accuracy']:.1f} %" for key in ("val", "shifted")]
    assert view.point.text() == f"α = 1 · accuracy on validation {figures[0]} · on inverted {figures[1]}"
    with qtbot.waitSignal(view._maker.started, timeout=30_000):
        view.make.click()
    project = results.session.project
    assert project is not None
    made = max(project.runs(), key=lambda run: run.id)
    assert (made.method, made.options["alpha"], made.dataset) == ("wise-ft", 1.0, "digits")
    spec = json.loads((project.run_dir(made.id) / "spec.json").read_text(encoding="utf-8"))
    assert (spec["runs"], spec["source"]["dataset"]) == ([1], "inverted")


def test_that_a_soup_names_its_runs_and_other_runs_have_no_such_view(results: ResultsPage, qtbot: QtBot) -> None:
    view = view_of(results, 4, qtbot)
    qtbot.waitUntil(view.soup.isVisible, timeout=30_000)
    assert not view.curve.isVisible()
    assert "In the uniform soup: 1, 2." in view.members.text()
    plain = results.session.run(1)
    assert plain is not None
    assert not view.applies(plain)


def test_that_damaged_files_count_as_missing(tmp_path: Path) -> None:
    (tmp_path / "weights_curve.json").write_text('{"points": [{"alpha": 0}], "metric": "accuracy"', encoding="utf-8")
    (tmp_path / "soup.json").write_text("[]", encoding="utf-8")
    report = read_report(tmp_path)
    assert (report.curve, report.soup) == ({}, {})
