"""The list of backbones: a card for each set of weights that can be started from, with a search above."""

import dataclasses
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio import weights
from tlstudio.gui import theme
from tlstudio.gui.widgets.kit import small_label
from tlstudio.project import DatasetInfo, Project
from tlstudio.registry import Registry

ROLE = Qt.ItemDataRole.UserRole
_LAST = 5  # rank of what hardly anybody looks for


@dataclasses.dataclass(frozen=True)
class BackboneChoice:
    """One card. ``reason`` says why it cannot be used here; empty where it can."""

    backbone: str
    weights: str
    title: str
    trained_on: str
    facts: str
    place: str
    ready: bool
    reason: str = ""

    @property
    def key(self) -> str:
        return f"{self.backbone}:{self.weights}"

    def matches(self, words: list[str]) -> bool:
        parts = (self.backbone, self.weights, self.title, self.trained_on, self.facts, self.place)
        text = " ".join(parts).lower()
        return all(word in text for word in words)


def choices(registry: Registry, dataset: DatasetInfo | None, project: Project | None = None) -> list[BackboneChoice]:
    """A card for each published and each imported set of weights, for the backbone of each finished run of ``project``,
    and for random weights. What needs no download comes first, backbones that were pre-trained here before all others.
    """
    found = []
    of_runs: dict[str, list[weights.RunWeights]] = {}
    for made in weights.of_project(project) if project else []:
        of_runs.setdefault(made.backbone, []).append(made)
    for entry in weights.catalog(registry):
        descriptor = registry.backbone(entry["id"])
        reason = ""
        if dataset is not None:
            reason = descriptor.supports(dataset.task, dataset.modality, dataset.profile) or ""
            if descriptor.modality not in registry.modality(dataset.modality).backbones:
                reason = f"It takes {descriptor.modality}, and this data set holds {dataset.modality}."
        size = f"{entry['parameters'] / 1e6:.1f} M · {entry['gflops']:.2g} GFLOPs"
        for made in of_runs.get(entry["id"], []):
            title, how = f"{entry['title']} · run {made.run}", made.title.partition(": ")[2].rpartition(" (")[0]
            facts = " · ".join([*_how_good(made), size])
            card = BackboneChoice(entry["id"], made.id, title, how, facts, "of this project", True, reason)
            found.append((0 if made.card else _LAST - 1, card))
        title = f"{entry['title']} · random weights"
        random = BackboneChoice(entry["id"], weights.NONE, title, "nothing yet", size, "", True, reason)
        found.append((_LAST, random))
        for own in reversed(entry["imported"]):
            facts, place = f"{size} · {entry['license']}", "yours"
            title = f"{entry['title']} · {own['name']}"
            card = BackboneChoice(
                entry["id"], own["name"], title, f"imported from {own['source']}", facts, place, True, reason
            )
            found.append((0, card))
        several = len(entry["weights"]) > 1
        for published in entry["weights"]:
            accuracy = f" · {published['accuracy']:.1f} %" if published["accuracy"] is not None else ""
            facts = f"{size} · {published['license']}"
            if published["bundled"]:
                place, rank = "bundled", 1
            elif published["cached"]:
                place, rank = "on this computer", 2
            else:
                place, rank = f"download {published['size_bytes'] / 1e6:.0f} MB", 3
            version = f" ({_version(published['id'])})" if several else ""
            trained_on = f"{published['trained_on']}{version}{accuracy}"
            ready = published["bundled"] or published["cached"]
            choice = BackboneChoice(
                entry["id"], published["id"], entry["title"], trained_on, facts, place, ready, reason
            )
            found.append((rank, choice))
    return [choice for _, choice in sorted(found, key=lambda pair: (bool(pair[1].reason), pair[0]))]


def _how_good(made: weights.RunWeights) -> list[str]:
    """What the card of a run says of its backbone's features, beside those of random weights."""
    parts, random = [], made.card.get("random")
    for name, words in (("probe_accuracy", "probe"), ("knn_accuracy", "k-NN")):
        value = made.card.get(name)
        if isinstance(value, int | float):
            beside = random.get(name) if isinstance(random, dict) else None
            instead = f" (random {100 * beside:.0f} %)" if isinstance(beside, int | float) else ""
            parts.append(f"{words} {100 * value:.1f} %{instead}")
    return parts


def _version(weights_id: str) -> str:
    return weights_id.rpartition("_")[2] or weights_id


class _Model(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[BackboneChoice] = []

    def rowCount(self, _parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return len(self.rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        choice = self.rows[index.row()]
        if role == ROLE:
            return choice
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{choice.title}, {choice.trained_on}, {choice.facts}, {choice.reason or choice.place}"
        if role == Qt.ItemDataRole.ToolTipRole:
            reason = f"\n{choice.reason}" if choice.reason else ""
            return f"{choice.title} ({choice.key})\n{choice.trained_on}\n{choice.facts}\n{choice.place}{reason}"
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if self.rows[index.row()].reason:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def set_rows(self, rows: list[BackboneChoice]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class _Delegate(QStyledItemDelegate):
    """Paints a card: name, what it was trained on, its size and licence, and where the weights are."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(160, 84)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        choice: BackboneChoice = index.data(ROLE)
        tokens = theme.tokens()
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        under = bool(state & QStyle.StateFlag.State_MouseOver) and not choice.reason
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(1, 1, -3, -7)
        painter.setBrush(tokens.color("accent_soft" if chosen else "hover" if under else "panel"))
        painter.setPen(QPen(tokens.color("accent" if chosen else "line"), 2 if chosen and focused else 1))
        painter.drawRoundedRect(box, 8, 8)
        text = box.adjusted(12, 8, -12, -8)
        line = text.height() / 3
        muted = tokens.color("muted")
        strong = muted if choice.reason else tokens.color("text")
        place = "" if choice.reason else choice.place.replace("download", "↓")
        small = theme.scaled_font(12)
        beside = QFontMetrics(small).horizontalAdvance(place) + 10 if place else 0
        lines = (
            (choice.title, theme.scaled_font(14, bold=True), strong, 0),
            (choice.trained_on, small, strong, 0),
            (choice.reason or choice.facts, small, muted, 0),
        )
        if beside:
            lines = ((choice.title, theme.scaled_font(14, bold=True), strong, beside), *lines[1:])
            area = QRectF(text.right() - beside, text.top(), beside, line)
            _write(painter, area, place, small, tokens.color("ok") if choice.ready else muted, right=True)
        for number, (words, font, colour, less) in enumerate(lines):
            area = QRectF(text.left(), text.top() + number * line, text.width() - less, line)
            _write(painter, area, words, font, colour)
        painter.restore()


def _write(painter: QPainter, area: QRectF, words: str, font: QFont, colour: QColor, *, right: bool = False) -> None:
    """One line of text, cut where it is too long."""
    painter.setFont(font)
    painter.setPen(colour)
    cut = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()) + 1)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | side, cut)


class BackboneList(QWidget):
    """``chosen`` when another card is selected, by hand or because the list changed."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[BackboneChoice] = []
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search backbones")
        self.search.setAccessibleName("Search backbones")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._on_search_changed)
        self._model = _Model(self)
        self.view = QListView()
        self.view.setAccessibleName("Backbones")
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Delegate(self.view))
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self._nothing = small_label("No backbone fits this search.")
        self._nothing.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.search)
        layout.addWidget(self._nothing)
        layout.addWidget(self.view, 1)

    @property
    def current(self) -> BackboneChoice | None:
        rows = self.view.selectionModel().selectedIndexes()
        return rows[0].data(ROLE) if rows else None

    def set_choices(self, found: list[BackboneChoice]) -> None:
        """Shows these; the selection stays where its card is still there."""
        self._all = found
        self._filter()

    def select(self, key: str) -> bool:
        for row, choice in enumerate(self._model.rows):
            if key in (choice.key, choice.backbone) and not choice.reason:
                self.view.setCurrentIndex(self._model.index(row))
                return True
        return False

    def _filter(self) -> None:
        kept = self.current
        words = self.search.text().lower().split()
        rows = [choice for choice in self._all if choice.matches(words)]
        self._model.set_rows(rows)
        self._nothing.setVisible(not rows and bool(self._all))
        if not (kept and self.select(kept.key)):
            usable = next((choice.key for choice in rows if not choice.reason), "")
            self.select(usable)
        self.chosen.emit()

    @Slot(str)
    def _on_search_changed(self, _text: str) -> None:
        self._filter()

    @Slot(object, object)
    def _on_selection_changed(self, _now: object, _before: object) -> None:
        self.chosen.emit()
