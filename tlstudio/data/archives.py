"""ZIP and tar archives, unpacked as what they are: files of strangers.

Nothing is written outside the folder, no link or device is made, and what would fill the disk is given up early. The
folder appears when all of it is there: of an archive that is cut off nothing is kept.
"""

import contextlib
import dataclasses
import errno
import os
import re
import shutil
import time
import zlib
from collections.abc import Generator, Iterator
from lzma import LZMAError
from pathlib import Path
from typing import IO

from tlstudio.api.dataset_format import Skipped
from tlstudio.api.errors import DataError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.data.archive_readers import Damaged, Member, Odd, members
from tlstudio.places import readable

_ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_BLOCK = 1 << 18
_TOLD_EVERY = 0.2  # seconds
_SPARE = 64 << 20  # bytes left free on the disk


@dataclasses.dataclass(frozen=True)
class Limits:
    """``size_bytes`` of all files together; ``files``: how many; ``ratio``: how often larger than the archive its
    content may be, once it is larger than ``free_bytes``.
    """

    size_bytes: int = 500 << 30
    files: int = 5_000_000
    ratio: int = 200
    free_bytes: int = 256 << 20


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """``folder`` as asked for; ``source``: where the data begin in it (archives often hold one folder with all)."""

    folder: Path
    source: Path
    files: int
    size_bytes: int
    skipped: list[Skipped]


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive; what it holds is seen when it is unpacked."""
    return path.name.lower().endswith(_ENDINGS) and path.is_file()


def unpack(
    archive: Path, folder: Path, control: Control, limits: Limits | None = None
) -> Generator[Event, None, Unpacked]:
    """Unpacks into the new folder ``folder`` (an empty one may be there).

    Members that are no plain files, or that would lie outside, are left out and listed. Raises ``DataError`` where
    the archive is damaged, cut off, encrypted as a whole or beyond the limits, and ``StoppedByUser``; ``folder`` is
    then as it was.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{readable(folder)} cannot take the content of {archive.name}: it holds something already.")
    working = folder.with_name(f".{folder.name}.unpacking-{os.getpid()}")
    try:
        working.mkdir(parents=True)
        files, size, skipped = yield from _unpack(archive, working, control, limits or Limits())
        if not files:
            reasons = " ".join(f"{readable(s.path)}: {s.reason}" for s in skipped[:3])
            raise DataError(f"The archive {readable(archive)} holds no file that can be used. {reasons}".strip())
        if folder.exists():
            folder.rmdir()
        working.rename(folder)
    except Damaged as error:
        raise DataError(
            f"The archive {readable(archive)} cannot be unpacked: {error}. Nothing of it was kept; fetch it once more."
        ) from error
    except OSError as error:
        full = error.errno == errno.ENOSPC
        way = "Free some space and try again." if full else "Check the folder and your rights."
        reason = error.strerror or error
        raise DataError(f"The archive {readable(archive)} could not be unpacked: {reason}. {way}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)  # what was written here and nothing else
    return Unpacked(folder, _top(folder), files, size, skipped)


def _unpack(
    archive: Path, working: Path, control: Control, limits: Limits
) -> Generator[Event, None, tuple[int, int, list[Skipped]]]:
    budget = _Budget(archive, working, limits)
    skipped: list[Skipped] = []
    began, told = time.monotonic(), 0.0
    with contextlib.closing(_guarded(members(archive, budget.spent))) as entries:
        for entry in entries:
            control.raise_if_stopped()
            if isinstance(entry, Odd):
                skipped.append(_left_out(archive, entry.name, entry.reason))
                continue
            parts, reason = safe_parts(entry.name)
            if reason:
                skipped.append(_left_out(archive, entry.name, reason))
                continue
            budget.count(entry)
            reason = ""
            for _ in _write(entry, working, parts, budget, control):
                now = time.monotonic()
                if now - told > _TOLD_EVERY:
                    told = now
                    left = (now - began) / max(entry.position, 1) * (budget.archive_bytes - entry.position)
                    yield Progress(
                        done=entry.position, total=budget.archive_bytes, unit="bytes",
                        text=f"Unpacking {archive.name}", eta=round(left, 1),
                    )  # fmt: skip
            if entry.failed:
                skipped.append(_left_out(archive, entry.name, entry.failed))
                budget.files -= 1
    return budget.files, budget.written, skipped


def _write(
    entry: Member, working: Path, parts: tuple[str, ...], budget: "_Budget", control: Control
) -> Generator[None, None, None]:
    """Writes one member, a pause after each block. What goes wrong with it alone is noted in ``entry.failed``."""
    path = working.joinpath(*parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("xb")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        twice = isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError)
        entry.failed = (
            "The archive holds another file of this name before it." if twice
            else f"It cannot be written under this name: {error.strerror}."
        )  # fmt: skip
        return
    written = 0
    try:
        with target, entry.open() as stream:
            while block := _read(stream):
                control.raise_if_stopped()
                budget.spend(len(block))
                target.write(block)
                written += len(block)
                yield
        if entry.size >= 0 and written != entry.size:
            raise Damaged("it ends too early")
    except Odd as error:
        entry.failed = error.reason
        budget.written -= written
        path.unlink()


def _read(stream: IO[bytes]) -> bytes:
    return stream.read(_BLOCK)


class _Budget:
    """Counts what is written, and ends the work where it becomes too much."""

    def __init__(self, archive: Path, folder: Path, limits: Limits) -> None:
        self._archive, self._folder, self._limits = archive, folder, limits
        self.archive_bytes = archive.stat().st_size
        self.written = self.files = 0
        self._checked = -1

    def count(self, entry: Member) -> None:
        self.files += 1
        if self.files > self._limits.files:
            self._give_up(f"it holds more than {self._limits.files:,} files, which is the limit")

    def spend(self, count: int) -> None:
        self.written += count
        self.spent(self.written)
        if self.written >> 26 > self._checked:  # each 64 MiB
            self._checked = self.written >> 26
            free = shutil.disk_usage(self._folder).free
            if free < _SPARE:
                self._give_up(f"the disk of {self._folder.parent} has {free / 1e6:.0f} MB left")

    def spent(self, count: int) -> None:
        """``count`` bytes in all have come out of the archive."""
        limits = self._limits
        if count > limits.size_bytes:
            self._give_up(f"its content is larger than {limits.size_bytes / 1e9:,.1f} GB, which is the limit")
        if count > limits.free_bytes and count > limits.ratio * self.archive_bytes:
            self._give_up(
                f"its content is more than {limits.ratio} times as large as the archive, which no data set needs"
            )

    def _give_up(self, why: str) -> None:
        raise DataError(f"The archive {readable(self._archive)} is not unpacked: {why}. Nothing of it was kept.")


def safe_parts(name: str) -> tuple[tuple[str, ...], str]:
    """The folders and the file name of a member, or why it is left out (a sentence)."""
    if "\0" in name:
        return (), "Its name holds a NUL."
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return (), "Its path is absolute, so it would lie outside the folder."
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        return (), "Its path leads outside the folder."
    if not parts:
        return (), "It has no name."
    if os.sep != "/" and any(re.search(r'[<>:"|?*\\]', part) for part in parts):  # pragma: no cover - Windows
        return (), "Its name cannot be used on this system."
    return parts, ""


def _guarded(entries: Iterator[Member | Odd]) -> Generator[Member | Odd, None, None]:
    """Whatever the readers of the standard library raise for a damaged archive, as :class:`Damaged`."""
    try:
        yield from entries
    except (EOFError, zlib.error, LZMAError, ValueError, NotImplementedError) as error:
        raise Damaged(f"it is damaged or cut off ({' '.join(str(error).split()).rstrip('.')})") from error


def _top(folder: Path) -> Path:
    """Through folders that hold one folder and nothing else."""
    for _ in range(8):
        entries = [e for e in folder.iterdir() if not e.name.startswith(".") and e.name != "__MACOSX"]
        if len(entries) != 1 or not entries[0].is_dir():
            break
        folder = entries[0]
    return folder


def _left_out(archive: Path, name: str, reason: str) -> Skipped:
    parts, unsafe = safe_parts(name)
    if unsafe:
        return Skipped(archive, f"Its member '{readable(name)[:200]}' is left out. {reason}".replace("\0", "?"))
    return Skipped(archive.joinpath(*parts), reason)
