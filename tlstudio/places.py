"""Where a sample lies: a file, or a range of bytes within one (a member of a tar shard, a text of a table).

A place is a string, so that whatever handles paths handles places: a path, or a path, NUL and ``offset+length``. No
file name can hold a NUL.
"""

import os
from pathlib import Path
from typing import NamedTuple

from tlstudio.api.errors import DataError


class Place(NamedTuple):
    """``length`` 0: the whole file."""

    path: str
    offset: int = 0
    length: int = 0


def place(path: str | os.PathLike[str], offset: int = 0, length: int = 0) -> str:
    return f"{os.fspath(path)}\0{offset}+{length}" if length else os.fspath(path)


def parse(text: str) -> Place:
    path, _, span = text.partition("\0")
    if not span:
        return Place(path)
    offset, _, length = span.partition("+")
    return Place(path, int(offset), int(length))


def readable(path: str | os.PathLike[str]) -> str:
    """A path, or a name, for sentences: bytes that are no UTF-8 are shown as escapes."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    """For sentences: the file and, where it is a part of one, which; bytes that are no UTF-8 as escapes."""
    path, offset, length = parse(text)
    shown = readable(path)
    return f"{shown} (bytes {offset} to {offset + length})" if length else shown


def read_bytes(text: str) -> bytes:
    """The content. Raises :class:`DataError` with a sentence where it cannot be read, or ends too early."""
    path, offset, length = parse(text)
    try:
        if not length:
            return Path(path).read_bytes()
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read(length)
    except (OSError, ValueError) as error:
        raise DataError(f"{printable(text)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(content) < length:
        raise DataError(f"{printable(text)} cannot be read: the file is shorter than it was.")
    return content
