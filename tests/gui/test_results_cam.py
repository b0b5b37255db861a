"""What stands beside the result of a CAM transfer, for a run that was really trained."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.control import Control
from tlstudio.evaluation import controls
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.results_cam import AttentionView, caption, pictures
from tlstudio.project import Project
from tlstudio.worker import events_of


def test_that_controls_sentence_and_regions_are_shown(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    path = real_runs.copied_to(tmp_path)
    with Project.open(path) as project:
        real_runs.train(project, "cam-transfer", {"folds": 2, "target_epochs": 1, "attention_epochs": 2})
    window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 3, timeout=30_000)
    window.show_page("results")
    page = window.pages.page("results")
    assert isinstance(page, ResultsPage)
    qtbot.waitUntil(lambda: page._results is not None and page._results.run_id == 3, timeout=30_000)
    view = page.views["attention"]
    assert isinstance(view, AttentionView)
    page._show_view("attention")
    qtbot.waitUntil(lambda: bool(view.report.entry), timeout=30_000)
    run = view._run
    assert run is not None
    entry = controls.load(Path(run.dir))["splits"]["test"]
    assert view.sentence.text() == entry["sentence"]
    titles = [view.table.item(row, 0).text() for row in range(view.table.rowCount())]  # type: ignore[union-attr]  # every cell is there
    assert titles == [row["title"] for row in entry["rows"]]
    assert " to " in view.table.item(1, 2).text()  # type: ignore[union-attr]  # likewise
    assert "the answer from the region is another" in view.words.text()
    assert [one.id for one in view.session.runs if view.applies(one)] == [3]
    arguments = {"project": str(path), "run": 3, "split": "test", "most": 3}
    for event in events_of("regions", arguments, Control()):
        view.job.on_event(event)
    assert len(view.report.regions) == 3
    assert not view.picture.image.isNull()
    assert view.caption.text().startswith("1 of ")
    view.next.click()
    assert view.caption.text().startswith("2 of ")
    assert view.play.isHidden()  # pictures make no sound
    assert "tlstudio region" in view.command()


def test_that_of_several_labels_the_region_of_each_is_shown() -> None:
    known = {
        "out": "7.png", "share": 0.1, "flip": False, "gates": [[3, 1.5]], "answer": {"labels": ["cat", "dog"]},
        "led_by": [{"class": "cat", "probability": 0.9}],
    }  # fmt: skip
    labels = [{"label": "cat", "out": "7.png", "share": 0.1}, {"label": "dog", "out": "7-2.png", "share": 0.4}]
    shown = pictures([{"error": "no longer there"}, known | {"labels": labels}, known])
    assert [one["out"] for one in shown] == ["7.png", "7-2.png", "7.png"]
    assert "region of dog 40 % of the view" in caption(shown[1], {})
    assert "region 10 % of the view" in caption(shown[2], {})
