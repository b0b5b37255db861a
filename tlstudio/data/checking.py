"""Reads a picture completely and says what it is, or why it cannot be used. Pillow alone; runs in helper processes."""

import functools
import os
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tlstudio.api.errors import DataError
from tlstudio.api.modality import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

Made = TypeVar("Made")
MAX_PIXELS = 178_956_970  # Pillow's own limit for what is more likely an attack than a picture
MAX_BYTES = 1 << 29
_KINDS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "TGA")
_PLUGINS = ("WebP", "Tiff", "Avif", "Jpeg2K", "Tga")  # what Pillow does not load of itself
_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F",
                    "I;16", "I;16L", "I;16B", "I;16N"})  # fmt: skip
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_ORIENTATION = 0x0112
_LOOKED_AT = 32  # pixels of either side that perceptual.py needs


@functools.cache
def kinds() -> tuple[str, ...]:
    """The kinds of file that are decoded: pictures alone, and none that would start another program (EPS)."""
    import importlib

    from PIL import Image

    Image.preinit()
    for plugin in _PLUGINS:
        importlib.import_module(f"PIL.{plugin}ImagePlugin")
    return tuple(kind for kind in _KINDS if kind in Image.OPEN)


def facts(content: bytes, name: str) -> Facts:
    """What a picture's content tells. Raises :class:`DataError` with a sentence where it cannot be used.

    ``meta``: the mode in which Pillow decodes it; the mean brightness and its standard deviation, 0 (black) to 1.
    """
    width, height, (fingerprint, meta) = _decode(content, name, _look)
    return Facts(width, height, phash=fingerprint, meta=meta)


def _look(image: "Image", mode: str, orientation: int) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    from tlstudio.data import perceptual

    grey = perceptual.small_grey(image, orientation)
    fingerprint, mean, spread = perceptual.measure(grey)
    return fingerprint, (("mode", mode), ("brightness", f"{mean / 255:.3f}"), ("contrast", f"{spread / 255:.3f}"))


def _decode(content: bytes, name: str, look: "Callable[[Image, str, int], Made]") -> "tuple[int, int, Made]":
    """Width and height as displayed, and what ``look`` says, which is given the decoded picture, perhaps smaller and
    grey, with the mode that it has in the file and its EXIF orientation. Raises :class:`DataError` with the reason why
    it is unusable.
    """
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=kinds()) as image:
            width, height = image.size
            if width < 1 or height < 1:
                raise DataError(f"The picture has no pixels ({width} x {height}).")
            if width * height > MAX_PIXELS:
                raise DataError(_too_many_pixels(width, height))
            mode = image.mode
            if mode not in _MODES:
                raise DataError(f"Its colours are stored as {mode}, which cannot be used; save it as RGB.")
            # Pillow turns TIFF files by itself.
            orientation = 1 if image.format == "TIFF" else _orientation(image)
            if image.format in ("JPEG", "MPO"):
                # An eighth of the size: every coefficient is still read, but next to no pixel is computed.
                image.draft("L", (max(_LOOKED_AT, width // 8), max(_LOOKED_AT, height // 8)))
            image.load()
            if image.format == "PNG" and not _intact_png(content):
                raise DataError("The picture is damaged: its data do not match their checksum.")
            seen = look(image, mode, orientation)
            return (height, width, seen) if orientation >= 5 else (width, height, seen)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.") from error
    except UnidentifiedImageError as error:
        raise DataError(_unidentified(content, name)) from error
    except MemoryError as error:
        raise DataError("There is not enough memory to decode the picture.") from error
    except Exception as error:
        # Decoders raise anything from struct.error to KeyError on damaged files.
        raise DataError(_damaged(error)) from error


def _intact_png(content: bytes) -> bool:
    """Whether the chunks that make the picture match their checksums, which Pillow does not look at."""
    position = 8
    while position + 12 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        body = memoryview(content)[position + 4 : position + 8 + length]
        kind = bytes(body[:4])
        if kind == b"IEND":
            return True
        if kind in (b"IHDR", b"PLTE", b"IDAT"):
            expected = content[position + 8 + length : position + 12 + length]
            if zlib.crc32(body) != int.from_bytes(expected, "big"):
                return False
        position += 12 + length
    return True


def _orientation(image: "Image") -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - garbage in the EXIF block leaves the picture as it is
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _too_many_pixels(width: int, height: int) -> str:
    return (
        f"The picture has {width} x {height} pixels, more than the limit of {MAX_PIXELS // 1_000_000} million; "
        f"save it smaller."
    )


def _unidentified(content: bytes, name: str) -> str:
    if content.startswith(_SIGNATURES):
        return "The picture is damaged: its beginning cannot be read."
    suffix = os.path.splitext(name)[1]
    return f"It is not a picture that can be read, although its name ends in {suffix}."


def _damaged(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "The picture is cut off: its end is missing."
    return f"The picture is damaged: {text or type(error).__name__}."
