"""``csv`` and ``jsonl``: tables that name each sample, or hold the texts themselves, with what is to be learnt."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from tlstudio.api import (
    DataError,
    Declared,
    ExportItem,
    Label,
    Mask,
    Options,
    RawItem,
    Skipped,
    Sniffed,
    TaskInfo,
)
from tlstudio.places import readable
from tlstudio_builtins.formats import table_writer
from tlstudio_builtins.formats.csv_text import Problem, normalised
from tlstudio_builtins.formats.folders import NOUNS, holds_samples, modality_of_name, subfolders, why_not
from tlstudio_builtins.formats.json_lines import Cell
from tlstudio_builtins.formats.masks import MaskValues
from tlstudio_builtins.formats.options import TableOptions
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_columns import Columns, columns_of
from tlstudio_builtins.formats.table_files import Finder
from tlstudio_builtins.formats.table_names import GROUP
from tlstudio_builtins.formats.table_source import LINES, TABLES, Table, find_table

_PREVIEWED = 12
_LONGEST_LABEL = 300


class CsvTable:
    """A :class:`tlstudio.api.DatasetFormat` that does all that a format can do."""

    endings: ClassVar[tuple[str, ...]] = TABLES
    kind: ClassVar[str] = "csv"

    def __init__(self) -> None:
        self._options, self._task = TableOptions(), "auto"
        self._group_names: Sequence[str] = GROUP
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        if isinstance(options, TableOptions):
            self._options = options
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        try:
            path = find_table(source, self.endings)
            if source.is_file():
                return 0.95 if path.suffix.lower() != ".txt" else 0.4
            columns = self._columns(Table(path, self._options.header), Finder(path.parent))
        except DataError:
            return 0.0
        # A table beside class folders may be about something else; one that names masks is what lists them.
        beside = columns.mask < 0 and sum(map(holds_samples, subfolders(source)[:50])) > 1
        return 0.6 if beside else 0.85

    def look(self, source: Path) -> Sniffed:
        """Raises ``DataError`` where the table's columns cannot be understood; its text then lists them."""
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        table, columns, modality = self._open(source)
        rows = tuple(tuple(_short(cell) for cell in cells) for cells in table.sample[:_PREVIEWED])
        learnt = [table.header[p] for p in (*columns.labels, *columns.numbers, columns.mask) if p >= 0]
        where = "text" if columns.file < 0 else "file"
        samples = table.header[columns.file if columns.file >= 0 else columns.text]
        return Sniffed(
            sure=sure, modality=modality, task=columns.task, columns=tuple(table.header), rows=rows,
            sentence=f"A table of {NOUNS[modality][1]}: '{samples}' is the {where}, and {_listed(learnt)} what is "
            f"learnt of it.",
            options={**columns.spelled(table.header), "header": "yes" if table.named else "no"},
            has_splits=columns.split >= 0,
        )  # fmt: skip

    def use_group_column(self, source: Path, name: str) -> bool:
        """Keeps rows with the same value in the column ``name`` together; false where there is none."""
        header = Table(find_table(source, self.endings), self._options.header).header
        if normalised(name) not in [normalised(title) for title in header]:
            return False
        self._group_names = (normalised(name),)
        self._options = self._options.model_copy(update={"group_column": ""})
        return True

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        table, columns, modality = self._open(source)
        self._declared = _names(table, columns)
        reader = _RowReader(table, columns, modality)
        for number, cells in table.rows():
            yield reader.item(number, cells)
        if columns.task == "segmentation":
            self._declared = reader.masks.declared(self._declared.class_names)

    def declared(self) -> Declared:
        return self._declared

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        return table_writer.write(items, folder, TaskInfo(class_names=class_names), task, modality, self.kind)

    def _open(self, source: Path) -> tuple[Table, Columns, str]:
        table = Table(find_table(source, self.endings), self._options.header)
        finder = Finder(table.path.parent)
        columns = self._columns(table, finder)
        modality = "text"
        if columns.file >= 0:
            names = table.values(columns.file)
            kinds = [kind for name in names if (kind := modality_of_name(name) or modality_of_name(finder.name(name)))]
            modality = max(kinds, key=kinds.count, default="image")
        return table, columns, modality

    def _columns(self, table: Table, finder: Finder) -> Columns:
        return columns_of(
            table, self._options, self._task, lambda name: finder.find(name) is not None, self._group_names
        )


class JsonLines(CsvTable):
    """The same with one JSON object in each line."""

    endings = LINES
    kind = "jsonl"


class _RowReader:
    """Makes an item of a row. Sentences name the row."""

    def __init__(self, table: Table, columns: Columns, modality: str) -> None:
        self._table, self._columns, self._modality = table, columns, modality
        self._finder = Finder(table.path.parent)
        self._name = readable(table.path.name)
        used = {columns.file, columns.text, columns.split, columns.group, columns.mask, columns.partner}
        used.update(columns.labels, columns.numbers)
        self._meta = [(p, name.removeprefix("meta.")) for p, name in enumerate(table.header) if p not in used]
        self.masks = MaskValues()
        self._label: Callable[[Sequence[Cell]], Label] = {
            "classification": self._class, "multilabel": self._several, "regression": self._numbers,
            "segmentation": self._mask,
        }[columns.task]  # fmt: skip

    def item(self, number: int, cells: Sequence[Cell] | Problem) -> RawItem | Skipped:
        table, columns = self._table, self._columns
        row = f"row {number} of {self._name}"
        if isinstance(cells, Problem):
            return Skipped(table.path, f"R{row[1:]} {cells}, so it is left out.")
        path, text, member = table.path, None, ""
        if columns.file >= 0:
            name = _text(cells[columns.file])
            if not name:
                return Skipped(path, f"R{row[1:]} names no file.")
            found = self._finder.find(name)
            if found is None:
                lost = path.parent / name.replace("\x00", "")[:300]
                return Skipped(lost, f"There is no such file; it is named in {row}.")
            if reason := why_not(found.name, self._modality):
                return Skipped(found, f"{reason[:-1]} ({row}).")
            path = found
        else:
            cell = cells[columns.text]
            text, member = cell if isinstance(cell, str) else " ".join(cell), f"row {number}"
            if not text.strip():
                return Skipped(path, f"R{row[1:]} has no text.")
        split = _text(cells[columns.split]) if columns.split >= 0 else ""
        if split and split.lower() not in SPELLINGS:
            return Skipped(path, f"Its split is '{split[:60]}' in {row}, which is none of train, val and test.")
        try:
            label = self._label(cells)
        except DataError as error:
            return Skipped(path, f"{str(error).rstrip('.')} in {row}.")
        group = _text(cells[columns.group]) if columns.group >= 0 else ""
        partner = self._finder.find(_text(cells[columns.partner])) if columns.partner >= 0 else None
        return RawItem(
            path, label, SPELLINGS.get(split.lower(), ""), group, member=member, text=text, meta=self._metas(cells),
            partner=partner,
        )  # fmt: skip

    def _metas(self, cells: Sequence[Cell]) -> tuple[tuple[str, str], ...]:
        meta = [(name, _text(cells[p])[:500]) for p, name in self._meta if cells[p]]
        columns = self._columns
        if columns.file >= 0 and columns.text >= 0:
            meta.append((self._table.header[columns.text], _text(cells[columns.text])[:2000]))
        if columns.time >= 0 and self._table.header[columns.time] != "time":
            meta.append(("time", _text(cells[columns.time])[:100]))
        return tuple(meta)

    def _class(self, cells: Sequence[Cell]) -> Label:
        label = _text(cells[self._columns.labels[0]])
        if not label:
            raise DataError("It has no label.")
        return _checked(label)

    def _several(self, cells: Sequence[Cell]) -> Label:
        labels = self._columns.labels
        if len(labels) > 1:
            return tuple(self._table.header[p] for p in labels if _mark(_text(cells[p]), self._table.header[p]))
        cell = cells[labels[0]]
        if isinstance(cell, str):
            cell = tuple(cell.split(self._columns.separator)) if self._columns.separator else (cell,)
        return tuple(dict.fromkeys(_checked(name) for part in cell if (name := part.strip())))

    def _numbers(self, cells: Sequence[Cell]) -> Label:
        return tuple(_number(_text(cells[p]), self._table.header[p]) for p in self._columns.numbers)

    def _mask(self, cells: Sequence[Cell]) -> Label:
        name = _text(cells[self._columns.mask])
        found = self._finder.find(name) if name else None
        if found is None:
            raise DataError(f"Its mask '{readable(name)[:200]}' does not exist." if name else "It has no mask.")
        return self.masks.mask(Mask(found))


def _names(table: Table, columns: Columns) -> Declared:
    if columns.task == "regression":
        return Declared(tuple(table.header[p] for p in columns.numbers))
    if columns.task == "multilabel" and len(columns.labels) > 1:
        return Declared(tuple(table.header[p] for p in columns.labels))
    return Declared()


def _text(cell: Cell) -> str:
    return (cell if isinstance(cell, str) else "|".join(cell)).strip()


def _checked(label: str) -> str:
    if len(label) > _LONGEST_LABEL:
        raise DataError(f"Its label is {len(label):,} characters long, which no class is called.")
    return label


def _mark(text: str, name: str) -> bool:
    folded = text.lower()
    if folded in ("1", "1.0", "true", "yes", "x", "y"):
        return True
    if folded in ("", "0", "0.0", "false", "no", "n", "-1", "-1.0"):
        return False
    raise DataError(f"The column '{name}' holds '{text[:60]}', where 0 or 1 is needed.")


def _number(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = f"'{text[:60]}'" if text else "nothing"
        raise DataError(f"The column '{name}' holds {what}, where a number is needed.")
    return number


def _short(cell: Cell) -> str:
    text = _text(cell)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
