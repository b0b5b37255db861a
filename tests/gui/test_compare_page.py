"""The Compare dialog and page: methods chosen, runs made as one batch, a table with tests, and what to take."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.comparing import facts
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.compare import ComparePage
from tlstudio.gui.pages.compare_ask import CompareDialog
from tlstudio.gui.pages.compare_choices import comparisons
from tlstudio.gui.pages.runs import RunsPage
from tlstudio.gui.pages.train import TrainPage


@pytest.fixture
def fresh(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """The window on a project with two finished runs of one method with different options, neither measured yet."""
    return opened_on(window, real_runs.copied_to(tmp_path), qtbot)


@pytest.fixture
def digits(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> MainWindow:
    """Likewise, where what the models cost is known already."""
    project = real_runs.copied_to(tmp_path)
    for folder in (project / "runs").iterdir():
        model = (folder / "model.safetensors").stat()
        facts.Facts(
            model_bytes=model.st_size, model_mtime_ns=model.st_mtime_ns, parameters=1_264_000, trained=771,
            latency_ms=4.0, latency_low_ms=3.5, latency_high_ms=4.5, passes=50, threads=1, device="CPU",
        ).save(folder)  # fmt: skip
    return opened_on(window, project, qtbot)


def opened_on(window: MainWindow, project: Path, qtbot: QtBot) -> MainWindow:
    window.session.open_project(project)
    qtbot.waitUntil(lambda: bool(window.session.datasets and window.session.runs), timeout=60_000)
    return window


def page_of(window: MainWindow, qtbot: QtBot) -> ComparePage:
    window.show_page("compare")
    made = window.pages.page("compare")
    assert isinstance(made, ComparePage)
    qtbot.waitUntil(lambda: made.table_ is not None, timeout=60_000)
    return made


def test_that_a_project_without_runs_says_what_belongs_here(opened: MainWindow, qtbot: QtBot) -> None:
    opened.show_page("compare")
    made = opened.pages.page("compare")
    assert isinstance(made, ComparePage)
    assert made.empty.isVisible()
    assert not made.card.isVisible()
    with qtbot.waitSignal(opened.session.page_requested) as asked:
        made.empty.button.click()  # type: ignore[union-attr]
    assert asked.args == ["train"]


def test_that_finished_runs_stand_side_by_side_and_are_measured_when_nothing_trains(
    fresh: MainWindow, qtbot: QtBot
) -> None:
    made = page_of(fresh, qtbot)
    table = made.table_
    assert table is not None
    assert made.table.rowCount() == 2
    assert {row.title for row in table.rows} == {
        "Feature extraction (head logistic)", "Feature extraction (head linear, epochs 3)",
    }  # fmt: skip
    assert "12 test pictures" in made.why.text()
    assert made.sentence.text().startswith("Take Feature extraction")
    assert made.command_line.startswith("tlstudio compare ")
    assert made.command_line.endswith(" 1 2")
    assert not made.open_run.isEnabled()
    made.table.selectRow(0)
    assert made.open_run.isEnabled()
    with qtbot.waitSignal(fresh.session.page_requested) as asked:
        made.open_run.click()
    assert asked.args == ["run"]
    assert fresh.session.selected_run == made.table.rows[0].runs[0].id
    fresh.show_page("compare")

    def measured() -> bool:
        return made.table_ is not None and all(row.cost is not None for row in made.table_.rows)

    qtbot.waitUntil(measured, timeout=240_000)
    assert facts.load(fresh.session.runs[0].dir) is not None
    assert "Latency: median" in made.notes.text()
    made.by.setCurrentIndex(made.by.findData("latency"))
    made.by.activated.emit(made.by.currentIndex())
    assert made.command_line.endswith("--by latency")
    qtbot.waitUntil(lambda: fresh.session.jobs_running == 0, timeout=60_000)


def test_that_the_runs_page_leads_here_with_what_is_selected(digits: MainWindow, qtbot: QtBot) -> None:
    digits.show_page("runs")
    runs = digits.pages.page("runs")
    assert isinstance(runs, RunsPage)
    runs.table.select({1, 2})
    runs.compare.click()
    made = digits.pages.page("compare")
    assert isinstance(made, ComparePage)
    assert made.run_ids == (1, 2)
    assert digits.session.pending_comparison == ()
    qtbot.waitUntil(lambda: digits.session.jobs_running == 0 and digits.session.background.idle, timeout=60_000)


def test_that_the_dialog_makes_one_batch_of_the_chosen_methods(digits: MainWindow, qtbot: QtBot) -> None:
    digits.show_page("train")
    train = digits.pages.page("train")
    assert isinstance(train, TrainPage)
    qtbot.waitUntil(lambda: train.footer.compare.isEnabled(), timeout=60_000)
    assert train.backbones.current is not None
    train.footer.compare.click()
    dialog = train.findChild(CompareDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.methods.count() > 0, timeout=60_000)
    assert "methods × 3 seeds" in dialog.summary.text()
    items = {
        str(item.data(Qt.ItemDataRole.UserRole)): item
        for item in map(dialog.methods.item, range(dialog.methods.count()))
    }
    assert not items["distillation"].flags() & Qt.ItemFlag.ItemIsEnabled
    assert "a trained network" in items["distillation"].text()
    dialog.none.click()
    assert not dialog.train.isEnabled()
    assert dialog.summary.text() == "Choose two methods or more."
    for name in ("feature-extraction", "fine-tuning"):
        items[name].setCheckState(Qt.CheckState.Checked)
    dialog.seed_text.setText("0, x")
    dialog.seed_text.textEdited.emit("0, x")
    assert "whole numbers" in dialog.summary.text()
    dialog.seed_text.setText("4-5")
    dialog.seed_text.textEdited.emit("4-5")
    assert dialog.train.text() == "Train 4 runs"
    with qtbot.waitSignal(digits.session.page_requested, timeout=60_000) as asked:
        dialog.enqueue.click()
    assert asked.args == ["compare"]
    qtbot.waitUntil(lambda: len(digits.session.runs) == 6, timeout=60_000)
    made = page_of(digits, qtbot)
    qtbot.waitUntil(lambda: made.run_ids == (3, 4, 5, 6), timeout=60_000)
    qtbot.waitUntil(lambda: {run.id for row in made.table.rows for run in row.runs} == {3, 4, 5, 6}, timeout=60_000)
    rows = [(row.method, [run.seed for run in row.runs]) for row in made.table.rows]
    assert rows == [("feature-extraction", [4, 5]), ("fine-tuning", [4, 5])]
    assert {run.batch for run in digits.session.runs[2:]} == {3}
    assert "4 runs are still to come" in made.notes.text()
    assert made.table.item(0, 1).text() == "0 of 2 · 2 waiting"  # type: ignore[union-attr]
    assert not made.export.isEnabled()
    titles = [one.title for one in comparisons(digits.session.runs, digits.session.datasets)]
    assert titles == ["digits · 2 methods · 4 runs from run 3", "digits · everything finished on r1"]


def test_that_recipes_of_one_method_are_compared_and_their_rows_told_apart(digits: MainWindow, qtbot: QtBot) -> None:
    digits.show_page("train")
    train = digits.pages.page("train")
    assert isinstance(train, TrainPage)
    qtbot.waitUntil(lambda: train.footer.compare.isEnabled())
    train.methods.select("fine-tuning")
    qtbot.waitUntil(lambda: train.recipe._facts is not None)
    train.recipe.choose("fastai")
    train.form.set_values({**train.form.values(), "epochs": 2})
    train.form.changed.emit()
    train.footer.compare.click()
    dialog = train.findChild(CompareDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.methods.count() > 0)
    items = [dialog.methods.item(row) for row in range(dialog.methods.count())]
    names = [str(item.data(Qt.ItemDataRole.UserRole)) for item in items]
    assert names.index("fine-tuning") < names.index("fine-tuning:fastai") < names.index("fine-tuning:lightning")
    assert "fine-tuning:vit-mae" not in names  # it makes no sense here
    assert "fine-tuning:fastai" in dialog.chosen()
    assert "fine-tuning" not in dialog.chosen()  # instead of it
    dialog.none.click()
    dialog.all.click()
    assert not [name for name in dialog.chosen() if ":" in name]
    dialog.none.click()
    for name in ("fine-tuning", "fine-tuning:fastai", "fine-tuning:lightning"):
        items[names.index(name)].setCheckState(Qt.CheckState.Checked)
    dialog.seed_text.setText("0")
    dialog.seed_text.textEdited.emit("0")
    dialog.enqueue.click()
    qtbot.waitUntil(lambda: len(digits.session.runs) == 5)
    made = page_of(digits, qtbot)
    qtbot.waitUntil(lambda: len(made.table.rows) == 3)
    shown = {item.text() for row in range(3) if (item := made.table.item(row, 0))}
    assert shown == {
        "Fine-tuning\nno recipe", "Fine-tuning\nrecipe fastai, epochs 2", "Fine-tuning\nrecipe Lightning-like",
    }  # fmt: skip
    assert made.chooser.currentText() == "digits · 3 settings · 3 runs from run 3"
