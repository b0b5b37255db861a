"""Samples that are no files of their own (texts of a table, pictures of a Parquet file), kept in the project."""

from types import TracebackType
from typing import IO

from tlstudio.project.staging import Staging

_MOST_BYTES = 1 << 28  # a file


class Keeper:
    """Appends samples to files of the import's folder. A context manager: what it wrote is read after its end."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._files: dict[str, tuple[IO[bytes], str, int]] = {}  # by kind: the file, its container and its number

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file, _, _ in self._files.values():
            file.close()

    def keep(self, content: bytes, kind: str = "samples") -> tuple[str, int, int]:
        """Container, offset and length of what was written. ``content`` holds at least one byte."""
        file, container, number = self._files.get(kind) or self._begin(kind, 1)
        offset = file.tell()
        if offset and offset + len(content) > _MOST_BYTES:
            file.close()
            file, container, number = self._begin(kind, number + 1)
            offset = 0
        file.write(content)
        return container, offset, len(content)

    def _begin(self, kind: str, number: int) -> tuple[IO[bytes], str, int]:
        path = self._staging.folder / f"{kind}-{number:04d}.bin"
        self._files[kind] = (path.open("wb"), self._staging.kept(path), number)
        return self._files[kind]
