"""A table on disk: CSV, TSV or JSON lines, its columns and its rows."""

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.api import DataError
from tlstudio.places import readable
from tlstudio_builtins.formats import csv_text, json_lines
from tlstudio_builtins.formats.csv_text import Problem, column
from tlstudio_builtins.formats.folders import listing, modality_of_name
from tlstudio_builtins.formats.json_lines import Cell
from tlstudio_builtins.formats.table_names import KNOWN

TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson")
_SAMPLE = 200


class Table:
    """``header``: the columns' names, made up where the table has none. Raises ``DataError``."""

    def __init__(self, path: Path, header: str = "auto") -> None:
        self.path = path
        self._json = path.suffix.lower() in LINES
        self.named = self._json or header == "yes"
        if self._json:
            self.header = json_lines.rows(path)[0]
            return
        first = next((r for _, r in itertools.islice(csv_text.rows(path), 20) if not isinstance(r, Problem)), None)
        if first is None:
            raise DataError(f"The table {readable(path)} is empty. It needs a first row with the names of its columns.")
        self.named = header == "yes" or (header == "auto" and self._names_columns(first))
        self.header = (
            [name.strip() for name in first] if self.named else [f"column {n}" for n in range(1, len(first) + 1)]
        )

    def rows(self) -> Iterator[tuple[int, list[Cell] | Problem]]:
        """(row in the file from 1, cells) without the header; what cannot be used with the reason."""
        if self._json:
            yield from json_lines.rows(self.path)[1]
            return
        width = len(self.header)
        entries = csv_text.rows(self.path)
        if self.named:
            next((r for _, r in entries if not isinstance(r, Problem)), None)
        for number, fields in entries:
            if not isinstance(fields, Problem) and len(fields) != width:
                while len(fields) > width and not fields[-1].strip():
                    fields.pop()
                if len(fields) != width:
                    yield number, Problem(f"has {len(fields)} columns where the table has {width}")
                    continue
            yield number, fields  # type: ignore[misc]  # list[str] is a list of cells

    @functools.cached_property
    def sample(self) -> list[list[Cell]]:
        """The first rows that can be read."""
        usable = (cells for _, cells in itertools.islice(self.rows(), 2 * _SAMPLE) if not isinstance(cells, Problem))
        return list(itertools.islice(usable, _SAMPLE))

    def values(self, position: int) -> list[str]:
        """What stands in a column of the sample, without what is empty; lists joined."""
        cells = [cells[position] for cells in self.sample]
        return [text for c in cells if (text := (c if isinstance(c, str) else "|".join(c)).strip())]

    def _names_columns(self, first: Sequence[str]) -> bool:
        if any(column(first, names) >= 0 for names in KNOWN):
            return True
        if any(modality_of_name(field.strip()) for field in first):
            return False
        later = [r for _, r in itertools.islice(csv_text.rows(self.path), 1, _SAMPLE) if len(r) == len(first)]
        for position, field in enumerate(first):
            values = Counter(fields[position] for fields in later)
            if values[field]:
                return False  # "ham" stands in other rows too: it is a class, no name of a column
            if values and _numbers(values) and _numbers([field]):
                return False
        return True


def _numbers(values: "Sequence[str] | Counter[str]") -> bool:
    try:
        return bool([float(value) for value in values])
    except ValueError:
        return False


def find_table(source: Path, endings: tuple[str, ...]) -> Path:
    """The table that ``source`` is, or the only one directly in it. Raises ``DataError``."""
    kind = "CSV" if endings == TABLES else "JSON lines"
    if source.is_file():
        if source.suffix.lower() in (*endings, ".txt") or (kind != "CSV" and source.suffix.lower() == ".json"):
            return source
        raise DataError(f"{readable(source)} is no {'CSV or TSV' if kind == 'CSV' else kind} file.")
    try:
        tables = [Path(e.path) for e in listing(source) if e.name.lower().endswith(endings) and e.is_file()]
    except OSError as error:
        raise DataError(f"The folder {readable(source)} cannot be read: {error.strerror}.") from error
    if len(tables) == 1:
        return tables[0]
    if not tables:
        raise DataError(f"The folder {readable(source)} holds no {kind} file that lists its samples.")
    names = ", ".join(readable(table.name) for table in tables[:10])
    raise DataError(f"The folder {readable(source)} holds several tables: {names}. Name the one that is meant.")
