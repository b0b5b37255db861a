"""Whether the files of a data set are still those that a run was planned with."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

_NAMED = 2  # of the files that a sentence is about
_PAGE = 4096
_THREADS = 4


class Recorded(NamedTuple):
    """A file as it was when it was imported; ``path`` is relative, with ``/``. Of a part of a file: ``container`` is
    that file (relative or absolute), ``bytes`` the part's size, ``mtime_ns`` the file's time.
    """

    path: str
    sha256: bytes
    bytes: int
    mtime_ns: int
    container: str = ""
    start: int = 0
    length: int = 0


def compare(root: Path, what: str, files: Iterator[Recorded]) -> list[str]:
    """Sentences about what is missing below ``root``, cannot be read, or has another content; none where all is as
    it was. ``what`` is the plural of what the files hold. Reads those whose size or time has changed.
    """
    missing = _Tally("is missing", "are missing")
    unreadable = _Tally("cannot be read", "cannot be read")
    changed = _Tally("has changed since it was imported", "have changed since they were imported")
    total = 0
    stats: dict[str, os.stat_result] = {}
    prefix = os.path.join(root, "")
    with ThreadPoolExecutor(_THREADS) as pool:
        for page in _pages(files):
            total += len(page)
            suspects = []
            for file in page:
                try:
                    stat = stats.get(file.container) or os.stat(os.path.join(prefix, file.container or file.path))
                    if file.container:
                        stats = {file.container: stat}  # its parts follow one another
                except (FileNotFoundError, NotADirectoryError):
                    missing.add(file.path)
                except OSError:
                    unreadable.add(file.path)
                else:
                    if stat.st_size < file.start + file.length or (not file.container and stat.st_size != file.bytes):
                        changed.add(file.path)
                    elif stat.st_mtime_ns != file.mtime_ns:
                        suspects.append(file)
            contents = pool.map(lambda file: _sha256(prefix, file), suspects)
            for file, found in zip(suspects, contents, strict=True):
                if found is None:
                    unreadable.add(file.path)
                elif found != file.sha256:
                    changed.add(file.path)
    return [tally.sentence(total, what) for tally in (missing, unreadable, changed) if tally.count]


class _Tally:
    """Counts files, and remembers the first of them by name."""

    def __init__(self, one: str, several: str) -> None:
        self._one, self._several = one, several
        self._named: list[str] = []
        self.count = 0

    def add(self, path: str) -> None:
        self.count += 1
        if len(self._named) < _NAMED:
            self._named.append(path)

    def sentence(self, total: int, what: str) -> str:
        rest = self.count - len(self._named)
        listed = ", ".join(self._named) + (f" and {rest:,} more" if rest else "")
        return f"{self.count:,} of {total:,} {what} {self._one if self.count == 1 else self._several}: {listed}."


def _pages(files: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    page: list[Recorded] = []
    for file in files:
        page.append(file)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _sha256(prefix: str, recorded: Recorded) -> bytes | None:
    try:
        with open(os.path.join(prefix, recorded.container or recorded.path), "rb") as file:
            if recorded.container:
                file.seek(recorded.start)
                return hashlib.sha256(file.read(recorded.length)).digest()
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
