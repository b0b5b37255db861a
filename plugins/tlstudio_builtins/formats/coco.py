"""``coco``: COCO JSON, pictures with boxes and outlines of objects."""

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.api import DataError, Declared, Label, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio_builtins.formats.boxes import SEES, TASKS, Box, check_task, label_of, usual_task
from tlstudio_builtins.formats.coco_outlines import outline
from tlstudio_builtins.formats.folders import is_litter, printable, subfolders
from tlstudio_builtins.formats.masks import MOST_CLASSES, draw
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_files import Finder

_GLANCE = 1 << 16
_LOOKED_AT = 8 << 20  # bytes of JSON that are read for a preview
_LARGEST_FILE = 2 << 30


class Coco:
    """A :class:`tlstudio.api.DatasetFormat` that looks and can be configured."""

    def __init__(self) -> None:
        self._task = "auto"
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        try:
            return 0.93 if any(map(_is_coco, _files(source))) else 0.0
        except (DataError, OSError):
            return 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        files = [path for path in _files(source) if _is_coco(path)]
        splits = {_split(path) for path in files} - {""}
        small = min(files, key=lambda path: path.stat().st_size)
        rows: tuple[tuple[str, str], ...] = ()
        task = self._task
        if small.stat().st_size <= _LOOKED_AT:
            content = _Content(small)
            task = self._resolved(content, source)
            rows = tuple(
                (str(image.get("file_name")), ", ".join(b.name for b in content.boxes(image.get("id"))))
                for image in content.images[:8]
            )
        task = "segmentation" if task == "auto" else task
        return Sniffed(
            sure=sure, task=task, columns=("picture", "objects"), rows=rows, has_splits=len(splits) > 1,
            sentence=f"Pictures with COCO annotations; what is learnt is {SEES[task]}.",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        files = [path for path in _files(source) if _is_coco(path)] or _files(source)
        if not files:
            raise DataError(f"{printable(source)} holds no COCO file (JSON with images, annotations and categories).")
        contents = [_Content(path) for path in files]
        names = tuple(dict.fromkeys(name for content in contents for name in content.categories.values()))
        task = next((t for c in contents if (t := self._resolved(c, source)) == "segmentation"), "")
        task = task or self._resolved(contents[0], source)
        if task == "segmentation":
            if len(names) > MOST_CLASSES - 1:
                raise DataError(f"{printable(source)} has {len(names)} categories; masks can tell {MOST_CLASSES - 1}.")
            self._declared = Declared(("background", *(n for n in names if n != "background")))
        else:
            self._declared = Declared(names if task in ("regression", "multilabel") else ())
        for content in contents:
            yield from self._items(content, task, names, source)

    def declared(self) -> Declared:
        return self._declared

    def _items(
        self, content: "_Content", task: str, names: tuple[str, ...], source: Path
    ) -> Iterator[RawItem | Skipped]:
        finder = _finder(content.path, source)
        split = _split(content.path)
        for position, image in enumerate(content.images):
            name = str(image.get("file_name") or "")
            what = f"picture {position + 1} ('{printable(name)[:200]}') of {printable(content.path.name)}"
            found = finder(name)
            if found is None:
                yield Skipped(content.path, f"The file of {what} does not exist.")
                continue
            try:
                label = self._label(content, image, task, names)
            except DataError as error:
                yield Skipped(found, f"{str(error).rstrip('.')} ({what}).")
                continue
            yield RawItem(found, label, split)

    def _label(self, content: "_Content", image: dict[str, Any], task: str, names: tuple[str, ...]) -> Label:
        if task != "segmentation":
            return label_of(task, content.boxes(image.get("id")), names)
        width, height = image.get("width"), image.get("height")
        if not isinstance(width, int) or not isinstance(height, int):
            raise DataError("Its size is not given, so its mask cannot be drawn")
        index = {name: position for position, name in enumerate(self._declared.class_names)}
        entries = content.annotations.get(_key(image.get("id")), [])
        areas = []
        for entry in sorted(entries, key=_area, reverse=True):
            category = content.categories.get(_key(entry.get("category_id")))
            if category is None:
                raise DataError(f"An object of it has the category {entry.get('category_id')!r}, which is not declared")
            areas += [(index[category], part) for part in outline(entry.get("segmentation"), width, height)]
        return Mask(content.path, content=draw(width, height, areas))

    def _resolved(self, content: "_Content", source: Path) -> str:
        outlined = any(entry.get("segmentation") for entries in content.annotations.values() for entry in entries)
        task = check_task(self._task, TASKS if outlined else TASKS[:3], "The COCO annotations", source)
        if task != "auto":
            return task
        if outlined:
            return "segmentation"
        return usual_task([content.boxes(image.get("id")) for image in content.images])


class _Content:
    """One JSON file, checked. Raises ``DataError``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise DataError(f"{printable(path)} is larger than 2 GB. Split it into several files.")
            with path.open("rb") as stream:
                data = json.load(stream)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{printable(path)} cannot be read as JSON: {error}.") from error
        self.images, entries, categories = (self._list(data, key) for key in ("images", "annotations", "categories"))
        self.categories: dict[Any, str] = {
            _key(c.get("id")): str(c.get("name") or c.get("id")) for c in sorted(categories, key=_order)
        }
        self.annotations: dict[Any, list[dict[str, Any]]] = {}
        for entry in entries:
            self.annotations.setdefault(_key(entry.get("image_id")), []).append(entry)

    def _list(self, data: Any, key: str) -> list[dict[str, Any]]:
        part = data.get(key) if isinstance(data, dict) else None
        if not isinstance(part, list) or not all(isinstance(entry, dict) for entry in part):
            raise DataError(f"{printable(self.path)} is no COCO file: it has no list of {key}.")
        return part

    def boxes(self, image: Any) -> list[Box]:
        """Raises ``DataError`` for a category that is not declared."""
        found = []
        for entry in self.annotations.get(_key(image), []):
            name = self.categories.get(_key(entry.get("category_id")))
            if name is None:
                raise DataError(f"An object of it has the category {entry.get('category_id')!r}, which is not declared")
            found.append(Box(name, _area(entry)))
        return found


def _order(category: dict[str, Any]) -> tuple[int, str]:
    number = category.get("id")
    return (number, "") if isinstance(number, int) else (1 << 60, repr(number))


def _key(value: Any) -> Any:
    return value if isinstance(value, int | str) else repr(value)


def _area(entry: dict[str, Any]) -> float:
    box = entry.get("bbox")
    sides = box[2:4] if isinstance(box, list) and len(box) == 4 else [entry.get("area", 0), 1]
    try:
        area = math.prod(float(side) for side in sides)
    except (TypeError, ValueError):
        return 0.0
    return area if math.isfinite(area) else 0.0


def _files(source: Path) -> list[Path]:
    """The JSON files that may be COCO: the source itself, or those in it and in its folders."""
    if source.is_file():
        return [source] if source.suffix.lower() == ".json" else []
    if not source.is_dir():
        return []
    return [
        Path(entry.path)
        for folder in (source, *subfolders(source)[:50])
        for entry in _json_files(folder)
        if not re.match(r"(captions|person_keypoints|stuff|panoptic|image_info)", entry.name.lower())
    ][:100]


def _json_files(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        found = [e for e in entries if e.name.lower().endswith(".json") and not is_litter(e.name) and e.is_file()]
    return sorted(found, key=lambda entry: entry.name)


def _is_coco(path: Path) -> bool:
    """By a glance at both ends."""
    with path.open("rb") as stream:
        start = stream.read(_GLANCE)
        if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return False
        stream.seek(max(0, path.stat().st_size - _GLANCE))
        seen = start + stream.read(_GLANCE)
    return sum(key in seen for key in (b'"images"', b'"annotations"', b'"categories"')) >= 2


def _split(path: Path) -> str:
    words = re.split(r"[^a-z]+", f"{path.parent.name} {path.stem}".lower())
    return next((SPELLINGS[word] for word in reversed(words) if word in SPELLINGS), "")


def _finder(path: Path, source: Path) -> Any:
    """A function from a picture's name to its file, beside the JSON or in the source, wherever the tool wrote it."""
    root = source if source.is_dir() else path.parent
    places = [p for p in dict.fromkeys((path.parent, root, path.parent.parent, root / "images")) if p.is_dir()]
    finders = [Finder(place) for place in places]
    split = _split(path)
    finders.sort(key=lambda finder: not split)

    def find(name: str) -> Path | None:
        safe = name.replace("\\", "/")
        if ".." in safe.split("/") or safe.startswith("/"):
            safe = safe.rpartition("/")[2]
        for spelling in dict.fromkeys((safe, safe.rpartition("/")[2])):
            for finder in finders if spelling else ():
                found = finder.find(spelling)
                if found is not None:
                    return found
        return None

    return find
