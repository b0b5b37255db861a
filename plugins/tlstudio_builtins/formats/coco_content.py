"""What one COCO file says, kept small: outlines stay in the text until their mask is drawn."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio.api import DataError
from tlstudio.places import readable
from tlstudio_builtins.formats.boxes import Box
from tlstudio_builtins.formats.json_arrays import element_at, elements

_LARGEST_FILE = 2 << 30
_LISTS = ("images", "annotations", "categories")


class Picture(NamedTuple):
    id: Any
    name: str
    width: Any
    height: Any


class Object(NamedTuple):
    """``start``: where it stands in the text, -1 where it has no outline."""

    category: Any
    area: float
    start: int


class Content:
    """``categories``: names by their number, in its order. Raises ``DataError`` for what is no COCO file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pictures: list[Picture] = []
        self.categories: dict[Any, str] = {}
        self._objects: dict[Any, list[Object]] = {}
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise DataError(f"{readable(path)} is larger than 2 GB. Split it into several files.")
            self._text = path.read_bytes().decode("utf-8-sig")
            found = set()
            for key, start, entry in elements(self._text, _LISTS):
                self._add(key, start, entry)
                found.add(key)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{readable(path)} cannot be read as COCO: {error}.") from error
        if missing := [key for key in _LISTS[::2] if key not in found]:
            raise DataError(f"{readable(path)} is no COCO file: it has no list of {missing[0]}.")
        self.categories = dict(sorted(self.categories.items(), key=_order))
        self.outlined = any(thing.start >= 0 for things in self._objects.values() for thing in things)

    def _add(self, key: str, start: int, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise ValueError(f"one of its {key} is no object, at character {start + 1:,}")
        if key == "images":
            name = str(entry.get("file_name") or "")
            self.pictures.append(Picture(_key(entry.get("id")), name, entry.get("width"), entry.get("height")))
        elif key == "categories":
            self.categories[_key(entry.get("id"))] = str(entry.get("name") or entry.get("id"))
        else:
            thing = Object(_key(entry.get("category_id")), _area(entry), start if entry.get("segmentation") else -1)
            self._objects.setdefault(_key(entry.get("image_id")), []).append(thing)

    def boxes(self, picture: Picture) -> list[Box]:
        """Raises ``DataError`` (without a full stop) for a category that is not declared."""
        return [Box(self._name(thing), thing.area) for thing in self._objects.get(picture.id, ())]

    def kinds(self) -> list[list[Box]]:
        """The objects of every picture, without those of unknown categories."""
        return [
            [
                Box(self.categories[t.category], t.area)
                for t in self._objects.get(p.id, ())
                if t.category in self.categories
            ]
            for p in self.pictures
        ]

    def outlines(self, picture: Picture) -> Iterator[tuple[str, Any]]:
        """(category, outline) of its objects, large ones first. Raises as :meth:`boxes`."""
        for thing in sorted(self._objects.get(picture.id, ()), key=lambda thing: -thing.area):
            if thing.start >= 0:
                yield self._name(thing), element_at(self._text, thing.start).get("segmentation")

    def forget_outlines(self) -> None:
        self._text = ""

    def _name(self, thing: Object) -> str:
        name = self.categories.get(thing.category)
        if name is None:
            raise DataError(f"An object of it has the category {thing.category!r}, which is not declared")
        return name


def _order(category: tuple[Any, str]) -> tuple[int, str]:
    number = category[0]
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
