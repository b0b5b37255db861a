"""``cifar``: CIFAR-10 and CIFAR-100 in their binary version. Each picture becomes a PNG."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tlstudio.api import DataError, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import listing
from tlstudio_builtins.formats.masks import png

_SIDE = 32
_NAMES = {"batches.meta.txt": 1, "fine_label_names.txt": 2}
"""The file with the classes' names, and how many bytes of labels stand before each picture; the last is meant."""


class Cifar:
    """A :class:`tlstudio.api.DatasetFormat` that looks."""

    def sniff(self, source: Path) -> float:
        return 0.96 if source.is_dir() and _names_file(source) and _files(source) else 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        files = _files(source) if sure else []
        return Sniffed(
            sure=sure, columns=("file", "bytes"), rows=tuple((p.name, f"{p.stat().st_size:,}") for p in files),
            sentence="Pictures of 32 x 32 pixels in CIFAR's binary files." if sure else "", has_splits=bool(files),
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        names_file = _names_file(source) if source.is_dir() else None
        if names_file is None or not _files(source):
            raise DataError(f"{readable(source)} holds no CIFAR files in their binary version (with names and .bin).")
        lines = names_file.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.strip() for line in lines if line.strip()]
        labels = _NAMES[names_file.name]
        for path in _files(source):
            yield from self._items(path, names, labels)

    def _items(self, path: Path, names: list[str], labels: int) -> Iterator[RawItem | Skipped]:
        split = "test" if path.name.startswith("test") else "train"
        size = labels + 3 * _SIDE * _SIDE
        with path.open("rb") as stream:
            number = 0
            while record := stream.read(size):
                if len(record) < size:
                    yield Skipped(path, f"It is cut off at picture {number:,}; the rest is left out.")
                    return
                label = record[labels - 1]
                if label >= len(names):
                    yield Skipped(path, f"Picture {number:,} has the class {label}, and there are {len(names)}.")
                else:
                    pixels = np.frombuffer(record, np.uint8, offset=labels).reshape(3, _SIDE, _SIDE)
                    content = png(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
                    yield RawItem(path, names[label], split, member=f"{number:05d}", content=content)
                number += 1


def _names_file(source: Path) -> Path | None:
    return next((path for name in _NAMES if (path := source / name).is_file()), None)


def _files(source: Path) -> list[Path]:
    return [Path(e.path) for e in listing(source) if e.name.endswith(".bin") and e.is_file()]
