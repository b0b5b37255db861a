"""Masks as files: which pixel values they use. Masks from outlines: drawn as PNG with class indices."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, UnidentifiedImageError

from tlstudio.api import DataError, Declared, Mask
from tlstudio.places import readable

IGNORED = 255
MOST_CLASSES = 255
_EACH = 500  # masks that are read in any case
_EVERY = 50  # of the others
_MOST_PIXELS = 1 << 28


def values_of(path: Path) -> npt.NDArray[np.int64]:
    """The pixel values that a mask uses, sorted. Raises ``DataError`` for colours and for what is no picture."""
    return np.unique(pixels_of(path))


def pixels_of(path: Path) -> npt.NDArray[Any]:
    """``[H, W]`` integers as they are stored (indices of a palette, not its colours)."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DataError(f"The mask {readable(path)} has more than {_MOST_PIXELS:,} pixels.")
            if image.mode in ("LA", "RGB", "RGBA"):
                return _one_channel(np.asarray(image), path)
            if image.mode == "1":
                return np.asarray(image.convert("L"))
            if image.mode not in ("L", "P", "I", "I;16", "I;16B"):
                raise DataError(f"The mask {readable(path)} is a picture of mode {image.mode}, not of class numbers.")
            return np.asarray(image)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"The mask {readable(path)} cannot be read: {error}.") from error


def _one_channel(pixels: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    """Grey that was saved as colour is fine; colours need a list of what they mean."""
    first = pixels[..., 0]
    if pixels.shape[-1] >= 3 and not (np.array_equal(first, pixels[..., 1]) and np.array_equal(first, pixels[..., 2])):
        raise DataError(
            f"The mask {readable(path)} is in colours; masks need one channel whose values are the classes. Convert "
            f"the masks, one number for each colour."
        )
    return first


class MaskValues:
    """Gathers which pixel values the masks of a data set use: all of the first ones, then some."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._count = 0

    def mask(self, mask: Mask) -> Mask:
        """Looks at the mask and hands it on. Raises ``DataError`` where it cannot be read as a mask."""
        self._count += 1
        if self._count <= _EACH or self._count % _EVERY == 0:
            self._seen.update(map(int, values_of(mask.path)))
        return mask

    def declared(self, names: Sequence[str] = ()) -> Declared:
        """Two values are two classes. Of more, 255 is what does not count. Names beyond those given are made up."""
        found = sorted(self._seen)
        if len(found) > 2 and found[-1] == IGNORED:
            found = found[:-1]
        if len(found) > MOST_CLASSES:
            raise DataError(
                f"The masks use {len(found):,} pixel values, more than the {MOST_CLASSES} classes that there may be; "
                f"they look like pictures, or like numbered objects."
            )
        if names and len(names) > len(found) and (not found or found[-1] < len(names)):
            found = list(range(len(names)))
        usual = ("background", "foreground") if len(found) == 2 and found[0] == 0 else ()
        given = tuple(names) or usual
        return Declared(
            tuple(given[n] if n < len(given) else f"value {value}" for n, value in enumerate(found)), tuple(found)
        )


Outline = Sequence[tuple[float, float]] | npt.NDArray[np.bool_]
"""Corners ``(x, y)`` in pixels, or which pixels belong to it ``[H, W]``."""


def draw(width: int, height: int, areas: Sequence[tuple[int, Outline]]) -> bytes:
    """A PNG of class indices in which later areas cover earlier ones. Raises ``DataError`` for sizes out of reach."""
    if width < 1 or height < 1 or width * height > _MOST_PIXELS:
        raise DataError(f"Its size is given as {width} x {height} pixels, which no picture has.")
    image = Image.new("L", (width, height), 0)
    for index, area in areas:
        if isinstance(area, np.ndarray):
            image.paste(index, mask=Image.fromarray((area * np.uint8(255)).astype(np.uint8), "L"))
        elif len(area) >= 3:
            ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in area], fill=index)
    return png(np.asarray(image))


def png(pixels: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
