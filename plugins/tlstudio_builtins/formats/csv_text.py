"""Reading tables of any usual encoding and delimiter, row by row; a row that cannot be read does not stop the rest."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, TextIO

from tlstudio.api import DataError
from tlstudio.places import readable

_DELIMITERS = ",;\t|"
_SAMPLE = 1 << 16  # characters
LONGEST = 16 << 20
"""Characters that a row may have."""
_MOST_LINES = 1000  # that one quoted field may go over
_UNDECODABLE = "\udfff"
_QUOTE = re.compile(r'(?:^|\t)("?)[^\t]*?("?)(?=\t|\r?\n|$)')
codecs.register_error("tlstudio.mark", lambda error: (_UNDECODABLE, error.end))  # type: ignore[attr-defined]


class Problem(str):
    """Why a row cannot be read: the end of a sentence that begins with the row."""


def encoding_of(path: Path) -> str:
    """utf-8-sig, utf-16 or, where no line with accents is UTF-8, latin-1, which takes any byte. Raises ``OSError``."""
    with path.open("rb") as stream:
        start = stream.read(4096)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if start[1:200:2].count(0) > len(start[:200]) // 4:
            return "utf-16-le"
        if start[0:200:2].count(0) > len(start[:200]) // 4:
            return "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        stream.seek(0)
        try:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            stream.seek(0)
            return "utf-8-sig" if _mixed(stream) else "latin-1"
    return "utf-8-sig"


def _mixed(stream: io.BufferedReader) -> bool:
    """Whether some lines beyond ASCII are UTF-8, so that the others are the odd ones."""
    while line := stream.readline(1 << 20):
        if not line.isascii():
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                continue
            return True
    return False


def normalised(name: str) -> str:
    """How column names are compared: without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def column(header: Sequence[str], names: Sequence[str]) -> int:
    """The column that is called as one of ``names`` (in that order of preference), or -1."""
    folded = [normalised(name) for name in header]
    return next((folded.index(name) for name in names if name in folded), -1)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line with its end); what is beyond :data:`LONGEST` is cut. Raises ``DataError``."""
    try:
        with path.open(encoding=encoding_of(path), errors="tlstudio.mark", newline="") as stream:
            number = 1
            while line := _line(stream):
                yield number, line
                number += 1
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"The table {readable(path)} cannot be read: {reason}.") from error


def rows(path: Path) -> Iterator[tuple[int, list[str] | Problem]]:
    """Streams (line in the file from 1, fields), the first row first, empty lines left out.

    Raises :class:`DataError` where the file as a whole cannot be read as a table.
    """
    csv.field_size_limit(2 * LONGEST)
    feeder = _Feeder(lines_of(path))
    sample = feeder.sample()
    delimiter = _delimiter(sample, path.suffix.lower())
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter != "\t" or _quotes(sample) else csv.QUOTE_NONE
    quoted = quoting != csv.QUOTE_NONE
    while True:
        reader = csv.reader(feeder, delimiter=delimiter, skipinitialspace=quoted, strict=True, quoting=quoting)
        try:
            for fields in reader:
                number, problem = feeder.done()
                if problem or any(fields):
                    yield number, problem or fields
        except (csv.Error, _Runaway) as error:
            number, _ = feeder.again()
            unclosed = isinstance(error, _Runaway) or "unexpected end" in str(error)
            yield number, Problem("opens a quote that is not closed" if unclosed else f"is no row of a table: {error}")
            continue
        return


class _Runaway(Exception):
    """A quoted field that goes on and on."""


class _Feeder:
    """Hands lines to the parser and keeps those of the current row, so that a row that fails can be left out alone."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._waiting: list[tuple[int, str]] = []
        self._row: list[tuple[int, str]] = []
        self._length = 0

    def sample(self) -> list[str]:
        length = 0
        for number, line in self._lines:
            self._waiting.append((number, line))
            length += len(line)
            if length > _SAMPLE:
                break
        taken = [line for _, line in self._waiting]
        self._waiting.reverse()
        return taken

    def __iter__(self) -> "_Feeder":
        return self

    def __next__(self) -> str:
        entry = self._waiting.pop() if self._waiting else next(self._lines)
        self._row.append(entry)
        self._length += len(entry[1])
        if len(self._row) > 1 and (len(self._row) > _MOST_LINES or self._length > LONGEST):
            raise _Runaway
        return entry[1]

    def done(self) -> tuple[int, Problem | None]:
        """The number of the row that was read, and what is wrong with it."""
        row, self._row, length, self._length = self._row, [], self._length, 0
        if length > LONGEST:
            return row[0][0], Problem(f"is longer than {LONGEST:,} characters")
        for _, line in row:
            if not line.isascii() and _UNDECODABLE in line:
                return row[0][0], Problem("holds bytes that are not in the encoding of the rest of the table")
            if "\0" in line:
                return row[0][0], Problem("holds a NUL")
        return row[0][0], None

    def again(self) -> tuple[int, str]:
        """After a row that failed: its first line, which is dropped; those after it are read once more."""
        first, *rest = self._row
        self._waiting.extend(reversed(rest))
        self._row, self._length = [], 0
        return first


def _line(stream: TextIO) -> str:
    line = stream.readline(LONGEST + 1)
    if len(line) > LONGEST:
        rest = line
        while rest and not rest.endswith(("\n", "\r")):
            rest = stream.readline(1 << 20)
    return line


def _quotes(sample: Sequence[str]) -> bool:
    """Whether a table with tabs quotes its fields: some begin with a quote, and all of those end with one."""
    found = False
    for line in sample:
        for begin, end in _QUOTE.findall(line) if '"' in line else ():
            if begin and not end:
                return False
            found |= bool(begin)
    return found


def _delimiter(sample: Sequence[str], suffix: str) -> str:
    """What gives the first rows the same number of columns, more than one; of several the one that gives more."""
    if suffix == ".tsv" and any("\t" in line for line in sample):
        return "\t"

    def merit(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(fields) for fields in csv.reader(sample[:30], delimiter=delimiter) if fields]
        except csv.Error:
            return 0.0, 0
        first = widths[0] if widths else 0
        return (round(widths.count(first) / len(widths), 1), first) if first > 1 else (0.0, 0)

    return max(_DELIMITERS, key=merit)
