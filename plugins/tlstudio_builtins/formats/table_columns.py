"""Which column of a table is what: as the user says, and for the rest by names and content."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from tlstudio.api import DataError
from tlstudio.places import readable
from tlstudio_builtins.formats import table_names as known
from tlstudio_builtins.formats.csv_text import column, normalised
from tlstudio_builtins.formats.folders import modality_of_name
from tlstudio_builtins.formats.options import TableOptions
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_source import Table

_SEPARATORS = "|;"


@dataclasses.dataclass(frozen=True)
class Columns:
    """Positions, -1 where there is none. ``labels``: one column, or several of 0 and 1."""

    task: str
    file: int = -1
    text: int = -1
    labels: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    mask: int = -1
    split: int = -1
    group: int = -1
    time: int = -1
    partner: int = -1
    separator: str = ""

    def spelled(self, header: Sequence[str]) -> dict[str, object]:
        """As values of :class:`TableOptions`."""

        def name(position: int) -> str:
            return header[position] if position >= 0 else ""

        return {
            "file_column": name(self.file), "text_column": name(self.text), "mask_column": name(self.mask),
            "label_columns": ", ".join(map(name, self.labels)), "number_columns": ", ".join(map(name, self.numbers)),
            "split_column": name(self.split), "group_column": name(self.group), "time_column": name(self.time),
            "partner_column": name(self.partner), "separator": self.separator,
        }  # fmt: skip


def columns_of(
    table: Table, options: TableOptions, task: str, exists: Callable[[str], bool], groups: Sequence[str]
) -> Columns:
    """``exists`` tells whether a cell names a file; ``groups``: names that a column of groups may have.

    Raises ``DataError`` where a column is not there, or none is known to hold what is needed.
    """
    chooser = _Chooser(table, options, task, exists)
    file, text = chooser.samples()
    taken = {
        "split": chooser.one(options.split_column, known.SPLIT),
        "group": chooser.one(options.group_column, groups),
        "time": chooser.one(options.time_column, ()),
        "partner": chooser.one(options.partner_column, known.PARTNER),
    }
    split = taken["split"]
    if split >= 0 and not options.split_column and normalised(table.header[split]) in known.PERHAPS_SPLIT:
        taken["split"] = split if _are_splits(table.values(split)) else -1
    task, found = chooser.labels({file, text, *taken.values()})
    return Columns(task=task, file=file, text=text, **taken, **found)  # type: ignore[arg-type]  # of these names


class _Chooser:
    def __init__(self, table: Table, options: TableOptions, task: str, exists: Callable[[str], bool]) -> None:
        self._table, self._options, self._task, self._exists = table, options, task, exists
        self._header = table.header

    def one(self, chosen: str, names: Sequence[str]) -> int:
        return self._named(chosen) if chosen else column(self._header, names)

    def samples(self) -> tuple[int, int]:
        """The columns of files and of texts, one of which is -1 (or both hold something: a file with its caption)."""
        file = self.one(self._options.file_column, known.FILE)
        text = self.one(self._options.text_column, () if file >= 0 else known.TEXT)
        if file >= 0 or text >= 0:
            return file, text
        file = column(self._header, known.PERHAPS_FILE)
        if file >= 0:
            return file, text
        for position in range(len(self._header)):
            values = self._table.values(position)[:20]
            if values and sum(bool(modality_of_name(v)) or self._exists(v) for v in values) * 2 > len(values):
                return position, text
        lengths = {p: _mean_length(self._table.values(p)) for p in range(len(self._header))}
        longest = max(lengths, key=lambda position: lengths[position], default=-1)
        if longest >= 0 and lengths[longest] >= 20 and any(" " in v for v in self._table.values(longest)):
            return -1, longest
        raise self._unknown("file names (file, filename, image or path), nor texts (text)")

    def labels(self, taken: set[int]) -> tuple[str, dict[str, object]]:
        """The task, and the fields of :class:`Columns` that say what is learnt."""
        options, task = self._options, self._task
        others = options.label_columns or options.mask_column
        if options.number_columns and (task in ("auto", "regression") or not others):
            return self._if("regression", numbers=self._several(options.number_columns))
        if options.mask_column:
            return self._if("segmentation", mask=self._named(options.mask_column))
        if options.label_columns:
            labels = self._several(options.label_columns)
            if task == "regression":
                return task, {"numbers": labels}
            return self._classes(labels)
        named = column(self._header, known.LABEL)
        mask = column(self._header, known.MASK)
        if task == "segmentation" or (task == "auto" and mask >= 0 and named < 0):
            if mask < 0:
                raise self._unknown("files of the masks (mask)")
            return "segmentation", {"mask": mask}
        free = [p for p in range(len(self._header)) if p not in taken and not self._header[p].startswith("meta.")]
        numbers = tuple(p for p in free if _is_numeric(self._table.values(p)) and p != named)
        if task == "regression" or (task == "auto" and named >= 0 and _is_measured(self._table.values(named))):
            chosen = (named,) if named >= 0 and _is_numeric(self._table.values(named)) else numbers
            if not chosen:
                raise self._unknown("numbers")
            return "regression", {"numbers": chosen}
        if named >= 0:
            return self._classes((named,))
        return self._unnamed(free, numbers)

    def _unnamed(self, free: list[int], numbers: tuple[int, ...]) -> tuple[str, dict[str, object]]:
        """No column is called as one of labels: by what stands in them."""
        marks = tuple(p for p in numbers if set(self._table.values(p)) <= {"0", "1"})
        texts = [p for p in free if p not in numbers]
        listed = [p for p in texts if self._separator(p)]
        repeated = [p for p in texts if _repeats(self._table.values(p))]
        if self._task != "classification":
            if len(marks) > 1:
                return "multilabel", {"labels": marks}
            if listed:
                return self._classes((listed[0],))
        if self._task in ("auto", "classification", "multilabel") and repeated:
            return self._classes((repeated[-1] if not self._table.named else repeated[0],))
        if self._task == "auto" and numbers and self._table.named:
            return "regression", {"numbers": numbers}
        raise self._unknown("labels (label or class)")

    def _classes(self, labels: tuple[int, ...]) -> tuple[str, dict[str, object]]:
        separator = self._options.separator or (self._separator(labels[0]) if len(labels) == 1 else "")
        several = len(labels) > 1 or bool(separator) or self._lists(labels[0])
        if self._task == "classification" and len(labels) > 1:
            raise DataError(
                f"{len(labels)} columns of {readable(self._table.path.name)} are to be labels, and a class stands in "
                f"one. Choose one of them, or the task multilabel."
            )
        task = self._task if self._task != "auto" else "multilabel" if several else "classification"
        return task, {"labels": labels, "separator": separator if task == "multilabel" else ""}

    def _lists(self, position: int) -> bool:
        return any(isinstance(cells[position], tuple) for cells in self._table.sample)

    def _separator(self, position: int) -> str:
        """What separates labels in the cells of a column; empty where each holds one."""
        name = self._header[position]
        if name[-1:] in "|;," and len(name) > 1:
            return name[-1]
        if self._lists(position):
            return ""
        values = self._table.values(position)
        folded = normalised(name)
        several = folded in known.SEVERAL or self._task == "multilabel"
        for separator in _SEPARATORS + ("," if several else ""):
            with_it = [value for value in values if separator in value]
            pieces = Counter(piece.strip() for value in values for piece in value.split(separator))
            if with_it and len(pieces) * 2 <= sum(pieces.values()):
                return separator
            if with_it and several:
                return separator
        return ""

    def _if(self, task: str, **found: object) -> tuple[str, dict[str, object]]:
        if self._task not in ("auto", task):
            raise DataError(
                f"The columns that were chosen of {readable(self._table.path.name)} are for {task}, and the task is "
                f"{self._task}. Choose the column of labels, or the task {task}."
            )
        return task, found

    def _several(self, names: str) -> tuple[int, ...]:
        if names.strip() in self._header:
            return (self._header.index(names.strip()),)
        return tuple(dict.fromkeys(self._named(name) for name in names.split(",") if name.strip()))

    def _named(self, name: str) -> int:
        if name.strip() in self._header:
            return self._header.index(name.strip())
        position = column(self._header, [normalised(name)]) if normalised(name) else -1
        if position < 0:
            raise DataError(
                f"{readable(self._table.path)} has no column '{name.strip()}'; its columns are {self._listed()}."
            )
        return position

    def _listed(self) -> str:
        more = " ..." if len(self._header) > 12 else ""
        return ", ".join(f"'{name[:40]}'" for name in self._header[:12]) + more

    def _unknown(self, what: str) -> DataError:
        return DataError(
            f"Row 1 of {readable(self._table.path)} names the columns {self._listed()}; none of them is known to hold "
            f"the {what}. Rename the column that does, or say which one it is."
        )


def _is_numeric(values: Sequence[str]) -> bool:
    try:
        return bool([float(value) for value in values])
    except ValueError:
        return False


def _is_measured(values: Sequence[str]) -> bool:
    """Numbers with fractions, too many of them to be classes."""
    return _is_numeric(values) and any(float(v) % 1 for v in values) and len(set(values)) > min(20, len(values) / 2)


def _repeats(values: Sequence[str]) -> bool:
    return 0 < len(set(values)) * 2 <= len(values) and _mean_length(values) < 60


def _mean_length(values: Sequence[str]) -> float:
    return sum(map(len, values)) / max(1, len(values))


def _are_splits(values: Sequence[str]) -> bool:
    return any(value.lower() in SPELLINGS for value in values)
