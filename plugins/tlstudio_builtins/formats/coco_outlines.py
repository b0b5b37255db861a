"""Outlines of objects in COCO's notations: polygons, run lengths, and run lengths packed into text."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError
from tlstudio_builtins.formats.masks import Outline


def outline(segmentation: Any, width: int, height: int) -> list[Outline]:
    """The parts of one object. Raises ``DataError`` (without a final full stop) for what is none of the notations."""
    if not segmentation:
        return []
    if isinstance(segmentation, dict):
        return [_runs(segmentation, width, height)]
    if not isinstance(segmentation, list):
        raise DataError("The outline of an object is no list of corners")
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    return [_polygon(polygon) for polygon in polygons]


def _polygon(polygon: Any) -> list[tuple[float, float]]:
    try:
        numbers = np.array(polygon, np.float64).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if len(numbers) % 2 or not np.isfinite(numbers).all() or (abs(numbers) > 1e7).any():
        raise DataError("The outline of an object is no list of corners")
    return [(float(x), float(y)) for x, y in numbers.reshape(-1, 2)]


def _runs(segmentation: dict[str, Any], width: int, height: int) -> npt.NDArray[np.bool_]:
    if list(segmentation.get("size", [])) != [height, width]:
        raise DataError(
            f"The mask of an object is {segmentation.get('size')} (rows, columns), and the picture {height} x {width}"
        )
    counts = segmentation.get("counts")
    try:
        runs = unpacked(counts) if isinstance(counts, str) else [int(count) for count in counts or ()]
    except (TypeError, ValueError, IndexError):
        raise DataError("The run lengths of an object cannot be read") from None
    if any(run < 0 for run in runs) or sum(runs) != width * height:
        raise DataError("The run lengths of an object do not add up to the picture")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def unpacked(text: str) -> list[int]:
    """Run lengths of COCO's packed notation: six bits a letter, differences to the run before the last one.

    Raises ``IndexError`` for text that ends too early.
    """
    runs: list[int] = []
    position = 0
    while position < len(text):
        value = shift = 0
        more = True
        while more:
            letter = ord(text[position]) - 48
            value |= (letter & 0x1F) << shift
            more = bool(letter & 0x20)
            position += 1
            shift += 5
            if shift > 60:
                raise ValueError("a run is too long")
        if letter & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs
