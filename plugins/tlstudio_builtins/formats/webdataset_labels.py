"""What the notes of a WebDataset sample say of its label."""

import math
import re
from collections.abc import Iterable
from typing import Any

from tlstudio.api import DataError, Label

Notes = dict[str, Any]
"""By the ending of their file: the text of ``.cls`` and ``.txt``, what ``.json`` holds."""
NAMES = ("classes.txt", "classnames.txt", "class_names.txt", "labels.txt")
MASKS = re.compile(r"[._](mask|seg|segmentation|label|gt)\.(png|tiff?|bmp)$", re.IGNORECASE)
_CLASS = ("label", "class", "class_name", "category", "cls", "target")
_SEVERAL = ("labels", "tags", "classes")
_NUMBERS = ("numbers", "values", "targets")


def task_of(notes: Iterable[Notes]) -> str:
    """What the notes of the first samples are for."""
    for entry in notes:
        said = entry.get("json")
        if isinstance(said, dict) and any(isinstance(said.get(key), list) for key in _SEVERAL):
            return "multilabel"
        if isinstance(said, dict) and any(isinstance(said.get(key), dict) for key in _NUMBERS):
            return "regression"
        if "mask" in entry and _class(entry) is None:
            return "segmentation"
    return "classification"


def label_of(task: str, notes: Notes, names: tuple[str, ...], targets: dict[str, None]) -> Label:
    """``targets`` gathers the names of the numbers in the order of the first sample. Raises ``DataError``."""
    said = notes.get("json")
    said = said if isinstance(said, dict) else {}
    if task == "regression":
        return _numbers(said, notes, targets)
    if task == "multilabel":
        listed = next((said[key] for key in _SEVERAL if isinstance(said.get(key), list)), None)
        single = _class(notes)
        parts = listed if listed is not None else [] if single is None else [single]
        return tuple(dict.fromkeys(_name(part, names) for part in parts))
    value = _class(notes)
    if value is None:
        raise DataError("There is no label (.cls, or label in .json)")
    return _name(value, names)


def _class(notes: Notes) -> Any:
    """The class or its number; ``None`` where nothing says it."""
    for key in ("cls", "class", "label"):
        if notes.get(key):
            return notes[key]
    said = notes.get("json")
    found = [said[key] for key in _CLASS if said.get(key) not in (None, "")] if isinstance(said, dict) else []
    if found:
        return found[0]
    text = notes.get("txt") or ""
    return text if 0 < len(text) <= 100 and "\n" not in text else None


def _name(value: Any, names: tuple[str, ...]) -> str:
    if isinstance(value, dict | list):
        raise DataError("The label is no class")
    text = str(value).strip()
    if names and text.lstrip("-").isdecimal():
        number = int(text)
        if not 0 <= number < len(names):
            raise DataError(f"The label is {number}, and there are {len(names)} classes")
        return names[number]
    if not text or len(text) > 300:
        raise DataError("The label is empty" if not text else "The label is longer than any class is called")
    return text


def _numbers(said: dict[str, Any], notes: Notes, targets: dict[str, None]) -> Label:
    found = next((said[key] for key in _NUMBERS if isinstance(said.get(key), dict)), None)
    if found is None:
        found = {"value": said.get("value", said.get("target", notes.get("cls")))}
    if not targets:
        targets.update(dict.fromkeys(map(str, found)))
    try:
        numbers = tuple(float(found[name]) for name in targets)
    except (KeyError, TypeError, ValueError):
        raise DataError(f"The numbers {', '.join(targets)} are needed, and are not all there") from None
    if not all(map(math.isfinite, numbers)):
        raise DataError("One of the numbers is not finite")
    return numbers
