"""``parquet``: Parquet and Arrow files, such as those of Hugging Face's ``datasets``, on the hub and saved to disk."""

import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tlstudio.api import (
    DataError,
    Declared,
    ExportItem,
    Label,
    Options,
    RawItem,
    Skipped,
    Sniffed,
)
from tlstudio.places import readable
from tlstudio_builtins.formats import parquet_writer
from tlstudio_builtins.formats.arrow_files import ENDINGS, Batches, features_of, schema_of
from tlstudio_builtins.formats.folders import NOUNS, modality_of_name, peek, subfolders
from tlstudio_builtins.formats.options import ParquetOptions
from tlstudio_builtins.formats.parquet_columns import Columns, choose
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_files import Finder

_SHOWN = 8


class Parquet:
    """A :class:`tlstudio.api.DatasetFormat` that does all that a format can do."""

    def __init__(self) -> None:
        self._options, self._task = ParquetOptions(), "auto"
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        if isinstance(options, ParquetOptions):
            self._options = options
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        try:
            files = _files(source)
            return 0.95 if files and schema_of(files[0][0]) is not None else 0.0
        except DataError:
            return 0.0

    def look(self, source: Path) -> Sniffed:
        """Raises ``DataError`` where no column can be the sample or the label; its text lists them."""
        files = _files(source)
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        columns = self._columns(source, files)
        path = files[0][0]
        names = tuple(schema_of(path).names)
        try:
            first = next(iter(Batches(path, list(names), rows=_SHOWN)), None)
            rows = first.to_pylist()[:_SHOWN] if first is not None else []
        except (DataError, UnicodeDecodeError):  # said when it is read, and the other files are read all the same
            rows = []
        return Sniffed(
            sure=sure, modality=columns.modality, task=columns.task, columns=names,
            rows=tuple(tuple(_shown(row[name]) for name in names) for row in rows),
            sentence=f"{NOUNS[columns.modality][1].capitalize()} in the column '{columns.sample}' of "
            f"{len(files)} file{'s' * (len(files) > 1)}, with {', '.join(map(repr, columns.labels))} to be learnt.",
            options={"sample_column": columns.sample, "label_columns": ", ".join(columns.labels),
                     "group_column": columns.group, "config": self._options.config},
            has_splits=len({split for _, split in files}) > 1,
        )  # fmt: skip

    def use_group_column(self, source: Path, name: str) -> bool:
        files = _files(source)
        if not files or name not in schema_of(files[0][0]).names:
            return False
        self._options = self._options.model_copy(update={"group_column": name})
        return True

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        files = _files(source, self._options.config)
        if not files:
            raise DataError(f"{readable(source)} holds no Parquet or Arrow files.")
        columns = self._columns(source, files)
        self._declared = columns.declared()
        several = len({split for _, split in files}) > 1
        for path, split in files:
            yield from self._items(path, split if several else "", columns)

    def declared(self) -> Declared:
        return self._declared

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        return parquet_writer.write(items, folder, task=task, modality=modality, class_names=class_names)

    def _columns(self, source: Path, files: Sequence[tuple[Path, str]]) -> Columns:
        path = files[0][0]
        options = self._options
        labels = [name.strip() for name in options.label_columns.split(",") if name.strip()]
        wanted = Columns(options.sample_column, tuple(labels), options.group_column, self._task, "")
        return choose(path, schema_of(path), features_of(path, source), wanted)

    def _items(self, path: Path, split: str, columns: Columns) -> Iterator[RawItem | Skipped]:
        number = 0
        finder = Finder(path.parent)
        try:
            names = schema_of(path).names
            missing = [name for name in (columns.sample, *columns.labels) if name not in names]
            if missing:
                yield Skipped(path, f"It has no column '{missing[0]}', which the other files have.")
                return
            for batch in Batches(path, names):
                for row in batch.to_pylist():
                    number += 1
                    yield self._item(path, number, split, row, columns, finder)
        except (pa.ArrowException, UnicodeDecodeError, DataError) as error:
            text = " ".join(str(error).split()).rstrip(".")
            yield Skipped(path, f"It cannot be read after row {number:,}; the rest is left out: {text}.")

    def _item(
        self, path: Path, number: int, split: str, row: dict[str, Any], columns: Columns, finder: Finder
    ) -> RawItem | Skipped:
        where = f"row {number} of {readable(path.name)}"
        try:
            label: Label = columns.label(row)
        except DataError as error:
            return Skipped(path, f"{str(error).rstrip('.')} in {where}.")
        group = str(row.get(columns.group) or "") if columns.group else ""
        used = {columns.sample, columns.group, *columns.labels}
        plain = str | int | float | datetime.date
        meta = tuple((k, _shown(v)) for k, v in row.items() if k not in used and isinstance(v, plain))
        common: dict[str, Any] = {"label": label, "split": split, "group": group, "meta": meta}
        sample = row[columns.sample]
        if columns.modality == "text":
            if not isinstance(sample, str) or not sample.strip():
                return Skipped(path, f"There is no text in {where}.")
            return RawItem(path, member=f"row {number}", text=sample, **common)
        content, name = (sample.get("bytes"), sample.get("path")) if isinstance(sample, dict) else (sample, "")
        if isinstance(content, bytes) and content:
            suffix = Path(name).suffix if name and modality_of_name(name) == columns.modality else ""
            return RawItem(path, member=f"row {number}{suffix}", content=content, **common)
        found = finder.find(name) if isinstance(name, str) and name and ".." not in name else None
        if found is None:
            return Skipped(path, f"There is neither content nor a file in {where}.")
        return RawItem(found, **common)


def _files(source: Path, config: str = "") -> list[tuple[Path, str]]:
    """The data files with their splits, by the names of files and folders. One configuration, where there are some."""
    if source.is_file():
        return [(source, "")] if source.suffix.lower() in ENDINGS else []
    if not source.is_dir():
        return []
    found: dict[str, list[tuple[Path, str]]] = {}
    waiting = [source]
    while waiting:
        folder = waiting.pop()
        for entry in peek(folder):
            path = Path(entry.path)
            if entry.is_file() and path.suffix.lower() in ENDINGS and not entry.name.startswith("cache-"):
                found.setdefault(_config(path, source), []).append((path, _split(path, source)))
        if len(folder.relative_to(source).parts) < 3:
            waiting += reversed(subfolders(folder))
    if config and config not in found:
        known = ", ".join(sorted(found))
        raise DataError(f"{readable(source)} has no part '{config}'; its parts are {known}.")
    return found.get(config or next(iter(sorted(found)), ""), [])


def _words(path: Path, source: Path) -> list[str]:
    return list(path.relative_to(source).with_suffix("").parts)


def _split(path: Path, source: Path) -> str:
    words = [word for part in reversed(_words(path, source)) for word in re.split(r"[^a-z]+", part.lower())]
    return next((SPELLINGS[word] for word in words if word in SPELLINGS), "")


def _config(path: Path, source: Path) -> str:
    """A folder's name that is neither that of a split nor the usual ``data``."""
    parts = _words(path, source)[:-1]
    return "/".join(part for part in parts if part.lower() not in ("data", *SPELLINGS))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("path") or f"{len(value.get('bytes') or b''):,} bytes"
    if isinstance(value, bytes):
        value = f"{len(value):,} bytes"
    text = str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
