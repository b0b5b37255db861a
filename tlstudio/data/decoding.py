"""From a file to RGB, and from RGB to what a network sees, without torch: the same pixels wherever a model is used."""

import io
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tlstudio import places
from tlstudio.api.backbone import Preprocessing
from tlstudio.api.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

    Pixels = npt.NDArray[np.uint8]

Made = TypeVar("Made")


def read_rgb(place: str | os.PathLike[str]) -> "Pixels":
    """The picture at a place (:mod:`tlstudio.places`) as displayed: uint8 [height, width, 3], 0 to 255.

    EXIF rotation is applied; of an animation the first frame is taken; 16 bits become 8; what is transparent is
    shown on white. Raises :class:`DataError` where it cannot be read as a picture.
    """
    text = os.fspath(place)
    content = places.read_bytes(text)
    try:
        return rgb_of(content)
    except DataError as error:
        raise DataError(f"{places.printable(text)} {error}") from error


def rgb_of(content: bytes) -> "Pixels":
    """As :func:`read_rgb`. Raises :class:`DataError` with the rest of a sentence about it."""
    import numpy as np

    return decoded(content, lambda image: np.asarray(to_rgb(image)))


def thumbnail(content: bytes, size: int) -> "Pixels":
    """RGB ``[H, W, 3]`` that fits into a square of ``size`` pixels. Raises :class:`DataError` likewise."""
    import numpy as np

    def small(image: "Image") -> "Pixels":
        made = to_rgb(image)
        made.thumbnail((size, size))
        return np.asarray(made)

    return decoded(content, small, ("RGB", size))


def decoded(content: bytes, finish: "Callable[[Image], Made]", draft: tuple[str, int] | None = None) -> "Made":
    """What ``finish`` makes of the picture as displayed. ``draft``: a mode, and the side of a square: the decoder may
    give something near that mode, and smaller than the file's as long as it fills the square, which is quicker.

    Raises :class:`DataError` with the rest of a sentence about it.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    from tlstudio.data.checking import kinds

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF data and large sizes were judged when the file was imported
            with Image.open(io.BytesIO(content), formats=kinds()) as image:
                if draft:
                    mode, side = draft
                    image.draft(mode, (side, side))
                image.load()
                return finish(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise DataError("is not a picture that can be read.") from error
    except Exception as error:
        raise DataError(f"cannot be read as a picture: {error}.") from error


def to_rgb(image: "Image") -> "Image":
    """8 bits, three channels, from any mode that a picture file can have."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        image = _to_grey(image)
    if image.mode in ("RGBa", "La", "PA"):
        image = image.convert({"RGBa": "RGBA", "La": "LA", "PA": "RGBA"}[image.mode])
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_grey(image: "Image") -> "Image":
    """One channel of 16 or 32 bits, or of floating point, as 8 bits."""
    import numpy as np
    from PIL import Image

    values: npt.NDArray[Any] = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.min() >= 0 and 255 < values.max() <= 65535):
        scaled = values.astype(np.float32) / 257.0
    else:
        numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(numbers.min()), float(numbers.max())
        if low >= 0 and high <= 1 and image.mode == "F":
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        scaled = (numbers - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def preprocess(rgb: "Pixels", preprocessing: Preprocessing) -> "Pixels":
    """Shorter side to ``resize`` (antialiased), then the central square: uint8 [crop, crop, 3].

    Sizes and offsets are rounded as torchvision's presets do; where the picture is smaller than the crop, black is
    added around it, likewise.
    """
    import numpy as np
    from PIL import Image

    height, width = rgb.shape[:2]
    new_width, new_height = resized_size(width, height, preprocessing.resize)
    if (new_width, new_height) != (width, height):
        kernel = Image.Resampling.BICUBIC if preprocessing.interpolation == "bicubic" else Image.Resampling.BILINEAR
        rgb = np.asarray(Image.fromarray(rgb).resize((new_width, new_height), kernel))
    return centre_crop(rgb, preprocessing.crop)


def resized_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Width and height with the shorter side at ``shorter`` pixels; the longer is rounded down."""
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter


def centre_crop(rgb: "Pixels", side: int) -> "Pixels":
    """The central square of ``side`` pixels, with black around a smaller picture."""
    import numpy as np

    height, width = rgb.shape[:2]
    if height < side or width < side:
        extra_y, extra_x = max(0, side - height), max(0, side - width)
        around = ((extra_y // 2, (extra_y + 1) // 2), (extra_x // 2, (extra_x + 1) // 2), (0, 0))
        rgb = np.pad(rgb, around)
        height, width = rgb.shape[:2]
    top, left = round((height - side) / 2.0), round((width - side) / 2.0)
    return rgb[top : top + side, left : left + side]


def letterbox_box(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    """Where a picture lies in a square of ``side`` pixels that it is fitted into: left, top, width, height.

    It is made smaller where it has to be, and larger only where even its longer side is below half of the square.
    """
    longer = max(width, height)
    scale = side / longer if longer > side or 2 * longer < side else 1.0
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    return (side - new_width) // 2, (side - new_height) // 2, new_width, new_height


def letterbox(rgb: "Pixels", side: int) -> "Pixels":
    """The whole picture in a square, black around it: uint8 [side, side, 3]."""
    import numpy as np
    from PIL import Image

    left, top, width, height = letterbox_box(rgb.shape[1], rgb.shape[0], side)
    if (width, height) != (rgb.shape[1], rgb.shape[0]):
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = rgb
    return square


def mask_of(content: bytes) -> "Pixels":
    """The values of a mask's pixels: uint8 [height, width]. Palettes give their indices, colour pictures their grey.

    Raises :class:`DataError` with the rest of a sentence about it.
    """
    import numpy as np
    from PIL import Image

    from tlstudio.data.checking import kinds

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=kinds()) as image:
                image.load()
                if image.mode in ("P", "L"):
                    return np.asarray(image)
                if image.mode == "1":
                    return np.asarray(image.convert("L"))
                values = np.asarray(image if image.mode.startswith("I") else image.convert("L"))
    except Exception as error:
        raise DataError(f"cannot be read as a mask: {error}.") from error
    if values.min() < 0 or values.max() > 255:
        raise DataError("cannot be used as a mask: it has pixels beyond 255.")
    return values.astype(np.uint8)
