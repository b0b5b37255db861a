"""How the points of a map are told apart: by class, by part, by finding; and the list that says what is what."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pyqtgraph.graphicsItems.ScatterPlotItem import drawSymbol
from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from tlstudio.gui.plots.colours import PlotColours
from tlstudio.gui.plots.scatter import GREY, OTHERS, Look

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item

MOST = 20  # classes in colour
_PARTS = {"train": "Training", "val": "Validation", "test": "Test", "excluded": "Excluded"}
BINS = 5  # of numbers


@dataclasses.dataclass(frozen=True)
class Grouping:
    """``groups [N]`` index into ``names`` and ``looks``; ``title`` says what the names are of."""

    groups: npt.NDArray[np.int64]
    names: list[str]
    looks: list[Look]
    title: str = "What is what"

    @property
    def counts(self) -> list[int]:
        return np.bincount(self.groups, minlength=len(self.names)).tolist()


def by_class(items: "list[Item]", dataset: "DatasetInfo") -> Grouping:
    if dataset.task == "regression":
        return _by_number(items, dataset)
    if dataset.task == "segmentation":  # each has a mask of its own
        return Grouping(np.zeros(len(items), np.int64), ["With a mask"], [Look.of(0)])
    labels = [item.label or "no label" for item in items]
    counted = Counter(labels)
    common = [name for name, _ in counted.most_common(MOST if len(counted) <= MOST else MOST - 1)]
    names = [name for name in dataset.class_names if name in common]
    names += [name for name in common if name not in names]
    number = {name: index for index, name in enumerate(names)}
    looks = [Look.of(index) for index in range(len(names))]
    if len(counted) > len(names):
        names.append(f"{len(counted) - len(names):,} others")
        looks.append(OTHERS)
    return Grouping(np.array([number.get(label, len(number)) for label in labels], np.int64), names, looks)


def by_part(items: "list[Item]") -> Grouping:
    names = list(_PARTS)
    groups = np.array([names.index(item.split) if item.split in _PARTS else 3 for item in items], np.int64)
    return Grouping(groups, list(_PARTS.values()), [Look.of(0), Look.of(1), Look.of(2), Look(GREY, "x")])


def by_finding(items: "list[Item]", report: Mapping[str, Any] | None) -> Grouping:
    """The first finding of each item, in the report's order; the most serious ones stand first there."""
    findings = [one for one in (report or {}).get("findings", ()) if any(i.get("id") for i in one["items"])][:MOST]
    first: dict[int, int] = {}
    for index, finding in enumerate(findings):
        for one in finding["items"]:
            first.setdefault(int(one["id"]), index)
    names = [str(finding["kind"]).replace("-", " ").capitalize() for finding in findings] + ["Nothing found"]
    looks = [Look.of(index) for index in range(len(findings))] + [OTHERS]
    return Grouping(np.array([first.get(item.id, len(findings)) for item in items], np.int64), names, looks)


def _by_number(items: "list[Item]", dataset: "DatasetInfo") -> Grouping:
    """Equal shares of the (first) number's range of values."""
    import json

    numbers = np.array([float(json.loads(item.value)[0]) if item.value else np.nan for item in items])
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, BINS + 1))) if len(numbers) else np.array([0.0])
    groups = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(0, len(edges) - 2))
    name = dataset.class_names[0] if dataset.class_names else "value"
    names = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    names = names or [f"{edges[0]:g}"]
    return Grouping(groups.astype(np.int64), names, [Look.of(index) for index in range(len(names))], name)


class Legend(QListWidget):
    """Every group with its sign and count; a tick shows or hides it. ``toggled`` carries which are to be seen."""

    toggled = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Groups of the map; a tick shows or hides one")
        self.setIconSize(QSize(14, 14))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.itemChanged.connect(self._on_changed)

    def show_grouping(self, grouping: Grouping) -> None:
        self.blockSignals(True)
        self.clear()
        for name, look, count in zip(grouping.names, grouping.looks, grouping.counts, strict=True):
            item = QListWidgetItem(sign(look), f"{name}  {count:,}")
            item.setToolTip(f"{name}: {count:,}")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.addItem(item)
        self.blockSignals(False)

    def shown(self) -> npt.NDArray[np.bool_]:
        return np.array([self.item(row).checkState() == Qt.CheckState.Checked for row in range(self.count())], bool)

    @Slot(QListWidgetItem)
    def _on_changed(self, _item: QListWidgetItem) -> None:
        self.toggled.emit(self.shown())


def sign(look: Look) -> QIcon:
    """The symbol as it stands in the map."""
    colours = PlotColours.current()
    pixmap = QPixmap(28, 28)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(QPointF(7, 7))
    colour = QColor(colours.muted if look.colour == GREY else colours.of_series(look.colour))
    drawSymbol(painter, look.symbol, 11, Qt.PenStyle.NoPen, colour)
    painter.end()
    return QIcon(pixmap)
