"""Masks for the screen: the class of each pixel, and colours that everyone can tell apart. Reading is for threads."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.data import decoding

Classes = npt.NDArray[np.uint8]
NONE = 255  # no class
# Paul Tol's and Okabe and Ito's: safe for colour-blind eyes; further classes repeat them darker.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#0072B2", "#DDDDDD", "#882255", "#44AA99")
_GROUNDS = frozenset({"background", "bg", "none", "void", "ignore", "unlabelled", "unlabeled", "other"})


def colour(index: int) -> QColor:
    made = QColor(COLOURS[index % len(COLOURS)])
    return made.darker(100 + 40 * (index // len(COLOURS)))


def is_ground(name: str) -> bool:
    """A class that is better not painted, since nearly everything is of it."""
    return name.casefold() in _GROUNDS


def place_of(value: str, root: "os.PathLike[str] | str") -> str:
    """Where the mask lies that a value of segmentation names. Raises :class:`DataError`."""
    try:
        parsed = json.loads(value)
        return places.place(Path(root) / parsed["mask"], int(parsed.get("offset", 0)), int(parsed.get("length", 0)))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("Where its mask lies is not known.") from error


def read(place: str, pixels: Sequence[int]) -> Classes:
    """uint8 ``[H, W]``: the class of each pixel, 255 where there is none. ``pixels``: the value of each class in the
    mask, in class order; none: values are classes. Raises :class:`DataError`.
    """
    try:
        mask = decoding.mask_of(places.read_bytes(place))
    except OSError as error:
        raise DataError(f"The mask {places.printable(place)} cannot be read: {error.strerror}.") from error
    except DataError as error:
        text = str(error)
        raise DataError(text if place in text else f"The mask {places.printable(place)} {text}") from error
    table = np.full(256, NONE, np.uint8)
    for position, value in enumerate(pixels or range(NONE)):
        if 0 <= value <= 255:
            table[value] = position
    return table[mask]


def painted(classes: Classes, shown: Sequence[bool]) -> QImage:
    """The mask in colours, see-through where a class is not shown or there is none."""
    table = np.zeros((256, 4), np.uint8)
    for index, visible in enumerate(shown[:NONE]):
        if visible:
            made = colour(index)
            table[index] = (made.red(), made.green(), made.blue(), 255)
    rgba = np.ascontiguousarray(table[classes])
    height, width = classes.shape
    return QImage(rgba.tobytes(), width, height, width * 4, QImage.Format.Format_RGBA8888).copy()


def shares(classes: Classes, count: int) -> list[float]:
    """The share of the pixels that each class has."""
    found = np.bincount(classes.reshape(-1), minlength=256)[:count]
    return [float(share) for share in found / max(1, classes.size)]
