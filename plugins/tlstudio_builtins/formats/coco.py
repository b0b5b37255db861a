"""``coco``: COCO JSON, pictures with boxes and outlines of objects."""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tlstudio.api import DataError, Declared, Label, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.boxes import SEES, TASKS, check_task, label_of, usual_task
from tlstudio_builtins.formats.coco_content import Content, Picture
from tlstudio_builtins.formats.coco_outlines import outline
from tlstudio_builtins.formats.folders import is_litter, subfolders
from tlstudio_builtins.formats.masks import MOST_CLASSES, draw
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.table_files import Finder

_GLANCE = 1 << 16
_LOOKED_AT = 8 << 20  # bytes of JSON that are read for a preview


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
            content = Content(small)
            task = self._resolved([content], source)
            rows = tuple(
                (picture.name, ", ".join(box.name for box in boxes))
                for picture, boxes in itertools.islice(zip(content.pictures, content.kinds(), strict=True), 8)
            )
        task = "segmentation" if task == "auto" else task
        return Sniffed(
            sure=sure, task=task, columns=("picture", "objects"), rows=rows, has_splits=len(splits) > 1,
            sentence=f"Pictures with COCO annotations; what is learnt is {SEES[task]}.",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        files = [path for path in _files(source) if _is_coco(path)] or _files(source)
        if not files:
            raise DataError(f"{readable(source)} holds no COCO file (JSON with images, annotations and categories).")
        contents = [Content(path) for path in files]
        names = tuple(dict.fromkeys(name for content in contents for name in content.categories.values()))
        task = self._resolved(contents, source)
        if task == "segmentation":
            if len(names) > MOST_CLASSES - 1:
                raise DataError(f"{readable(source)} has {len(names)} categories; masks can tell {MOST_CLASSES - 1}.")
            self._declared = Declared(("background", *(n for n in names if n != "background")))
        else:
            self._declared = Declared(names if task in ("regression", "multilabel") else ())
            for content in contents:
                content.forget_outlines()
        for content in contents:
            yield from self._items(content, task, names, source)

    def declared(self) -> Declared:
        return self._declared

    def _items(self, content: Content, task: str, names: tuple[str, ...], source: Path) -> Iterator[RawItem | Skipped]:
        finder = _finder(content.path, source)
        split = _split(content.path)
        for position, image in enumerate(content.pictures):
            what = f"picture {position + 1} ('{readable(image.name)[:200]}') of {readable(content.path.name)}"
            found = finder(image.name)
            if found is None:
                yield Skipped(content.path, f"The file of {what} does not exist.")
                continue
            try:
                label = self._label(content, image, task, names)
            except DataError as error:
                yield Skipped(found, f"{str(error).rstrip('.')} ({what}).")
                continue
            yield RawItem(found, label, split)

    def _label(self, content: Content, picture: Picture, task: str, names: tuple[str, ...]) -> Label:
        if task != "segmentation":
            return label_of(task, content.boxes(picture), names)
        width, height = picture.width, picture.height
        if not isinstance(width, int) or not isinstance(height, int):
            raise DataError("Its size is not given, so its mask cannot be drawn")
        index = {name: position for position, name in enumerate(self._declared.class_names)}
        areas = [
            (index[name], part) for name, shape in content.outlines(picture) for part in outline(shape, width, height)
        ]
        return Mask(content.path, content=draw(width, height, areas))

    def _resolved(self, contents: Sequence[Content], source: Path) -> str:
        outlined = any(content.outlined for content in contents)
        task = check_task(self._task, TASKS if outlined else TASKS[:3], "The COCO annotations", source)
        if task != "auto":
            return task
        return "segmentation" if outlined else usual_task([boxes for content in contents for boxes in content.kinds()])


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
