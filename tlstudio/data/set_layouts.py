"""How the files of well-known data sets become a folder, or a table, that a format reads."""

import csv
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from tlstudio.api.errors import DataError
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.data import archives

Row = tuple[str, str, str]
"""File, label and split."""
Layout = Callable[[Sequence[Path], Path, Control], Generator[Event, None, Path]]
_PARTS = (("train", "train"), ("val", "val"), ("test", "test"))
_IMAGENETTE = {
    "n01440764": "tench", "n02102040": "English springer", "n02979186": "cassette player", "n03000684": "chain saw",
    "n03028079": "church", "n03394916": "French horn", "n03417042": "garbage truck", "n03425413": "gas pump",
    "n03445777": "golf ball", "n03888257": "parachute",
}  # fmt: skip


def _copied(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    folder.mkdir()
    for file in files:
        control.raise_if_stopped()
        shutil.copyfile(file, folder / file.name)
    yield from ()
    return folder


def _unpacked(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    """One archive; where its data begin."""
    unpacked = yield from archives.unpack(files[0], folder, control)
    return unpacked.source


def _pets(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    pictures = (yield from archives.unpack(files[0], folder / "images", control)).source
    notes = (yield from archives.unpack(files[1], folder / "annotations", control)).source

    def rows() -> Iterator[Row]:
        for name, split in (("trainval", ""), ("test", "test")):
            for line in _lines(notes / f"{name}.txt"):
                stem = line.split()[0]
                label = stem.rpartition("_")[0].replace("_", " ")
                yield f"{pictures.relative_to(folder).as_posix()}/{stem}.jpg", label, split or "train"

    return _table(folder, rows())


def _flowers(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    from scipy.io import loadmat  # reads MATLAB's format 5, which holds no code
    from scipy.io.matlab import MatReadError

    pictures = (yield from archives.unpack(files[0], folder / "images", control)).source
    try:
        labels = [int(number) for number in loadmat(files[1])["labels"].reshape(-1)]
        parts = loadmat(files[2])
        ids = {split: [int(n) for n in parts[key].reshape(-1)] for key, split in (
            ("trnid", "train"), ("valid", "val"), ("tstid", "test"))}  # fmt: skip
    except (MatReadError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise DataError(f"The labels in {files[1].parent} cannot be read: {error}.") from error
    where = pictures.relative_to(folder).as_posix()
    rows = (
        (f"{where}/image_{n:05d}.jpg", f"{labels[n - 1]:03d}", split)
        for split, numbers in ids.items()
        for n in numbers
        if 0 < n <= len(labels)
    )
    return _table(folder, rows)


def _food(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    root = (yield from archives.unpack(files[0], folder, control)).source
    rows = (
        (f"images/{line}.jpg", line.split("/")[0], split)
        for split in ("train", "test")
        for line in _lines(root / "meta" / f"{split}.txt")
    )
    return _table(root, rows)


def _textures(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    root = (yield from archives.unpack(files[0], folder, control)).source
    rows = (
        (f"images/{line}", line.split("/")[0], split)
        for part, split in _PARTS
        for line in _lines(root / "labels" / f"{part}1.txt")
    )
    return _table(root, rows)


def _aircraft(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    root = (yield from archives.unpack(files[0], folder, control)).source
    root = root / "data" if (root / "data").is_dir() else root

    def rows() -> Iterator[Row]:
        for part, split in _PARTS:
            for line in _lines(root / f"images_variant_{part}.txt"):
                number, _, label = line.partition(" ")
                yield f"images/{number}.jpg", label, split

    return _table(root, rows())


def _imagenette(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    """Class folders that are named by numbers of WordNet get the names that people use."""
    root = (yield from archives.unpack(files[0], folder, control)).source
    for split in ("train", "val"):
        for number, name in _IMAGENETTE.items():
            if (root / split / number).is_dir():
                (root / split / number).rename(root / split / name)
    return root


def _pascal(files: Sequence[Path], folder: Path, control: Control) -> Generator[Event, None, Path]:
    yield from archives.unpack(files[0], folder, control)
    found = next((path.parent for path in sorted(folder.rglob("SegmentationClass"))), None)
    if found is None:
        raise DataError(f"{files[0]} holds no folder SegmentationClass, so it is not the data set that it should be.")
    return found


LAYOUTS: dict[str, Layout] = {
    "copied": _copied, "unpacked": _unpacked, "pets": _pets, "flowers": _flowers, "food": _food,
    "textures": _textures, "aircraft": _aircraft, "imagenette": _imagenette, "pascal": _pascal,
}  # fmt: skip


def _lines(path: Path) -> list[str]:
    """Without empty lines and remarks. Raises ``DataError``."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read, so the data set is not the one that it should be: {error}.") from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _table(folder: Path, rows: Iterable[Row]) -> Path:
    path = folder / "data.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "label", "split"))
        writer.writerows(rows)
    return path
