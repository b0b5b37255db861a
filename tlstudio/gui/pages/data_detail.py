"""One item, large, with what is known of it. Left and Right go to the neighbours, Escape goes back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget

from tlstudio import places
from tlstudio.gui.background import Background
from tlstudio.gui.pages.data_facts import Facts, read_facts
from tlstudio.gui.pages.data_label import LabelCard
from tlstudio.gui.pages.data_sample import SampleView
from tlstudio.gui.pages.data_words import SPLIT_NAMES, Kind, bytes_text
from tlstudio.gui.widgets.kit import Card, ElidedLabel, button, icon_button, link_button, scrolled, small_label
from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.gui.models import pictures
    from tlstudio.project import DatasetInfo, Item, Project

_FIELDS = ("File", "Split", "Size", "Bytes", "Group", "Part of", "Partner", "SHA-256", "Folder")


class DetailView(QWidget):
    """``typed`` and ``delete_pressed`` as of the gallery; ``group_asked`` an ``ItemFilter`` and a title."""

    closed = Signal()
    step_asked = Signal(int)  # -1 or 1
    typed = Signal(str)
    delete_pressed = Signal()
    group_asked = Signal(object, str)
    augment_asked = Signal(int)  # the item's id

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._kind = Kind()
        self._project: Project | None = None
        self._dataset: DatasetInfo | None = None
        self.item: Item | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        frame = Card()
        self.sample = SampleView(background)
        frame.body.addWidget(self.sample, 1)
        row.addWidget(frame, 1)
        area, column = scrolled()
        area.setFixedWidth(316)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setAccessibleName("Details")
        column.setContentsMargins(0, 0, 12, 0)
        self.label = LabelCard()
        self.label.masks.changed.connect(self._on_masks)
        self.label.masks.opacity_changed.connect(self.sample.picture.set_opacity)
        self.sample.picture.pointed.connect(self.label.masks.show_pointed)
        self.sample.mask_read.connect(self.label.masks.show_shares)
        column.addWidget(self._make_side())
        column.addWidget(self.label)
        column.addWidget(self._make_more())
        column.addStretch(1)
        row.addWidget(area)

    def _make_side(self) -> Card:
        self.side = side = Card("Item")
        self.position = small_label(wrap=False)
        for words, icon, slot in (
            ("Previous (Left)", "arrow-left", self._on_previous), ("Next (Right)", "arrow-right", self._on_next)
        ):  # fmt: skip
            go = icon_button(icon, words)
            go.clicked.connect(slot)
            side.header.addWidget(go)
        self.back = icon_button("close", "Back (Escape)")
        self.back.clicked.connect(self.closed)
        side.header.addWidget(self.back)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(14)
        self._form.setVerticalSpacing(8)
        self.fields = {name: ElidedLabel() for name in _FIELDS}
        self._titles = {name: _muted(name) for name in _FIELDS}
        for name, label in self.fields.items():
            self._form.addRow(self._titles[name], label)
        self.exclude = button("Exclude", "eye-off", tip="Delete")
        self.exclude.clicked.connect(self.delete_pressed)
        self.augment = button("Augmentation", "sliders", tip="What training makes of it")
        self.augment.clicked.connect(self._on_augment)
        buttons = QHBoxLayout()
        buttons.addWidget(self.exclude)
        buttons.addWidget(self.augment, 1)
        side.body.addWidget(self.position)
        side.body.addLayout(self._form)
        side.body.addLayout(buttons)
        return side

    def _make_more(self) -> Card:
        self.more = more = Card("More")
        self._meta = QFormLayout()
        self._meta.setHorizontalSpacing(14)
        self._meta.setVerticalSpacing(6)
        self.neighbours = link_button("More of its group")
        self.neighbours.clicked.connect(self._on_neighbours)
        self.history = small_label()
        copy = button("Copy the path", "copy")
        copy.clicked.connect(self._on_copy)
        folder = button("Open the folder", "folder")
        folder.clicked.connect(self._on_open)
        more.body.addLayout(self._meta)
        more.body.addWidget(self.neighbours, 0, Qt.AlignmentFlag.AlignLeft)
        more.body.addWidget(self.history)
        more.body.addWidget(copy)
        more.body.addWidget(folder)
        return more

    # ---- what is shown

    def set_dataset(self, project: "Project", dataset: "DatasetInfo", kind: Kind, preview: "pictures.Preview") -> None:
        if self._project is not project or self._dataset is None or self._dataset.id != dataset.id:
            self.item = None
        self._project, self._dataset, self._kind = project, dataset, kind
        self.setAccessibleName(f"One {kind.noun[0]} with its details")
        self.side.set_title(kind.noun[0].capitalize())
        self._titles["Size"].setText({"audio": "Duration", "text": "Length"}.get(kind.modality, "Size"))
        self.label.set_dataset(dataset, kind)
        self.sample.set_dataset(dataset, kind, preview)

    def show_item(self, item: "Item", index: int, count: int) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        before, self.item = self.item, item
        self.position.setText(f"{index + 1:,} of {count:,}")
        path = Path(places.parse(item.place(dataset.root)).path)
        shown = {
            "File": item.path.rpartition("/")[2], "Split": SPLIT_NAMES.get(item.split, item.split),
            "Size": self._kind.size(item), "Bytes": bytes_text(item.bytes) if item.bytes else "", "Group": item.group,
            "Part of": f"{path.name}, byte {item.offset:,} on" if item.length else "", "Partner": item.partner,
            "SHA-256": item.sha256, "Folder": str(path.parent),
        }  # fmt: skip
        for place, (name, label) in enumerate(self.fields.items()):
            label.setText(shown[name])
            self._form.setRowVisible(place, bool(shown[name]))
        self.exclude.setText("Bring back" if item.split == "excluded" else "Exclude")
        self.label.show_item(item)
        if before is None or before.id != item.id:
            self.sample.show_item(item, self.label.masks.shown() if self._kind.task == "segmentation" else [])
        if before is None or (before.id, before.value, before.split) != (item.id, item.value, item.split):
            self._ask_facts(item)

    def leave(self) -> None:
        """Nothing plays on behind other views."""
        self.sample.sound.stop()

    def _ask_facts(self, item: "Item") -> None:
        project, dataset = self._project, self._dataset
        self._show_facts(Facts(item.id))
        if project is not None and dataset is not None:
            name = dataset.name
            read: Callable[[], Facts] = lambda: read_facts(project, name, item)  # noqa: E731 - a closure with a type
            self._background.submit(read, self._on_facts, self._on_no_facts)

    def _on_facts(self, facts: Facts) -> None:
        if self.item is not None and facts.item_id == self.item.id:
            self._show_facts(facts)

    def _on_no_facts(self, sentence: str) -> None:
        self.history.setText(sentence)

    def _show_facts(self, facts: Facts) -> None:
        while self._meta.rowCount():
            self._meta.removeRow(0)
        for name, value in facts.meta[:40]:
            self._meta.addRow(_muted(name), ElidedLabel(value))
        others = facts.in_group - 1
        self.neighbours.setVisible(others > 0)
        if others > 0 and self.item is not None:
            words = f"{self._kind.count(others)} more of its group"
            self.neighbours.setText(words.replace("&", "&&"))
            self.neighbours.setAccessibleName(words)
        self.history.setText("\n".join(facts.history))
        self.history.setVisible(bool(facts.history))

    # ---- what is done

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Up:
                self.step_asked.emit(-1)
            case Qt.Key.Key_Right | Qt.Key.Key_Down:
                self.step_asked.emit(1)
            case Qt.Key.Key_Escape:
                self.closed.emit()
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.delete_pressed.emit()
            case Qt.Key.Key_Space if self._kind.modality == "audio":
                self.sample.sound.toggle()
            case Qt.Key.Key_Comma:
                self.sample.film.back()
            case Qt.Key.Key_Period:
                self.sample.film.on()
            case _ if not control and len(event.text()) == 1 and event.text().isalnum():
                self.typed.emit(event.text().lower())
            case _:
                super().keyPressEvent(event)

    @Slot()
    def _on_previous(self) -> None:
        self.step_asked.emit(-1)

    @Slot()
    def _on_next(self) -> None:
        self.step_asked.emit(1)

    @Slot()
    def _on_augment(self) -> None:
        if self.item is not None:
            self.augment_asked.emit(self.item.id)

    @Slot()
    def _on_masks(self) -> None:
        self.sample.show_classes(self.label.masks.shown())

    @Slot()
    def _on_neighbours(self) -> None:
        if self.item is not None:
            self.group_asked.emit(ItemFilter(group=self.item.group), f"group: {self.item.group}")

    def _path(self) -> str:
        if self.item is None or self._dataset is None:
            return ""
        return places.parse(self.item.place(self._dataset.root)).path

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._path())

    @Slot()
    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._path()).parent)))


def _muted(words: str) -> QLabel:
    label = ElidedLabel(words)
    label.setObjectName("muted")
    label.setMaximumWidth(110)
    return label
