"""The tools of the Data page on a real project: the doctor, the map, revisions, augmentation, new splits, export."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tlstudio.data.resplitting import SAME_FOLDER
from tlstudio.gui.pages.data_augment import AugmentView
from tlstudio.gui.pages.data_doctor import DoctorView
from tlstudio.gui.pages.data_export import ExportDataView
from tlstudio.gui.pages.data_map import MapView
from tlstudio.gui.pages.data_map_groups import by_class
from tlstudio.gui.pages.data_resplit import ResplitView
from tlstudio.gui.pages.data_revisions import RevisionsView
from tlstudio.gui.pages.data_view import DataView, duration_of, rough
from tlstudio.gui.plots.lasso import inside
from tlstudio.gui.plots.scatter import LASSO, Look, ScatterMap
from tlstudio.gui.session import Session
from tlstudio.project import Change, ItemFilter, Project

JOB = 60_000  # milliseconds that a worker may take on a busy machine
ViewT = TypeVar("ViewT", bound=DataView)
Make = Callable[[type[ViewT]], ViewT]


@pytest.fixture
def edited(session: Session, project_path: Path, qtbot: QtBot) -> Project:
    """The project ``colours`` with the data set ``shapes`` at revision 3: two relabelled, one excluded."""
    with qtbot.waitSignal(session.datasets_changed):
        session.open_project(project_path)
    project = session.project
    assert project is not None
    items = project.view("shapes").page(0, 36)
    project.edit("shapes", [Change(items[0].id, value="red"), Change(items[1].id, value="red")], "two relabelled")
    project.edit("shapes", [Change(items[5].id, split="excluded")], "one is blurred", "exclude")
    with qtbot.waitSignal(session.datasets_changed):
        session.refresh_datasets()
    return project


@pytest.fixture
def shown(edited: Project, session: Session, qtbot: QtBot) -> Callable[[type[Any]], Any]:
    def make(view: type[DataView]) -> DataView:
        made = view(session)
        qtbot.addWidget(made)
        made.resize(1100, 760)
        with qtbot.waitExposed(made):
            made.show()
        dataset = session.dataset("shapes")
        assert dataset is not None
        made.show_dataset(dataset)
        return made

    return make


def press(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def fresh(session: Session, qtbot: QtBot, view: DataView) -> None:
    """What the page does when there is a new revision."""
    with qtbot.waitSignal(session.datasets_changed):
        session.refresh_datasets()
    dataset = session.dataset("shapes")
    assert dataset is not None
    view.show_dataset(dataset)


# ---- revisions


def test_that_revisions_are_listed_and_each_says_what_it_changed(shown: Any, qtbot: QtBot) -> None:
    view: RevisionsView = shown(RevisionsView)
    qtbot.waitUntil(lambda: view.table.rowCount() == 3)
    assert [view.table.item(row, 0).text() for row in range(3)] == ["3", "2", "1"]
    assert view.table.item(1, 1).text().startswith("two relabelled\n")
    qtbot.waitUntil(lambda: view.difference.title.text() == "From revision 2 to 3")
    assert not view.back.isEnabled()
    view.choose(2)
    qtbot.waitUntil(lambda: view.difference.title.text() == "From revision 1 to 2")
    assert view.difference.pills["relabelled"].text() == "2 relabelled"
    assert view.difference.pills["excluded"].isHidden()
    row = [view.difference.table.item(0, column).text() for column in range(2)]
    assert row == ["blue/blue_00.png", "blue → red"]
    assert view.command().endswith(f"undo {view.project_path} shapes --to 2")
    view.choose(1, 3)
    qtbot.waitUntil(lambda: view.difference.title.text() == "From revision 1 to 3")
    assert view.difference.table.rowCount() == 3
    with qtbot.waitSignal(view.items_asked) as asked:
        press(qtbot, view.difference.show_button)
    assert len(asked.args[0].ids) == 3


def test_that_going_back_makes_a_new_revision_and_can_be_undone(
    shown: Any, edited: Project, session: Session, qtbot: QtBot
) -> None:
    view: RevisionsView = shown(RevisionsView)
    qtbot.waitUntil(lambda: view.table.rowCount() == 3)
    view.choose(1)
    with qtbot.waitSignals([view.restored, session.datasets_changed]):
        press(qtbot, view.back)
    assert edited.dataset("shapes").revision == 4
    assert edited.view("shapes").page(0, 1)[0].label == "blue"
    assert edited.dataset("shapes").excluded == 0
    assert view.banner.action.text() == "Undo"
    with qtbot.waitSignals([view.restored, session.datasets_changed]):
        press(qtbot, view.banner.action)
    assert edited.view("shapes").page(0, 1)[0].label == "red"
    assert edited.dataset("shapes").excluded == 1
    qtbot.waitUntil(lambda: view.table.rowCount() == 5)


# ---- new splits


def test_that_the_form_splits_anew_and_says_how_many_moved(
    shown: Any, edited: Project, session: Session, qtbot: QtBot
) -> None:
    view: ResplitView = shown(ResplitView)
    view.splits.shares[0].setValue(80)
    assert not view.go.isEnabled()
    assert "110 %" in view.sentence.text()
    view.splits.shares[2].setValue(5)
    view.splits.together.setCurrentIndex(view.splits.together.findData("pattern"))
    qtbot.waitUntil(lambda: bool(view.splits._names))
    view.splits.pattern.setText(r"(\w+)_\d")
    assert "3 groups" in view.splits.found.text()
    view.splits.together.setCurrentIndex(view.splits.together.findData(""))
    view.splits.seed.setValue(7)
    view.splits.near.setChecked(False)  # these pictures are much alike
    assert view.command().endswith("--splits 0.8,0.15,0.05 --no-near --seed 7")
    with qtbot.waitSignal(view.split_anew, timeout=JOB):
        press(qtbot, view.go)
    assert edited.dataset("shapes").revision == 4
    assert edited.dataset("shapes").split_counts["train"] > 26
    assert "moved, as revision 4" in view.banner.label.text()


def test_that_the_folder_can_be_what_stays_together(shown: Any) -> None:
    view: ResplitView = shown(ResplitView)
    view.splits.together.setCurrentIndex(view.splits.together.findData("folder"))
    assert view.splits.arguments()["group_by"] == SAME_FOLDER
    view.splits.by_fold.setChecked(True)
    view.splits.fold.setValue(2)
    assert view.splits.plan().startswith("kfold:5:")
    view.splits.by_time.setChecked(True)
    assert view.splits.problem() == "Choose the column that says when each item was made."


# ---- the doctor


def test_that_the_doctor_shows_findings_whose_items_can_be_opened(
    shown: Any, edited: Project, session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    view: DoctorView = shown(DoctorView)
    assert "Nothing is changed or deleted" in view.what.text()
    view.quick.setChecked(True)
    assert not view.backbone.isEnabled()
    assert view.command().endswith("shapes --quick")
    with qtbot.waitSignal(view.examined, timeout=JOB):
        press(qtbot, view.examine)
    qtbot.waitUntil(lambda: bool(view._cards))
    assert view.job.isHidden()
    assert view.headline.text().endswith(("finding", "findings"))
    assert "revision 3 · quick" in view.when.text()
    report = edited.report("shapes")
    assert report is not None
    assert [card.kind for card in view._cards] == sorted(
        (f["kind"] for f in report["findings"]), key=[c.kind for c in view._cards].index
    )
    card = next(card for card in view._cards if card.ids)
    with qtbot.waitSignal(view.items_asked) as asked:
        press(qtbot, card.show_button)
    assert asked.args[0].finding == card.kind
    assert asked.args[1] == card.sentence.text()
    assert set(edited.view("shapes", ItemFilter(finding=card.kind)).ids()) == set(card.ids)
    qtbot.waitUntil(lambda: bool(card.strip.items))
    with qtbot.waitSignal(view.item_asked) as opened:
        qtbot.mouseClick(
            card.strip, Qt.MouseButton.LeftButton, pos=card.strip.rect().topLeft() + card.strip._cell(0).center()
        )
    assert opened.args[0] == card.strip.items[0].id

    view.save_report(tmp_path / "report.json")
    qtbot.waitUntil(lambda: "was written" in view.banner.label.text())
    assert json.loads((tmp_path / "report.json").read_text())["findings"]
    view.save_report(tmp_path / "report.txt")
    qtbot.waitUntil((tmp_path / "report.txt").is_file)

    item = edited.view("shapes").page(8, 1)[0]
    edited.edit("shapes", [Change(item.id, value="red")], "another")
    fresh(session, qtbot, view)
    qtbot.waitUntil(lambda: "about revision 3" in view.banner.label.text())


def test_that_estimates_claim_no_more_than_is_known() -> None:
    assert rough(4) == "a few seconds"
    assert rough(61) == "60 seconds"
    assert rough(600) == "10 minutes"
    assert rough(7500) == "2 hours"
    assert duration_of(1000, 0.0) < duration_of(1000, 0.3) < duration_of(100_000, 0.3)


# ---- the map


def test_that_points_within_a_lasso_are_found() -> None:
    points = np.array([[0.5, 0.5], [2.0, 0.5], [0.1, 0.9], [-0.2, 0.2]])
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert inside(points, square).tolist() == [True, False, True, False]
    notched = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.2], [0.0, 1.0]])
    assert inside(points, notched).tolist() == [False, False, False, False]


def test_that_groups_differ_in_colour_and_symbol() -> None:
    looks = [Look.of(index) for index in range(20)]
    assert len(set(looks)) == 20
    assert all(a.colour != b.colour and a.symbol != b.symbol for a, b in itertools.pairwise(looks))


def test_that_twenty_thousand_points_stay_fluent(qtbot: QtBot) -> None:
    import time

    plot = ScatterMap("Map")
    qtbot.addWidget(plot)
    plot.resize(900, 700)
    plot.show()
    random = np.random.default_rng(0)
    plot.show_points(random.normal(size=(20_000, 2)))
    plot.show_groups(random.integers(0, 20, 20_000), [Look.of(index) for index in range(20)])
    plot.repaint()
    frames = []
    for _ in range(12):
        began = time.perf_counter()
        plot._box.translateBy(x=0.02, y=0.01)
        plot.row_at(QPointF(400, 300))
        plot.repaint()
        frames.append(time.perf_counter() - began)
    assert min(frames) < 1 / 30, frames


def test_that_the_map_is_drawn_coloured_read_and_searched(
    shown: Any, edited: Project, session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    view: MapView = shown(MapView)
    assert view.stack.currentWidget() is view.empty
    assert not view.tools.colour.isEnabled()
    assert view.empty.button is not None
    with qtbot.waitSignal(view.drawn, timeout=JOB):
        press(qtbot, view.empty.button)
    assert len(view.items) == 35  # one is excluded
    assert view.count.text() == "35 points"
    assert [view.legend.item(row).text() for row in range(3)] == ["blue  9", "green  12", "red  14"]
    view.legend.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert view.plot._shown.sum() == 26
    item = view.items[-1]
    edited.edit("shapes", [Change(item.id, value="blue")], "a third")
    fresh(session, qtbot, view)
    qtbot.waitUntil(lambda: view.legend.item(0).text() == "blue  10")  # the points stay, their colours follow
    assert view.stack.currentIndex() == 2
    view.tools.colour.value = "part"
    view.tools.colour.picked.emit("part")
    assert view.legend.item(0).text().startswith("Training")
    view.plot.go_to(3)
    assert view.hover.isVisible()
    assert view.hover.name.text() == view.items[3].path.rpartition("/")[2]
    with qtbot.waitSignal(view.item_asked) as opened:
        qtbot.keyClick(view.plot, Qt.Key.Key_Return)
    assert opened.args == [view.items[3].id]
    press(qtbot, view.tools.tools[LASSO])
    for x, y in ((-2, -2), (2, -2), (2, 2), (-2, 2)):
        view.plot._on_dragged(QPointF(x, y), x == y == -2)
    view.plot._on_released()
    assert view.chosen_count.text() == "35 items chosen"
    with qtbot.waitSignal(view.items_asked) as asked:
        press(qtbot, view.show_chosen)
    assert len(asked.args[0].ids) == 35
    view.export(tmp_path / "map.csv")
    assert len((tmp_path / "map.csv").read_text().splitlines()) == 36
    view.export(tmp_path / "map.svg")
    assert "<svg" in (tmp_path / "map.svg").read_text()
    qtbot.keyClick(view.plot, Qt.Key.Key_Escape)
    assert view.show_chosen.isHidden()


def test_that_more_classes_than_colours_become_grey(edited: Project, session: Session) -> None:
    import dataclasses

    dataset = session.dataset("shapes")
    assert dataset is not None
    item = edited.view("shapes").page(0, 1)[0]
    many = [dataclasses.replace(item, label=f"c{number % 30}") for number in range(90)]
    found = by_class(many, dataclasses.replace(dataset, class_names=tuple(f"c{n}" for n in range(30))))
    assert len(found.names) == 20
    assert found.names[-1] == "11 others"
    assert found.counts[-1] == 33


# ---- augmentation


def test_that_variants_are_shown_beside_the_original_and_follow_the_choices(shown: Any, qtbot: QtBot) -> None:
    view: AugmentView = shown(AugmentView)
    qtbot.waitUntil(lambda: bool(view.variants._rows), timeout=JOB)
    assert view.variants._columns == ["Original", "In the test", *(f"Epoch {n}" for n in range(1, 7))]
    row = view.variants._rows[0]
    assert all(not view.variants._images[path].isNull() for path in (row["place"], row["evaluated"], *row["variants"]))
    before = row["variants"][0]
    with qtbot.waitSignal(view.item_asked) as opened:
        qtbot.mouseClick(view.variants, Qt.MouseButton.LeftButton, pos=view.variants.cell(0, 0).center())
    assert opened.args == [row["id"]]
    with qtbot.waitSignal(view.shown_anew, timeout=JOB):
        view.seed.setValue(9)
    assert view.variants._rows[0]["variants"][0] != before
    assert view.variants._rows[0]["id"] == row["id"]


# ---- export


def test_that_a_data_set_is_written_out_with_its_splits(
    shown: Any, edited: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    view: ExportDataView = shown(ExportDataView)
    able = {name for name, made in view._choices.items() if made.isEnabled()}
    assert {"csv", "split-folders"} <= able
    assert not view._choices["mask-folders"].isEnabled()
    view._choices["split-folders"].setChecked(True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    view.folder.setText(str(tmp_path / "full"))
    assert not view.go.isEnabled()
    assert "not empty" in view.problem.text()
    view.folder.setText(str(tmp_path / "out"))
    assert view.command().endswith(f"{tmp_path / 'out'} --format split-folders")
    with qtbot.waitSignal(view.exported, timeout=JOB):
        press(qtbot, view.go)
    assert view.banner.label.text().startswith("35 items were written to")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 35
