"""The map of a data set: drawn by a worker, coloured, read and searched."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from tests.gui.data_views import JOB, fresh, press
from tlstudio.gui.pages.data_map import MapView
from tlstudio.gui.pages.data_map_groups import by_class
from tlstudio.gui.plots.lasso import inside
from tlstudio.gui.plots.scatter import LASSO, Look, ScatterMap
from tlstudio.gui.session import Session
from tlstudio.project import Change, Project


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
    shown_view: Any, edited: Project, session: Session, tmp_path: Path, qtbot: QtBot
) -> None:
    view: MapView = shown_view(MapView)
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
