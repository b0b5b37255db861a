"""What can be done to the selected items: relabel, exclude and bring back, move. Shown at once, written behind."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tlstudio.api.errors import StudioError
from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.pages.data_editing import DataEditing
from tlstudio.gui.pages.data_label import NO_MASKS
from tlstudio.gui.pages.data_words import KEYS, SPLIT_NAMES, Kind, labels_in, task_of
from tlstudio.gui.widgets.gallery_selection import Cursor
from tlstudio.project import Change

if TYPE_CHECKING:
    from tlstudio.api.task import Task
    from tlstudio.project import DatasetInfo, Item, Project
    from tlstudio.registry import Registry

_AT_HAND = 2000  # selected items that are changed before one's eyes; more are read in a thread
_CHUNK = 10_000


class ItemActions(QObject):
    """Acts on the selection, or on the current item where nothing is selected."""

    said = Signal(str)  # a sentence where nothing is changed
    advance = Signal(int)  # the index that is to be current next

    def __init__(self, model: ItemsModel, cursor: Cursor, editing: DataEditing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model, self._cursor, self._editing = model, cursor, editing
        self._project: Project | None = None
        self._registry: Registry | None = None
        self._dataset: DatasetInfo | None = None
        self._kind = Kind()
        self._added: tuple[str, ...] = ()  # classes that were made since the data set was read
        self.touched = 0  # items changed since the model was read

    def set_dataset(self, project: "Project", registry: "Registry", dataset: "DatasetInfo", kind: Kind) -> None:
        if self._dataset is None or self._dataset.id != dataset.id:
            self._added = ()
        self._project, self._registry, self._dataset, self._kind = project, registry, dataset, kind
        self._added = tuple(name for name in self._added if name not in dataset.class_names)

    # ---- what is chosen

    @property
    def indices(self) -> Sequence[int]:
        found = self._cursor.selection.indices()
        if len(found):
            return found
        return [self._cursor.current] if self._model.count else []

    def items(self) -> "list[Item] | None":
        """Those that are chosen; ``None`` where they are too many, or not all at hand."""
        indices = self.indices
        if len(indices) > _AT_HAND:
            return None
        found = [self._model.peek(index) for index in indices]
        return None if any(item is None for item in found) else [item for item in found if item is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, with those that were just made."""
        return (*self._dataset.class_names, *self._added) if self._dataset is not None else ()

    def _read(self) -> "Callable[[], list[Item]]":
        """Reads the chosen items in a thread."""
        items = self.items()
        if items is not None:
            return lambda: items
        indices, view, project, name = self.indices, self._model.view, self._project, self._editing.name

        def read() -> "list[Item]":
            if view is None or project is None:
                return []
            every = view.ids()
            ids = [every[index] for index in indices if index < len(every)]
            parts = [project.items_of(name, ids[begin : begin + _CHUNK]) for begin in range(0, len(ids), _CHUNK)]
            return [item for part in parts for item in part]

        return read

    # ---- labels

    def type_key(self, key: str) -> None:
        place = KEYS.find(key)
        if self._kind.task == "segmentation":
            self.said.emit(NO_MASKS)
        elif self._kind.task == "regression":
            self.said.emit("Open the item (Enter) to type another number.")
        elif 0 <= place < len(self.names):
            self.relabel(self.names[place])
        elif place >= 0:
            self.said.emit(f"No {self._kind.names[0]} has the key {key.upper()}. Ctrl+L lists them all.")

    def new_class(self, name: str) -> None:
        """Makes a class and gives it to what is chosen."""
        if self._dataset is not None and name not in self.names:
            self._editing.add_class(name)
            self._added = (*self._added, name)
        self.relabel(name)

    def relabel(self, name: str) -> None:
        """One class: they are of it now. Several labels: they get it, or lose it where all have it."""
        task = self._task()
        if task is None or not len(self.indices):
            return
        if self._kind.task == "multilabel":
            self._switch(task, name)
            return
        value = task.value(name)
        items = self.items()
        self._change(
            lambda item: {"value": value, "label": name} if item.value != value else {},
            self._sentence(items, f"now {name}", f"was {items[0].label}" if items and len(items) == 1 else ""),
            again=f"{self._subject(items)} {name} already.",
        )

    def _switch(self, task: "Task", name: str) -> None:
        items = self.items()
        known = [labels_in(item.value) for item in items] if items is not None else []
        remove = bool(known) and all(name in labels for labels in known)

        def changed(item: "Item") -> dict[str, str]:
            labels = tuple(one for one in labels_in(item.value) if one != name) + (() if remove else (name,))
            value = task.value(labels)
            return {"value": value, "label": task.show(value)} if value != item.value else {}

        what = f"no longer labelled {name}" if remove else f"now labelled {name}"
        self._change(changed, self._sentence(items, what), again="", advance=False)

    def give_numbers(self, numbers: tuple[float, ...]) -> None:
        task = self._task()
        if task is None:
            return
        try:
            value = task.value(numbers)
        except StudioError as error:
            self.said.emit(str(error))
            return
        words = task.show(value)
        items = self.items()
        self._change(
            lambda item: {"value": value, "label": words} if item.value != value else {},
            self._sentence(items, f"now {words}", f"was {items[0].label}" if items and len(items) == 1 else ""),
            again=f"{self._subject(items)} {words} already.",
        )

    # ---- splits

    def exclude(self) -> None:
        """Or brings back, where all are excluded."""
        items = self.items()
        if items and all(item.split == "excluded" for item in items):
            self._bring_back(items)
            return
        self._change(
            lambda item: {"split": "excluded"} if item.split != "excluded" else {},
            self._sentence(items, "excluded: no run reads it" if items and len(items) == 1 else "excluded"),
            kind="exclude",
            again="They are excluded already.",
        )

    def bring_back(self) -> None:
        items = self.items()
        if items is None:
            self.said.emit(f"Select at most {_AT_HAND:,} {self._kind.noun[1]} to bring them back at once.")
        else:
            self._bring_back([item for item in items if item.split == "excluded"])

    def _bring_back(self, items: "list[Item]") -> None:
        ids = [item.id for item in items]
        if not ids:
            return
        editing = self._editing

        def changes() -> list[Change]:
            return [Change(identifier, split=split) for identifier, split in editing.splits_before(ids).items()]

        self.touched += len(ids)
        editing.edit(changes, self._sentence(items, "back in the split that it was in"), "restore")
        self._step(self.indices)

    def move(self, split: str) -> None:
        items = self.items()
        name = SPLIT_NAMES.get(split, split)
        self._change(
            lambda item: {"split": split} if item.split != split else {},
            self._sentence(items, f"moved to {name}"),
            kind="split",
            again=f"{self._subject(items)} in {name} already.",
            advance=False,
        )

    # ---- how it is done

    def _task(self) -> "Task | None":
        if self._registry is None or self._dataset is None:
            return None
        try:
            return task_of(self._registry, self._dataset, self._added)
        except StudioError as error:
            self.said.emit(str(error))
            return None

    def _change(
        self,
        changed: "Callable[[Item], dict[str, str]]",
        note: str,
        *,
        kind: str = "relabel",
        again: str = "",
        advance: bool = True,
    ) -> None:
        """``changed`` gives the fields of an item that become another, none where it stays."""
        indices, items, read = self.indices, self.items(), self._read()
        if items is not None:
            fields = {item.id: changed(item) for item in items}
            fields = {identifier: fresh for identifier, fresh in fields.items() if fresh}
            if not fields:
                self.said.emit(again)
            else:
                self._model.patch(fields)
                self._put(lambda: list(map(_as_change, fields.items())), note, kind, len(fields))
        else:

            def changes() -> list[Change]:
                found = ((item.id, changed(item)) for item in read())
                return [_as_change(pair) for pair in found if pair[1]]

            self._put(changes, note, kind, len(indices), again)
        if advance:
            self._step(indices)

    def _put(self, changes: Callable[[], Sequence[Change]], note: str, kind: str, count: int, again: str = "") -> None:
        self.touched += count
        self._editing.edit(changes, note, kind, again)

    def _step(self, indices: Sequence[int]) -> None:
        """The item after the last of them comes next, where there is one."""
        if len(indices) and indices[-1] + 1 < self._model.count:
            self.advance.emit(indices[-1] + 1)

    def _subject(self, items: "list[Item] | None") -> str:
        if items is not None and len(items) == 1:
            return f"{items[0].path.rpartition('/')[2]} is"
        return f"{self._kind.count(len(self.indices))} are"

    def _sentence(self, items: "list[Item] | None", what: str, was: str = "") -> str:
        """``glass_012.jpg is now plastic (was glass).``"""
        return f"{self._subject(items)} {what}{f' ({was})' if was else ''}."


def _as_change(pair: tuple[int, dict[str, str]]) -> Change:
    identifier, fields = pair
    return Change(identifier, value=fields.get("value"), split=fields.get("split"))
