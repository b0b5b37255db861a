"""A run that waits for its user to look at the labels it would learn from as well, through the real window."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio import pseudo_labels, runs
from tlstudio.api.events import Finished
from tlstudio.control import Control
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.run import RunPage
from tlstudio.gui.pages.run_pseudo_results import NewLabelsView
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

MINUTE = 60_000
OPTIONS = {"train": "head", "rounds": 1, "threshold": 0.4, "review": True}


@pytest.fixture
def path(project_path: Path) -> Path:
    """A project whose only run waits with its first round."""
    registry = Registry.discover()
    with Project.open(project_path) as project:
        run = runs.create_run(
            project, registry, dataset="shapes", backbone="glyphnet", method="self-training", options=OPTIONS,
            labels_per_class=4, runtime=RuntimePreferences(device="cpu", precision="float32", workers=0, beside=True),
        )  # fmt: skip
        *_, last = events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control())
        assert isinstance(last, Finished)
        assert last.result["reason_kind"] == "review"
        project.update_run(run.id, state="parked", reason=last.result["reason"])
    return project_path


def waiting(window: MainWindow, path: Path, qtbot: QtBot) -> RunPage:
    with qtbot.waitSignal(window.session.runs_changed, timeout=MINUTE):
        window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 1, timeout=MINUTE)
    window.session.select_run(1)
    window.show_page("run")
    page = window.pages.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(page.review.isVisible, timeout=MINUTE)
    return page


def test_that_wrong_labels_are_struck_out_by_class_and_the_run_goes_on(
    window: MainWindow, path: Path, qtbot: QtBot
) -> None:
    page = waiting(window, path, qtbot)
    review, folder = page.review, path / "runs" / "1"
    assert review.title.text() == "Round 1: new labels"
    assert not page.body.isVisible()
    whole = review.strip.count()
    review.classes.setCurrentIndex(1)
    label = review.classes.currentData()
    shown = list(review.strip.shots)
    assert 0 < len(shown) < whole
    assert {shot.predicted for shot in shown} == {label}
    assert [shot.probability for shot in shown] == sorted((shot.probability for shot in shown), reverse=True)
    area = review.strip.visualRect(review.strip.model().index(0, 0))
    qtbot.mouseClick(review.strip.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert review.vetoed == {shown[0].item_id}
    assert review.strip.shots[0].sure == "struck out"
    qtbot.keyClick(review.strip, Qt.Key.Key_X)
    assert review.vetoed == set()
    qtbot.mouseClick(review.all_wrong, Qt.MouseButton.LeftButton)
    wrong = {shot.item_id for shot in shown}
    assert review.vetoed == wrong
    review.classes.setCurrentIndex(0)  # what was struck out of one class stays so
    assert {shot.item_id for shot in review.strip.shots if not shot.right} == wrong
    assert f"{len(wrong)} labels struck out" in review.sentence.text()
    qtbot.mouseClick(review.go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.state(window.session.run(1)) == "finished", timeout=2 * MINUTE)  # type: ignore[arg-type]  # there is one
    assert not review.isVisible()
    assert page.body.isVisible()
    assert [one.vetoed for one in pseudo_labels.rounds(folder)] == [frozenset(wrong)]
    results = window.pages.page("results")
    assert isinstance(results, ResultsPage)
    view = results.views["pseudo-labels"]
    assert isinstance(view, NewLabelsView)
    run = window.session.run(1)
    assert run is not None
    assert view.applies(run)
    view.show_run(run, None, "test")  # type: ignore[arg-type]  # the labels need no predictions
    qtbot.waitUntil(lambda: view.strip.count() == whole, timeout=MINUTE)
    assert {shot.item_id for shot in view.strip.shots if shot.sure == "struck out"} == wrong
    assert all(shot.right == (shot.truth == shot.predicted) for shot in view.strip.shots)
    assert f"{len(wrong)} of them struck out" in view.sentence.text()


def test_that_a_folder_without_classes_can_be_imported_as_a_pool(
    opened: MainWindow, pictures: Path, qtbot: QtBot
) -> None:
    from tlstudio.gui.pages.data import DataPage

    page = opened.pages.page("data")
    assert isinstance(page, DataPage)
    opened.show_page("data")
    form = page.importing.form
    page.importing.begin(str(pictures / "red"))
    qtbot.waitUntil(lambda: form.looked.chosen is not None, timeout=MINUTE)
    assert form.looked.chosen is not None
    assert form.looked.chosen.format == "unlabelled"
    assert not form.split_card.isVisible()
    assert "no labels" in form.sentence.text()
    form.name.setText("pool")
    assert "--format unlabelled" in form.command()
    assert "--splits" not in form.command()
    qtbot.mouseClick(form.import_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.session.dataset("pool") is not None, timeout=MINUTE)
    dataset = opened.session.dataset("pool")
    assert dataset is not None
    assert (dataset.class_names, dataset.split_counts["train"]) == (("unlabelled",), 12)
