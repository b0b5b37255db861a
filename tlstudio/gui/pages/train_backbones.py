"""The list of backbones: a card for each set of weights that can be started from, with a search above."""

import dataclasses
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QVBoxLayout,
    QWidget,
)

from tlstudio import weights
from tlstudio.gui.pages.train_backbone_card import ROLE, CardPainter
from tlstudio.gui.widgets.kit import small_label
from tlstudio.project import DatasetInfo, Project
from tlstudio.registry import Registry

_LAST = 5  # rank of what hardly anybody looks for
_OWN = "of this project"


@dataclasses.dataclass(frozen=True)
class BackboneChoice:
    """One card. ``reason`` says why it cannot be used here; empty where it can. ``measured``: what a ranking on the
    project's data says, with ``about`` as its explanation.
    """

    backbone: str
    weights: str
    title: str
    trained_on: str
    facts: str
    place: str
    ready: bool
    reason: str = ""
    measured: str = ""
    about: str = ""

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
            card = BackboneChoice(entry["id"], made.id, title, how, facts, _OWN, True, reason)
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
            parts = (choice.title, choice.trained_on, choice.facts, choice.reason or choice.place, choice.about)
            return ", ".join(part for part in parts if part)
        if role == Qt.ItemDataRole.ToolTipRole:
            first = (f"{choice.title} ({choice.key})", choice.trained_on, choice.facts, choice.place)
            return "\n".join([*first, *(part for part in (choice.reason, choice.about) if part)])
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if self.rows[index.row()].reason:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def set_rows(self, rows: list[BackboneChoice]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def replace(self, by_key: dict[str, BackboneChoice]) -> None:
        """The same rows with other words; what is selected stays selected."""
        self.rows = [by_key[row.key] for row in self.rows]
        if self.rows:
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1))


class BackboneList(QWidget):
    """``chosen`` when another card is selected, by hand or because the list changed."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[BackboneChoice] = []
        self._measured: dict[str, tuple[str, str]] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search backbones")
        self.search.setAccessibleName("Search backbones")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._on_search_changed)
        self._model = _Model(self)
        self.view = QListView()
        self.view.setAccessibleName("Backbones")
        self.view.setModel(self._model)
        self.view.setItemDelegate(CardPainter(self.view))
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
        self._all = [self._with_measured(choice) for choice in found]
        self._filter()

    @Slot(object)
    def set_measured(self, measured: dict[str, tuple[str, str]]) -> None:
        """By key: what the cards say beside, and the explanation. The cards stay in their order."""
        if measured != self._measured:
            self._measured = measured
            self._all = [self._with_measured(choice) for choice in self._all]
            self._model.replace({choice.key: choice for choice in self._all})

    def _with_measured(self, choice: BackboneChoice) -> BackboneChoice:
        words, about = self._measured.get(choice.key, ("", ""))
        return dataclasses.replace(choice, measured=words, about=about)

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
            usable = [choice for choice in rows if not choice.reason]
            usable.sort(key=lambda choice: choice.place == _OWN)  # what was pre-trained here may be worse than nothing
            self.select(usable[0].key if usable else "")
        self.chosen.emit()

    @Slot(str)
    def _on_search_changed(self, _text: str) -> None:
        self._filter()

    @Slot(object, object)
    def _on_selection_changed(self, _now: object, _before: object) -> None:
        self.chosen.emit()
