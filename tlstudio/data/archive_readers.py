"""The members of ZIP and tar archives, one after the other, read once from front to back."""

import bz2
import dataclasses
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

_LARGEST_READ = 8 << 20  # bytes at once; a header that asks for more is no header
_SKIPPED_AT_ONCE = 1 << 20


class Damaged(Exception):
    """The archive as a whole cannot be used. The text goes on after a colon."""


class Odd(Exception):
    """One member that is left out: no plain file, encrypted, or damaged alone. ``reason`` is a sentence."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name, self.reason = name, reason


@dataclasses.dataclass
class Member:
    """``size`` in bytes, -1 where it is not known; ``position`` in the archive, in bytes; ``offset``: where its content
    begins in the archive's file, -1 where it is compressed; ``failed``: why it was left out after all.
    """

    name: str
    size: int
    position: int
    open: Callable[[], Any]
    failed: str = ""
    offset: int = -1


def members(archive: Path, spent: Callable[[int], None]) -> Iterator[Member | Odd]:
    """Plain files, and what is left out. ``spent`` is told how many bytes were decompressed, and may raise.

    Each member is read, or left alone, before the next one is asked for. Raises :class:`Damaged`, and what the
    readers of the standard library raise.
    """
    with archive.open("rb") as file:
        start = file.read(4)
    return _zip_members(archive) if start[:2] == b"PK" else _tar_members(archive, spent)


def _zip_members(archive: Path) -> Iterator[Member | Odd]:
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise Damaged("it is damaged or cut off: the list of its files is missing") from error
    with opened:
        position = 0
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            name = info.filename.replace("\\", "/")
            position += info.compress_size
            if name.endswith("/") or kind == stat.S_IFDIR:
                continue
            if info.flag_bits & 0x1:
                yield Odd(name, "It is encrypted; unpack the archive with its password first.")
            elif kind not in (0, stat.S_IFREG):
                yield Odd(name, "It is a link or a device, which is not unpacked.")
            else:
                yield Member(name, -1, position, _opener(opened, info, name))


def _opener(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Callable[[], "_ZipStream"]:
    return lambda: _ZipStream(opened, info, name)


class _ZipStream:
    """A member of a ZIP; damage in it concerns it alone."""

    def __init__(self, opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
        self._name = name
        try:
            self._stream: IO[bytes] = opened.open(info)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
            raise Odd(name, f"It cannot be unpacked: {_text(error)}.") from error

    def read(self, count: int) -> bytes:
        try:
            return self._stream.read(count)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise Odd(self._name, f"It is damaged: {_text(error)}.") from error

    def __enter__(self) -> "_ZipStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


class _Header(tarfile.TarInfo):
    """The standard library takes a damaged header after the first for the end of the archive; here it is one."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "_Header":
        return _checked_header(super().fromtarfile, tarfile)


def _checked_header(read: Callable[[tarfile.TarFile], "_Header"], tar: Any) -> "_Header":
    try:
        return read(tar)
    except tarfile.HeaderError as error:
        if type(error).__name__ == "EmptyHeaderError":  # the file ends where a header would begin
            tar.fileobj.without_end = True
        elif type(error).__name__ != "EOFHeaderError" and tar.offset:  # not the end mark, and not the very first
            raise Damaged(f"it is damaged or cut off ({_text(error)})") from error
        raise


def _tar_members(archive: Path, spent: Callable[[int], None]) -> Iterator[Member | Odd]:
    with archive.open("rb") as file, closing(_decompressed(file)) as content:
        forward = _Forward(content, spent)
        try:
            tar = tarfile.TarFile(fileobj=forward, mode="r", tarinfo=_Header)  # type: ignore[arg-type]  # reads
        except tarfile.ReadError as error:
            raise Damaged(f"it is no ZIP or tar archive, or damaged ({_text(error)})") from error
        with tar:
            try:
                while (info := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # a million take a gigabyte
                    if info.isreg():
                        yield Member(
                            info.name, info.size, file.tell(), _tar_opener(tar, info),
                            offset=info.offset_data if content is file and not info.issparse() else -1,
                        )  # fmt: skip
                    elif not info.isdir():
                        yield Odd(info.name, "It is a link or a device, which is not unpacked.")
            except tarfile.TarError as error:
                raise Damaged(f"it is damaged or cut off ({_text(error)})") from error
        if forward.without_end and forward.position:
            yield Odd(archive.name, "The archive has no end mark; if it was cut off, what came after is missing.")


def _tar_opener(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], Any]:
    return lambda: _TarStream(tar, info)


class _TarStream:
    def __init__(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self._stream: Any = tar.extractfile(info)

    def read(self, count: int) -> bytes:
        try:
            return bytes(self._stream.read(count))
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            if isinstance(error, OSError) and error.errno and not isinstance(error, gzip.BadGzipFile):
                raise
            raise Damaged(f"it is damaged or cut off ({_text(error)})") from error

    def __enter__(self) -> "_TarStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _decompressed(file: IO[bytes]) -> Any:
    start = os.pread(file.fileno(), 6, 0) if hasattr(os, "pread") else file.read(6)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if start[:3] == b"BZh":
        return bz2.BZ2File(file)
    if start == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(file)
    return file


class _Forward:
    """A file that is read from front to back, seeks included, so that compressed data are read once."""

    def __init__(self, content: Any, spent: Callable[[int], None]) -> None:
        self._content, self._spent = content, spent
        self._last, self._again = b"", False
        self._plain = isinstance(content, io.BufferedReader)
        self.position = 0
        self.without_end = False

    def read(self, count: int) -> bytes:
        if count > _LARGEST_READ:
            raise Damaged("a header in it is larger than any header is")
        before = b""
        if self._again and count:
            before, self._again = self._last, False
        try:
            data = before + self._content.read(count - len(before))
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise Damaged(f"it is damaged or cut off ({_text(error)})") from error
        self.position += len(data)
        self._last = data[-1:] or self._last
        self._spent(self.position)
        return bytes(data)

    def tell(self) -> int:
        return self.position

    def seek(self, position: int, whence: int = 0) -> int:
        """Forwards, or one byte back."""
        if position == self.position - 1 and self._last and not self._again:
            self._again, self.position = True, position
        elif position < self.position:
            raise Damaged("its parts are not in order")
        if self._plain and position > self.position:
            self._content.seek(position)
            self.position = position
        while self.position < position:
            if not self.read(min(_SKIPPED_AT_ONCE, position - self.position)):
                break
        return self.position

    def close(self) -> None:
        """The content is closed by whoever opened it."""


def _text(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
