"""Reading JSON lines as rows of named columns."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api import DataError
from tlstudio.places import readable
from tlstudio_builtins.formats.csv_text import LONGEST, Problem, lines_of

Cell = str | tuple[str, ...]
"""What stands in one column of a row; a JSON list is a tuple."""
_LOOKED_AT = 200  # rows for the names of the columns


def rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[Cell] | Problem]]]:
    """The columns (keys of the first rows, in their order) and the rows. Raises ``DataError``."""
    objects = _objects(path)
    first = list(itertools.islice(objects, _LOOKED_AT))
    header: dict[str, None] = {}
    for _, entry in first:
        if not isinstance(entry, Problem):
            header.update(dict.fromkeys(entry))
    if not header:
        raise DataError(f"The table {readable(path)} holds no JSON object in its first {_LOOKED_AT} lines.")
    names = list(header)
    return names, (
        (number, entry if isinstance(entry, Problem) else [_cell(entry.get(name)) for name in names])
        for number, entry in itertools.chain(first, objects)
    )


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | Problem]]:
    for number, line in lines_of(path):
        if not line.strip():
            continue
        if len(line) > LONGEST:
            yield number, Problem(f"is longer than {LONGEST:,} characters")
        elif "\udfff" in line:
            yield number, Problem("holds bytes that are not in the encoding of the rest of the table")
        else:
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | Problem:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Problem(f"is no JSON: {getattr(error, 'msg', 'it is nested too deep')}")
    if not isinstance(entry, dict):
        return Problem("is no JSON object, which begins with { and names its columns")
    if any("\0" in str(value) for value in entry.values()):
        return Problem("holds a NUL")
    return entry


def _cell(value: Any) -> Cell:
    if value is None:
        return ""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return tuple(c if isinstance(c := _cell(part), str) else json.dumps(part) for part in value)
    return repr(value) if isinstance(value, int | float) else _text(json.dumps(value, ensure_ascii=False))


def _text(value: str) -> str:
    """JSON can spell halves of characters, which no file can hold."""
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
