"""Writes a data set as a table with its files beside it: CSV or JSON lines."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api import DataError, ExportItem, Mask, TaskInfo
from tlstudio.places import readable
from tlstudio_builtins.formats.writing import copy_item, mask_bytes, text_of

FILES, MASKS = "files", "masks"


def write(
    items: Iterator[ExportItem], folder: Path, info: TaskInfo, task: str, modality: str, kind: str
) -> Iterator[int]:
    """``kind``: csv or jsonl. Columns: file (or text), what is learnt, split, group, and ``meta.`` with what more is
    known. Raises ``DataError``.
    """
    names = _label_names(info, task, kind)
    path = folder / ("data.jsonl" if kind == "jsonl" else "data.csv")
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = _Lines(stream) if kind == "jsonl" else _Rows(stream)
            for count, item in enumerate(items, 1):
                sample = {"text": text_of(item)} if modality == "text" else {"file": _copied(item, folder)}
                learnt = _learnt(item, task, names, kind, folder)
                rest = {"split": item.split, "group": item.group}
                table.write({**sample, **learnt, **rest}, {f"meta.{k}": v for k, v in item.meta})
                yield count
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be written: {error.strerror}. Check the folder.") from error


def _copied(item: ExportItem, folder: Path) -> str:
    return copy_item(item, folder / FILES).relative_to(folder).as_posix()


def _label_names(info: TaskInfo, task: str, kind: str) -> tuple[str, ...]:
    """The columns of what is learnt."""
    if task == "regression":
        return info.class_names
    if task == "segmentation":
        return ("mask",)
    if task == "multilabel":
        if kind == "csv" and any("|" in name for name in info.class_names):
            raise DataError("A class has | in its name, which separates labels in a CSV. Export with the format jsonl.")
        return ("labels",) if kind == "jsonl" else ("labels|",)
    return ("label",)


def _learnt(item: ExportItem, task: str, names: tuple[str, ...], kind: str, folder: Path) -> dict[str, Any]:
    label = item.label
    if isinstance(label, Mask):
        target = folder / MASKS / f"{item.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(mask_bytes(label))
        return {names[0]: target.relative_to(folder).as_posix()}
    if task == "regression" and not isinstance(label, str):
        return dict(zip(names, label, strict=True))
    if task == "multilabel" and not isinstance(label, str):
        return {names[0]: list(label) if kind == "jsonl" else "|".join(map(str, label))}
    return {names[0]: label}


class _Lines:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, row: dict[str, Any], meta: dict[str, str]) -> None:
        self._stream.write(json.dumps({**row, **meta}, ensure_ascii=False) + "\n")


class _Rows:
    """The columns are those of the first item; what others know besides is left out."""

    def __init__(self, stream: Any) -> None:
        self._writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC)
        self._header: list[str] = []

    def write(self, row: dict[str, Any], meta: dict[str, str]) -> None:
        row = {**row, **meta}
        if not self._header:
            self._header = list(row)
            self._writer.writerow(self._header)
        self._writer.writerow([repr(v) if isinstance(v := row.get(k, ""), float) else v for k in self._header])
