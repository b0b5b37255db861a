"""A map of a data set: similar items lie side by side."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import text
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_map_files import read_map, write_map
from tlstudio.gui.pages.data_map_groups import Grouping, Legend, by_class, by_finding, by_part
from tlstudio.gui.pages.data_map_hover import HoverCard
from tlstudio.gui.pages.data_map_tools import MapTools
from tlstudio.gui.pages.data_view import DataView, duration_of, preview_of, rough
from tlstudio.gui.plots.export import FORMATS
from tlstudio.gui.plots.scatter import ScatterMap
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Card, EmptyState, button, muted_label, primary_button, small_label

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item


class MapView(DataView):
    """By the job ``map``. ``drawn`` when a map stands on the screen."""

    drawn = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.items: list[Item] = []
        self._rows: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._seen: tuple[object, ...] = ()
        self._report: dict[str, Any] | None = None
        self._generation = 0
        self.thumbnails = Thumbnails(None, self)
        self.thumbnails.ready.connect(self._on_thumbnail)
        self.tools = MapTools(session)
        self.tools.method_changed.connect(self._on_method)
        self.tools.colour_changed.connect(self._on_colour)
        self.backbone = self.tools.backbone
        self.layout_.addWidget(self.tools)
        self.empty = EmptyState(
            "data",
            "No map yet",
            "A backbone looks at every item, and similar ones come to lie side by side: mislabelled items stand among "
            "another class, odd ones alone. Point at one to see it, draw around some to list them.",
            "Draw the map",
        )
        self.empty.triggered.connect(self.begin)
        self.job = JobPanel("Drawing the map")
        self.job.finished.connect(self._on_made)
        self.job.stopped.connect(self._on_stopped)
        self._job_view = QWidget()
        column = QVBoxLayout(self._job_view)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.job)
        column.addStretch(1)
        self.stack = QStackedWidget()
        for view in (self.empty, self._job_view, self._map_view()):
            self.stack.addWidget(view)
        self.layout_.addWidget(self.stack, 1)
        self.tools.set_drawn(False)

    def _map_view(self) -> QWidget:
        view = QWidget()
        whole = QHBoxLayout(view)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(14)
        card = Card()
        self.plot = ScatterMap("Map of the data")
        self.tools.mode_changed.connect(self.plot.set_mode)
        self.plot.hovered.connect(self._on_hovered)
        self.plot.clicked.connect(self._on_clicked)
        self.plot.chosen.connect(self._on_chosen)
        self.plot.export_requested.connect(self._on_export)
        self.hover = HoverCard(self.plot)
        card.body.addWidget(self.plot, 1)
        row = QHBoxLayout()
        self.count = small_label(wrap=False)
        self.chosen_count = QLabel()
        self.clear = button("Clear")
        self.clear.setAccessibleName("Choose none")
        self.clear.clicked.connect(self._on_clear)
        self.show_chosen = primary_button("Show them")
        self.show_chosen.clicked.connect(self._on_show_chosen)
        row.addWidget(self.count)
        row.addStretch(1)
        for one in (self.chosen_count, self.clear, self.show_chosen):
            policy = one.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            one.setSizePolicy(policy)
            one.hide()
            row.addWidget(one)
        card.body.addLayout(row)
        whole.addWidget(card, 1)
        self.legend_card = side = Card("What is what")
        side.setFixedWidth(240)
        self.legend = Legend()
        self.legend.toggled.connect(self.plot.show_only)
        side.body.addWidget(self.legend, 1)
        self.hint = muted_label("A tick shows or hides a group. Shift and drag draws around points at any time.")
        side.body.addWidget(self.hint)
        whole.addWidget(side)
        return view

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        super().show_dataset(dataset)
        self.backbone.show_dataset(dataset)
        project = self.session.project
        if project is None:
            return
        self.thumbnails.set_folder(project.path / "cache" / "thumbnails")
        self.thumbnails.set_preview(preview_of(self.session, dataset.modality))
        seen = (project.path, dataset.id, dataset.revision)
        if seen[:2] == self._seen[:2] and self.items and not self.job.busy:
            if seen != self._seen:
                self._seen = seen
                self._refresh()
        elif seen != self._seen and not self.job.busy:
            self._seen = seen
            self.items = []
            self.stack.setCurrentWidget(self.empty)
            self.tools.set_drawn(False)
            count = sum(dataset.split_counts.values())
            self.empty.text.setToolTip(f"Roughly {rough(duration_of(count, self.backbone.gflops))} for the first map.")
        self.command_changed.emit(self.command())

    def command(self) -> str:
        if self.dataset is None:
            return ""
        parts = ["tlstudio", "data", "map", self.project_path, self.dataset.name, "--method", self.tools.method]
        return shlex.join([*parts, *(["--backbone", self.backbone.spelled] if self.backbone.backbone else [])])

    @Slot()
    def begin(self) -> None:
        if self.dataset is None or self.job.busy:
            return
        arguments = {"project": self.project_path, "dataset": self.dataset.name, "method": self.tools.method}
        if self.backbone.backbone:
            arguments |= {"backbone": self.backbone.backbone, "weights": self.backbone.weights}
        self.job.begin("Drawing the map")
        self.stack.setCurrentWidget(self._job_view)
        self.tools.set_drawn(False)
        self.job.follow(self.session.start_job("map", arguments, self.job.on_event))

    # ---- the job and its result

    @Slot(dict)
    def _on_made(self, result: dict[str, Any]) -> None:
        project, dataset = self.session.project, self.dataset
        if project is None or dataset is None:
            return
        self.hint.setToolTip(str(result.get("sentence", "")))
        self._generation += 1
        generation = self._generation
        path = project.path / str(result["path"])
        self.session.background.submit(lambda: (generation, *read_map(project, dataset.name, path)), self._on_read)

    def _on_read(self, answer: "tuple[int, npt.NDArray[np.float64], list[Item], dict[str, Any] | None]") -> None:
        generation, xy, items, report = answer
        if generation != self._generation or self.dataset is None:
            return
        self.items, self._report = items, report
        self.plot.show_points(xy)
        self._group()
        self.stack.setCurrentIndex(2)
        self.tools.set_drawn(True)
        total = sum(self.dataset.split_counts.values())
        shown = f"{text.plural(len(items), 'point')}"
        self.count.setText(shown if len(items) >= total else f"{shown}, drawn by chance from {total:,} items")
        self._on_chosen(np.empty(0, np.int64))
        self.plot.setFocus()
        self.drawn.emit()

    def _refresh(self) -> None:
        """A new revision: the points stay where they are, and are coloured by what is said of them now."""
        project, dataset = self.session.project, self.dataset
        if project is not None and dataset is not None:
            generation, name, ids = self._generation, dataset.name, [item.id for item in self.items]
            self.session.background.submit(
                lambda: (generation, project.items_of(name, ids), project.report(name)), self._on_refreshed
            )

    def _on_refreshed(self, answer: "tuple[int, list[Item], dict[str, Any] | None]") -> None:
        generation, items, report = answer
        if generation == self._generation and len(items) == len(self.items):
            self.items, self._report = items, report
            self._group()

    @Slot()
    def _on_stopped(self) -> None:
        self.stack.setCurrentIndex(2 if self.items else 0)
        self.tools.set_drawn(bool(self.items))

    @Slot()
    def _on_method(self, *_chosen: object) -> None:
        self.command_changed.emit(self.command())
        if self.items:
            self.begin()

    # ---- telling apart

    @Slot(str)
    def _on_colour(self, _by: str) -> None:
        self._group()

    def grouping(self) -> Grouping:
        assert self.dataset is not None
        match self.tools.colour.value:
            case "part":
                return by_part(self.items)
            case "finding":
                return by_finding(self.items, self._report)
        return by_class(self.items, self.dataset)

    def _group(self) -> None:
        if self.items:
            found = self.grouping()
            self.plot.show_groups(found.groups, found.looks)
            self.legend.show_grouping(found)
            self.legend_card.set_title(found.title)

    # ---- points

    @Slot(int, object)
    def _on_hovered(self, row: int, at: QPoint) -> None:
        if row < 0 or row >= len(self.items) or self.dataset is None:
            self.hover.hide()
            return
        item = self.items[row]
        key = self.thumbnails.key_of(item)
        self.hover.show_item(item, self.thumbnails.get(key), at)
        if self.thumbnails.get(key) is None:
            self.thumbnails.want([(key, item.place(self.dataset.root))])

    @Slot(str)
    def _on_thumbnail(self, key: str) -> None:
        self.hover.arrived(key, self.thumbnails)

    @Slot(int)
    def _on_clicked(self, row: int) -> None:
        if 0 <= row < len(self.items):
            self.item_asked.emit(self.items[row].id)

    @Slot(object)
    def _on_chosen(self, rows: npt.NDArray[np.int64]) -> None:
        self._rows = rows
        for one in (self.chosen_count, self.clear, self.show_chosen):
            one.setVisible(bool(len(rows)))
        if len(rows):
            self.chosen_count.setText(f"{text.plural(len(rows), 'item')} chosen")

    @Slot()
    def _on_clear(self) -> None:
        self.plot.choose(np.empty(0, np.int64))

    @Slot()
    def _on_show_chosen(self) -> None:
        from tlstudio.project import ItemFilter

        ids = tuple(self.items[row].id for row in self._rows.tolist())
        if ids:
            self.items_asked.emit(ItemFilter(ids=ids), f"{text.plural(len(ids), 'item')} from the map")

    @Slot(object)
    def _on_export(self, position: QPoint) -> None:
        menu = QMenu(self)
        actions = {menu.addAction(f"Export {title}"): suffix for suffix, title in FORMATS.items()}
        chosen = menu.exec(position)
        if chosen not in actions or self.dataset is None:
            return
        name, _ = QFileDialog.getSaveFileName(self, "Export the map", f"{self.dataset.name}-map.{actions[chosen]}")
        if name:
            self.export(Path(name).with_suffix(f".{actions[chosen]}"))

    def export(self, path: Path) -> None:
        rows: list[tuple[object, ...]] = [(item.id, item.path, item.label, item.split) for item in self.items]
        try:
            write_map(self.plot, path, ["id", "path", "label", "part"], rows)
        except OSError as error:
            self.session.say_error(f"The map could not be written to {path}: {error.strerror or error}.")
        else:
            self.session.say("ok", f"The map was written to {path}.")
