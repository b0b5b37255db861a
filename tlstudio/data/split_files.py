"""Splits that lists say: train.txt, val.txt and test.txt in a folder, or one table with the columns path and split."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.api.errors import DataError
from tlstudio.data.clusters import SplitItem

_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_LARGEST = 1 << 28  # bytes


def read_split_files(source: Path, items: Sequence[SplitItem]) -> list[SplitItem]:
    """The items with ``given`` as the lists say (empty where they say nothing); what is ``fixed`` stays.

    An item is named by its path, by the end of its path, or by its file name with or without its suffix, as long as
    that means one split. Raises :class:`DataError` with a sentence.
    """
    said: dict[str, str] = {}
    for name, split, where in _entries(source):
        known = _NAMES.get(split.strip().lower())
        if known is None:
            raise DataError(f"{where}: '{split}' is no split; write train, val or test.")
        if said.setdefault(_plain(name), known) != known:
            raise DataError(f"{where}: {name} is in two splits, {said[_plain(name)]} and {known}.")
    if not said:
        raise DataError(f"{source} names no items.")
    found = [item if item.fixed else item._replace(given=_look_up(said, item.path)) for item in items]
    if not any(item.given for item in found if not item.fixed):
        first = next(iter(said))
        raise DataError(
            f"None of the {len(said)} names in {source} is that of an item, the first being '{first}' where the items "
            f"are called like '{items[0].path if items else ''}'. Write their paths as the data set shows them."
        )
    return found


def _look_up(said: dict[str, str], path: str) -> str:
    parts = _plain(path).split("/")
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        stem, dot, _ = tail.rpartition(".")
        answer = said.get(tail) or (said.get(stem) if dot else None)
        if answer:
            return answer
    return ""


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")


def _entries(source: Path) -> Iterator[tuple[str, str, str]]:
    """Name, split, and where that stands."""
    if source.is_dir():
        lists = sorted(path for path in source.iterdir() if path.suffix == ".txt" and path.stem.lower() in _NAMES)
        if not lists:
            raise DataError(f"{source} holds no train.txt, val.txt and test.txt.")
        for path in lists:
            for number, line in enumerate(_text(path).splitlines(), 1):
                if line.strip():
                    yield line, path.stem, f"{path.name}, line {number}"
        return
    text = _text(source)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
    if "split" not in columns or not {"path", "file"} & columns.keys():
        raise DataError(f"{source} has no columns named path and split in its first line.")
    path_column = columns.get("path") or columns["file"]
    try:
        for row in reader:
            yield row[path_column] or "", row[columns["split"]] or "", f"{source.name}, line {reader.line_num}"
    except csv.Error as error:
        raise DataError(f"{source.name}, line {reader.line_num} cannot be read: {error}.") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} is larger than {_LARGEST >> 20} MB.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8.") from error
