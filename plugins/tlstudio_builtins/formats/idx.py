"""``idx``: the files of MNIST and its kin, plain or packed with gzip. Each picture becomes a PNG."""

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from tlstudio.api import DataError, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import listing
from tlstudio_builtins.formats.masks import png
from tlstudio_builtins.formats.options import IdxOptions

_BYTES = 0x08  # the only kind of numbers that pictures and classes come as
_LARGEST_PICTURE = 1 << 26


class _Pair(NamedTuple):
    pictures: Path
    labels: Path
    split: str


class Idx:
    """A :class:`tlstudio.api.DatasetFormat` that looks and can be configured."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def configure(self, options: Options, task: str) -> None:
        if task not in ("", "auto", "classification"):
            raise DataError(f"idx files give data for classification, not for {task}.")
        if isinstance(options, IdxOptions):
            self._names = [name.strip() for name in options.class_names.split(",") if name.strip()]

    def sniff(self, source: Path) -> float:
        return 0.95 if _pairs(source) else 0.0

    def look(self, source: Path) -> Sniffed:
        pairs = _pairs(source)
        rows = []
        for pair in pairs:
            with _open(pair.pictures) as stream:
                count, *shape = _sizes(stream, pair.pictures)
            rows.append((pair.pictures.name, pair.labels.name, f"{count:,}", " x ".join(map(str, shape))))
        return Sniffed(
            sure=0.95 if pairs else 0.0, columns=("pictures", "labels", "count", "size"), rows=tuple(rows),
            sentence="Pictures and their classes in idx files, as MNIST is published." if pairs else "",
            has_splits=len(pairs) > 1,
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        pairs = _pairs(source)
        if not pairs:
            raise DataError(
                f"{readable(source)} holds no pair of idx files, named such as train-images-idx3-ubyte.gz and "
                f"train-labels-idx1-ubyte.gz."
            )
        if not self._names:
            self._names = _listed(pairs[0].pictures.parent)
        several = len({pair.split for pair in pairs}) > 1
        for pair in pairs:
            yield from self._items(pair, pair.split if several else "")

    def _items(self, pair: _Pair, split: str) -> Iterator[RawItem | Skipped]:
        path = pair.pictures
        with _open(path) as pictures, _open(pair.labels) as labels:
            count, *shape = _sizes(pictures, path)
            (known,) = _sizes(labels, pair.labels)
            if not 0 < math.prod(shape) <= _LARGEST_PICTURE or len(shape) not in (2, 3):
                raise DataError(f"{readable(path)} says that its pictures are {shape}, which no picture is.")
            if count != known:
                text = f"It holds {count:,} pictures, and {pair.labels.name} {known:,} labels; the rest is left out."
                yield Skipped(path, text)
            size = math.prod(shape)
            for number in range(min(count, known)):
                try:
                    content, label = pictures.read(size), labels.read(1)
                except (OSError, EOFError, zlib.error) as error:
                    yield Skipped(path, f"It is damaged from picture {number:,} on, which is left out: {error}.")
                    return
                if len(content) < size or not label:
                    short = path if len(content) < size else pair.labels
                    yield Skipped(short, f"It is cut off at picture {number:,} of {count:,}; the rest is left out.")
                    return
                if self._names and label[0] >= len(self._names):
                    yield Skipped(
                        path, f"Picture {number:,} has the class {label[0]}, and {len(self._names)} are named."
                    )
                    continue
                pixels = np.frombuffer(content, np.uint8).reshape(shape)
                name = self._names[label[0]] if self._names else str(label[0])
                yield RawItem(path, name, split, member=f"{number:05d}", content=png(pixels))


def _pairs(source: Path) -> list[_Pair]:
    """Files of pictures with the files of labels that are named like them. Other idx files are left alone."""
    folder = source if source.is_dir() else source.parent
    try:
        entries = [Path(e.path) for e in listing(folder) if "idx3" in e.name or "images" in e.name.lower()]
    except OSError:
        return []
    pairs = []
    for path in entries:
        labels = path.with_name(_labels_name(path.name))
        if labels == path or not labels.is_file() or (source.is_file() and source not in (path, labels)):
            continue
        if _magic(path) in (3, 4) and _magic(labels) == 1:
            name = path.name.lower()
            split = "test" if "t10k" in name or "test" in name else "val" if "val" in name else "train"
            pairs.append(_Pair(path, labels, split))
    return pairs


def _listed(folder: Path) -> list[str]:
    """The names of the classes in ``classes.txt``, where there is one."""
    path = folder / "classes.txt"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace")[: 1 << 20].splitlines()
    return [line.strip() for line in lines if line.strip()]


def _labels_name(name: str) -> str:
    for pictures, labels in (("images", "labels"), ("Images", "Labels"), ("idx3", "idx1"), ("idx4", "idx1")):
        name = name.replace(pictures, labels)
    return name


def _magic(path: Path) -> int:
    """The number of dimensions of an idx file of bytes, or 0 for other files."""
    try:
        with _open(path) as stream:
            start = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return 0
    return start[3] if len(start) == 4 and start[:3] == bytes([0, 0, _BYTES]) else 0


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]  # reads bytes


def _sizes(stream: IO[bytes], path: Path) -> list[int]:
    """How many, and of what size. Leaves the stream at the first of them."""
    try:
        start = stream.read(4)
        sizes = stream.read(4 * start[3]) if len(start) == 4 else b""
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{readable(path)} cannot be read: {error}.") from error
    if not sizes or len(sizes) < 4 * start[3]:
        raise DataError(f"{readable(path)} ends before its first item.")
    return [int(size) for size in np.frombuffer(sizes, ">u4")]
