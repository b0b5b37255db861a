"""Reading tables of any usual encoding and delimiter as rows of named columns."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlstudio.api import DataError
from tlstudio_builtins.formats.folders import printable

_DELIMITERS = ",;\t|"


def encoding_of(path: Path) -> str:
    """utf-8-sig, utf-16 or, where it is neither, latin-1, which takes any byte. Raises ``OSError``."""
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
            return "latin-1"
    return "utf-8-sig"


def normalised(name: str) -> str:
    """How column names are compared: without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def column(header: Sequence[str], names: Sequence[str]) -> int:
    """The column that is called as one of ``names`` (in that order of preference), or -1."""
    folded = [normalised(name) for name in header]
    return next((folded.index(name) for name in names if name in folded), -1)


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Streams (line in the file from 1, fields), the header first, empty lines left out.

    Raises :class:`DataError` where the file cannot be read as a table.
    """
    try:
        encoding = encoding_of(path)
        with path.open(encoding=encoding, newline="") as stream:
            delimiter = _delimiter(stream.readline())
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            line = 1
            try:
                for fields in reader:
                    if any(field.strip() for field in fields):
                        yield line, [field.strip() for field in fields]
                    line = reader.line_num + 1
            except (csv.Error, UnicodeError) as error:
                raise DataError(
                    f"Row {line} of {printable(path)} cannot be read as a table: {error}. Save the table as "
                    "CSV in "
                    f"UTF-8 and import it again."
                ) from error
    except OSError as error:
        raise DataError(f"The table {printable(path)} cannot be read: {error.strerror}.") from error


def _delimiter(header: str) -> str:
    counts = {delimiter: len(next(csv.reader([header], delimiter=delimiter), [])) for delimiter in _DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])
