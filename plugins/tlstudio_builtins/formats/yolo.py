"""``yolo``: pictures with a text file each, a line for every object: its class and its box or outline."""

import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tlstudio.api import DataError, Declared, Label, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.boxes import SEES, TASKS, Box, check_task, label_of, usual_task
from tlstudio_builtins.formats.folders import Entries, is_picture_name, listing, peek, subfolders
from tlstudio_builtins.formats.masks import draw
from tlstudio_builtins.formats.split_folders import SPELLINGS

_LOOKED_AT = 40
_LARGEST_FILE = 16 << 20
_NAMES = ("classes.txt", "obj.names", "labels.txt")
_Object = tuple[int, list[float]]


class Yolo:
    """A :class:`tlstudio.api.DatasetFormat` that looks and can be configured."""

    def __init__(self) -> None:
        self._task = "auto"
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        looked = good = 0
        for _, notes, _ in _pairs(source, peek):
            if notes.is_file():
                looked += 1
                good += not isinstance(_objects(notes), str)
            if looked == 3:
                break
        return 0.0 if not good or good < looked else 0.91 if _class_names(source) else 0.8

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        names, rows, splits, found = _class_names(source), [], set(), []
        for picture, notes, split in _pairs(source, peek):
            objects = _objects(notes)
            if not isinstance(objects, str):
                found.append(objects)
                rows.append((picture.name, ", ".join(_name(names, number) for number, _ in objects)))
            splits.add(split)
            if len(found) == _LOOKED_AT:
                break
        task = self._resolved(source, names, found)
        return Sniffed(
            sure=sure, task=task, columns=("picture", "objects"), rows=tuple(rows[:8]), has_splits=bool(splits - {""}),
            sentence=f"Pictures with YOLO label files; what is learnt is {SEES[task]}.",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        names = _class_names(source)
        found: list[tuple[Path, Path, str, list[_Object]]] = []
        for picture, notes, split in _pairs(source) if source.is_dir() else ():
            objects = _objects(notes) if notes.is_file() else []
            if isinstance(objects, str):
                yield Skipped(picture, f"{objects} of {notes.name}.")
            elif names and (wrong := next((n for n, _ in objects if n >= len(names)), None)) is not None:
                yield Skipped(picture, f"{notes.name} names the class {wrong}, and there are {len(names)} classes.")
            else:
                found.append((picture, notes, split, objects))
        if not found:
            raise DataError(f"{readable(source)} holds no pictures with YOLO label files (images and labels).")
        highest = max((n for _, _, _, objects in found for n, _ in objects), default=-1)
        names = names or tuple(str(n) for n in range(highest + 1))
        task = self._resolved(source, names, [objects for _, _, _, objects in found[:1000]])
        if task == "segmentation":
            self._declared = Declared(("background", *names))
        else:
            self._declared = Declared(names if task != "classification" else ())
        for picture, notes, split, objects in found:
            try:
                yield RawItem(picture, self._label(task, picture, notes, objects, names), split)
            except DataError as error:
                yield Skipped(picture, str(error))

    def declared(self) -> Declared:
        return self._declared

    def _label(self, task: str, picture: Path, notes: Path, objects: list[_Object], names: tuple[str, ...]) -> Label:
        if task != "segmentation":
            return label_of(task, [Box(_name(names, n), _area(numbers)) for n, numbers in objects], names)
        width, height = _size(picture)
        areas = [
            (number + 1, [(x * width, y * height) for x, y in _corners(numbers)])
            for number, numbers in sorted(objects, key=lambda entry: -_area(entry[1]))
        ]
        return Mask(notes, content=draw(width, height, areas))

    def _resolved(self, source: Path, names: tuple[str, ...], found: list[list[_Object]]) -> str:
        outlined = any(len(numbers) > 5 for objects in found for _, numbers in objects)
        task = check_task(self._task, TASKS if outlined else TASKS[:3], "The YOLO label files", source)
        if task != "auto":
            return task
        if outlined:
            return "segmentation"
        return usual_task([[Box(_name(names, n), _area(numbers)) for n, numbers in objects] for objects in found])


def _pairs(source: Path, entries_of: Entries = listing) -> Iterator[tuple[Path, Path, str]]:
    """(picture, its label file, split): images/train with labels/train, train/images with train/labels, or both
    beside each other.
    """
    places = [(source / "images", source / "labels", "")]
    places += [(f, source / "labels" / f.name, _split(f.name)) for f in _folders(source / "images")]
    places += [(f / "images", f / "labels", _split(f.name)) for f in _folders(source) if f.name != "images"]
    found = [place for place in places if place[0].is_dir() and place[1].is_dir()]
    found = found or [(f, f, _split(f.name)) for f in (source, *_folders(source))]
    for pictures, labels, split in found:
        beside = pictures == labels
        for entry in entries_of(pictures):
            if is_picture_name(entry.name):
                notes = labels / f"{Path(entry.name).stem}.txt"
                if not beside or notes.is_file():
                    yield Path(entry.path), notes, split


def _folders(folder: Path) -> list[Path]:
    return subfolders(folder) if folder.is_dir() else []


def _split(name: str) -> str:
    return SPELLINGS.get(re.sub(r"\d+$", "", name.lower()), "")


def _objects(path: Path) -> list[_Object] | str:
    """(class, numbers) of each line, or the beginning of a sentence about the line that is wrong."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return "There is too much in the first line"
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return "There is no text in line 1"
    objects: list[_Object] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            first, *rest = map(float, line.split())
        except ValueError:
            return f"There is something else than numbers in line {number}"
        if first < 0 or first % 1 or first > 1e6:
            return f"There is no class number at the beginning of line {number}"
        if len(rest) not in (4, 5) and (len(rest) < 6 or len(rest) % 2):
            return f"There is neither a box nor an outline in line {number}"
        if any(not -0.01 <= value <= 1.01 for value in rest):
            return f"There is a number that is not between 0 and 1 in line {number}"
        objects.append((int(first), rest))
    return objects


def _corners(numbers: list[float]) -> list[tuple[float, float]]:
    if len(numbers) > 5:
        return list(zip(numbers[::2], numbers[1::2], strict=True))
    x, y, w, h = (numbers[0], numbers[1], numbers[2] / 2, numbers[3] / 2)
    return [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]


def _area(numbers: list[float]) -> float:
    corners = _corners(numbers)
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return (max(xs) - min(xs)) * (max(ys) - min(ys))


def _size(picture: Path) -> tuple[int, int]:
    """As displayed: a camera's note on how it was held is heeded."""
    try:
        with Image.open(picture) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if turned else image.size
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"Its size cannot be read, so its mask cannot be drawn: {error}.") from error


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


def _class_names(source: Path) -> tuple[str, ...]:
    """From data.yaml (the few forms of it that tools write), or a text file with a name in each line."""
    for path in sorted((*source.glob("*.yaml"), *source.glob("*.yml"))) if source.is_dir() else ():
        names = _yaml_names(path.read_text(encoding="utf-8", errors="replace")[: 1 << 20])
        if names:
            return names
    for path in (folder / name for name in _NAMES for folder in (source, source / "labels")):
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace")[: 1 << 20].splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    return ()


def _yaml_names(text: str) -> tuple[str, ...]:
    hit = re.search(r"^names:[ \t]*(\[[^\]]*\]|\{[^}]*\})?[ \t]*(?:#.*)?$", text, re.MULTILINE)
    if not hit:
        return ()
    if hit.group(1):
        parts = hit.group(1)[1:-1].split(",")
        return tuple(_bare(re.sub(r"^\s*\d+\s*:", "", part)) for part in parts if part.strip())
    names = []
    for line in text[hit.end() :].splitlines()[1:]:
        entry = re.match(r"\s*(?:-|\d+\s*:)\s*(.+)$", line)
        if not entry:
            break
        names.append(_bare(entry.group(1)))
    return tuple(names)


def _bare(text: str) -> str:
    return re.sub(r"\s+#.*$", "", text.strip()).strip("'\"")
