"""``voc``: Pascal VOC, an XML file for each picture, with masks in SegmentationClass where there are some."""

import dataclasses
import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, Declared, Label, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.boxes import SEES, TASKS, Box, check_task, label_of, usual_task
from tlstudio_builtins.formats.folders import Entries, is_picture_name, listing, names_below, peek, subfolders
from tlstudio_builtins.formats.masks import MaskValues
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_files import Finder

_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_LARGEST_FILE = 16 << 20
_LOOKED_AT = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Annotation:
    """What one XML file says."""

    path: Path
    picture: str
    boxes: tuple[Box, ...]


class PascalVoc:
    """A :class:`tlstudio.api.DatasetFormat` that looks and can be configured."""

    def __init__(self) -> None:
        self._task = "auto"
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        if _folder(source, "SegmentationClass") and _folder(source, "JPEGImages"):
            return 0.92
        found = next(_xml_files(source, peek), None)
        return 0.9 if found and isinstance(_parsed(found), Annotation) else 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        parsed = map(_parsed, itertools.islice(_xml_files(source, peek), _LOOKED_AT))
        found = [annotation for annotation in parsed if isinstance(annotation, Annotation)]
        task = self._resolved(source, found)
        rows = tuple((a.picture, ", ".join(box.name for box in a.boxes)) for a in found[:8])
        return Sniffed(
            sure=sure, task=task, columns=("picture", "objects"), rows=rows, has_splits=bool(_splits(source)),
            sentence=f"Pictures with Pascal VOC files; what is learnt is {SEES[task]}.",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{readable(source)} is not a folder. Name the one that holds Annotations and JPEGImages.")
        if self._task == "segmentation" or (self._task == "auto" and _folder(source, "SegmentationClass")):
            yield from self._read_masks(source)
            return
        found: list[Annotation] = []
        for path in _xml_files(source):
            parsed = _parsed(path)
            if isinstance(parsed, Skipped):
                yield parsed
            else:
                found.append(parsed)
        if not found:
            raise DataError(f"{readable(source)} holds no Pascal VOC files (XML with an annotation of a picture).")
        task = self._resolved(source, found)
        names = tuple(sorted({box.name for annotation in found for box in annotation.boxes}))
        self._declared = Declared(names if task == "regression" else ())
        splits, finders = _splits(source), _Pictures(source)
        for annotation in found:
            picture = finders.find(annotation)
            if picture is None:
                yield Skipped(annotation.path, f"The picture '{annotation.picture}' that it describes does not exist.")
                continue
            try:
                label = label_of(task, annotation.boxes, names)
            except DataError as error:
                yield Skipped(picture, str(error))
                continue
            yield RawItem(picture, label, splits.get(annotation.path.stem, _split_of(annotation.path, source)))

    def declared(self) -> Declared:
        return self._declared

    def _resolved(self, source: Path, found: list[Annotation]) -> str:
        has_masks = _folder(source, "SegmentationClass") is not None
        task = check_task(self._task, TASKS if has_masks else TASKS[:3], "The Pascal VOC files", source)
        if task != "auto":
            return task
        return "segmentation" if has_masks else usual_task([annotation.boxes for annotation in found])

    def _read_masks(self, source: Path) -> Iterator[RawItem | Skipped]:
        folder, pictures = _folder(source, "SegmentationClass"), _folder(source, "JPEGImages")
        if folder is None or pictures is None:
            raise DataError(f"{readable(source)} has no folders SegmentationClass and JPEGImages, so it has no masks.")
        values, splits, finder = MaskValues(), _splits(source, "Segmentation"), Finder(pictures)
        for entry in listing(folder):
            if not is_picture_name(entry.name):
                continue
            mask = Path(entry.path)
            picture = finder.find(mask.stem)
            if picture is None:
                yield Skipped(mask, f"There is no picture {mask.stem} in {pictures.name} that it is the mask of.")
                continue
            try:
                label: Label = values.mask(Mask(mask))
            except DataError as error:
                yield Skipped(picture, str(error))
                continue
            yield RawItem(picture, label, splits.get(mask.stem, ""))
        declared = values.declared()
        usual = declared.pixels and declared.pixels[-1] < len(_CLASSES) and len(declared.pixels) > 2
        names = tuple(_CLASSES[value] for value in declared.pixels) if usual else declared.class_names
        self._declared = Declared(_names(source) or names, declared.pixels)
        if len(self._declared.class_names) != len(declared.pixels):
            self._declared = Declared(names, declared.pixels)


class _Pictures:
    """Finds the picture of an annotation: beside it, in JPEGImages, or in images."""

    def __init__(self, source: Path) -> None:
        self._source, self._finders = source, dict[Path, Finder]()

    def find(self, annotation: Annotation) -> Path | None:
        folder = annotation.path.parent
        for place in dict.fromkeys((folder, folder.parent, self._source)):
            finder = self._finders.setdefault(place, Finder(place))
            for name in (annotation.picture, annotation.path.stem):
                found = finder.find(name) if name and ".." not in name and not name.startswith("/") else None
                if found is not None and is_picture_name(found.name):
                    return found
        return None


def _xml_files(source: Path, entries_of: Entries = listing) -> Iterator[Path]:
    for folder in (source, *subfolders(source)):
        inner = subfolders(folder) if folder is not source else []
        for place in (folder, *inner):
            yield from (Path(e.path) for e in entries_of(place) if e.name.lower().endswith(".xml"))


def _parsed(path: Path) -> Annotation | Skipped:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return Skipped(path, "It is too large for an annotation of one picture.")
        content = path.read_bytes()
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
            return Skipped(path, "It declares entities or is no UTF-8, which annotations have no need of.")
        root = ElementTree.fromstring(content)
    except OSError as error:
        return Skipped(path, f"It cannot be read: {error.strerror}.")
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        return Skipped(path, f"It is no XML: {error}.")
    if root.tag != "annotation":
        return Skipped(path, "It is no annotation of a picture in the Pascal VOC notation.")
    try:
        boxes = tuple(box for entry in root.iter("object") if (box := _box(entry)))
    except ValueError:
        return Skipped(path, "The corners of an object in it are no numbers.")
    name = (root.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
    return Annotation(path, name, boxes)


def _box(entry: ElementTree.Element) -> Box | None:
    name = (entry.findtext("name") or "").strip()
    if not name:
        return None
    x0, y0, x1, y1 = (float(entry.findtext(f"bndbox/{corner}") or 0) for corner in ("xmin", "ymin", "xmax", "ymax"))
    return Box(name, max(0.0, x1 - x0) * max(0.0, y1 - y0))


def _splits(source: Path, kind: str = "Main") -> dict[str, str]:
    """The split of each picture's stem, as ImageSets lists them."""
    found: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = source / "ImageSets" / kind / f"{split}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found.update((line.split()[0], split) for line in lines if line.strip())
    return found


def _split_of(path: Path, source: Path) -> str:
    """By the folder below ``source`` that it lies in."""
    parts = path.relative_to(source).parts[:-1]
    return next((SPELLINGS[part.lower()] for part in parts if part.lower() in SPELLINGS), "")


def _folder(source: Path, name: str) -> Path | None:
    folder = source / name
    return folder if folder.is_dir() and any(map(is_picture_name, names_below(folder))) else None


def _names(source: Path) -> tuple[str, ...]:
    """The classes of labelmap.txt (name:colour:...), which some tools write."""
    path = source / "labelmap.txt"
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(line.split(":")[0].strip() for line in lines if line.strip() and not line.startswith("#"))
