"""``csv``: a table that names each picture and its label."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.api import DataError, RawItem, Skipped
from tlstudio_builtins.formats.csv_text import column, normalised, rows
from tlstudio_builtins.formats.folders import (
    PICTURES,
    holds_pictures,
    is_picture_name,
    listing,
    printable,
    subfolders,
    why_not,
)
from tlstudio_builtins.formats.split_folders import SPELLINGS

FILE = (
    "file", "filename", "filepath", "path", "image", "imagepath", "imagefile", "imagename", "imagefilename", "img",
    "imgpath", "picture", "photo", "imageid", "id", "name",
)  # fmt: skip
LABEL = (
    "label", "labels", "class", "classname", "classlabel", "category", "target", "y", "species", "breed", "diagnosis",
    "tag",
)  # fmt: skip
SPLIT = ("split", "subset", "partition", "set", "usage")
GROUP = ("group", "groupid")
_TABLES = (".csv", ".tsv")


class CsvTable:
    """A :class:`tlstudio.api.DatasetFormat`, and :class:`tlstudio.api.GroupsByColumn`."""

    def __init__(self) -> None:
        self._group_names: Sequence[str] = GROUP

    def sniff(self, source: Path) -> float:
        try:
            table = _table(source)
            _, header = next(rows(table), (0, []))
        except DataError:
            return 0.0
        if source.is_file():
            return 0.95
        if column(header, FILE) < 0 or column(header, LABEL) < 0:
            return 0.0
        return 0.6 if sum(map(holds_pictures, subfolders(source))) > 1 else 0.85

    def use_group_column(self, source: Path, name: str) -> bool:
        """Keeps rows with the same value in the column ``name`` together; false where there is none."""
        _, header = next(rows(_table(source)), (0, []))
        if normalised(name) not in [normalised(title) for title in header]:
            return False
        self._group_names = (normalised(name),)
        return True

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        table = _table(source)
        lines = rows(table)
        _, header = next(lines, (0, []))
        file, label = self._required(table, header)
        split, group = column(header, SPLIT), column(header, self._group_names)
        finder = _Finder(table.parent)
        for line, fields in lines:
            row = f"row {line} of {printable(table.name)}"
            values = [fields[i] if 0 <= i < len(fields) else "" for i in (file, label, split, group)]
            if not values[0]:
                yield Skipped(table, f"{row[0].upper()}{row[1:]} names no file.")
                continue
            path = finder.find(values[0])
            if path is None:
                lost = table.parent / values[0].replace("\x00", "")
                yield Skipped(lost, f"There is no such file; it is named in {row}.")
            elif reason := why_not(path.name):
                yield Skipped(path, f"{reason[:-1]} ({row}).")
            elif not values[1]:
                yield Skipped(path, f"It has no label in {row}.")
            elif values[2] and values[2].lower() not in SPELLINGS:
                yield Skipped(path, f"Its split is '{values[2]}' in {row}, which is none of train, val and test.")
            else:
                yield RawItem(path, values[1], SPELLINGS.get(values[2].lower(), ""), values[3])

    def _required(self, table: Path, header: Sequence[str]) -> tuple[int, int]:
        if not header:
            raise DataError(
                f"The table {printable(table)} is empty. It needs a first row with the names of its columns."
            )
        for names, what in ((FILE, "file names (file, filename, image or path)"), (LABEL, "labels (label or class)")):
            if column(header, names) < 0:
                raise DataError(
                    f"Row 1 of {printable(table)} names the columns {', '.join(map(repr, header[:12]))}; "
                    "none of them "
                    f"is known to hold the {what}. Rename the column that does."
                )
        return column(header, FILE), column(header, LABEL)


class _Finder:
    """Finds what a row names: beside the table, or in a folder beside it, with or without its ending."""

    def __init__(self, folder: Path) -> None:
        self._folders = [os.fspath(folder), *(os.fspath(f) for f in subfolders(folder))]
        self._endings = ["", *sorted(PICTURES)]

    def find(self, name: str) -> Path | None:
        if "\x00" in name:
            return None
        for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
            for position, folder in enumerate(self._folders):
                for number, ending in enumerate(self._endings):
                    if ending and is_picture_name(spelling):
                        continue
                    path = os.path.join(folder, spelling + ending)
                    if os.path.isfile(path):
                        # The next row is most likely of the same kind, so this is where it is looked for first.
                        self._folders.insert(0, self._folders.pop(position))
                        self._endings.insert(0, self._endings.pop(number))
                        return Path(path)
        return None


def _table(source: Path) -> Path:
    if source.is_file():
        if source.suffix.lower() in (*_TABLES, ".txt"):
            return source
        raise DataError(f"{printable(source)} is no CSV or TSV file.")
    try:
        tables = [Path(e.path) for e in listing(source) if e.name.lower().endswith(_TABLES) and e.is_file()]
    except OSError as error:
        raise DataError(f"The folder {printable(source)} cannot be read: {error.strerror}.") from error
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise DataError(f"The folder {printable(source)} holds no CSV file that lists its pictures.")
    names = ", ".join(printable(table.name) for table in tables[:10])
    raise DataError(f"The folder {printable(source)} holds several tables: {names}. Name the one that is meant.")
