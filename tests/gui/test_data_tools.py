"""The tools of the Data page on a real project: the doctor, revisions, augmentation, new splits, export."""

import json
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.data_views import JOB, fresh, press
from tlstudio.data.resplitting import SAME_FOLDER
from tlstudio.gui.pages.data_augment import AugmentView
from tlstudio.gui.pages.data_doctor import DoctorView
from tlstudio.gui.pages.data_export import ExportDataView
from tlstudio.gui.pages.data_resplit import ResplitView
from tlstudio.gui.pages.data_revisions import RevisionsView
from tlstudio.gui.pages.data_view import duration_of, rough
from tlstudio.gui.session import Session
from tlstudio.project import Change, ItemFilter, Project

# ---- revisions


def test_that_revisions_are_listed_and_each_says_what_it_changed(shown_view: Any, qtbot: QtBot) -> None:
    view: RevisionsView = shown_view(RevisionsView)
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
    shown_view: Any, edited: Project, session: Session, qtbot: QtBot
) -> None:
    view: RevisionsView = shown_view(RevisionsView)
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
    shown_view: Any, edited: Project, session: Session, qtbot: QtBot
) -> None:
    view: ResplitView = shown_view(ResplitView)
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


def test_that_the_folder_can_be_what_stays_together(shown_view: Any) -> None:
    view: ResplitView = shown_view(ResplitView)
    view.splits.together.setCurrentIndex(view.splits.together.findData("folder"))
    assert view.splits.arguments()["group_by"] == SAME_FOLDER
    view.splits.by_fold.setChecked(True)
    view.splits.fold.setValue(2)
    assert view.splits.plan().startswith("kfold:5:")
    view.splits.by_time.setChecked(True)
    assert view.splits.problem() == "Choose the column that says when each item was made."


# ---- the doctor


def test_that_the_doctor_shows_findings_whose_items_can_be_opened(
    shown_view: Any, edited: Project, session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    view: DoctorView = shown_view(DoctorView)
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


# ---- augmentation


def test_that_variants_are_shown_beside_the_original_and_follow_the_choices(shown_view: Any, qtbot: QtBot) -> None:
    view: AugmentView = shown_view(AugmentView)
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
    shown_view: Any, edited: Project, tmp_path: Path, qtbot: QtBot
) -> None:
    view: ExportDataView = shown_view(ExportDataView)
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
