"""Reads one file completely and says what it is, or why it cannot be used. Pillow alone; runs in helper processes."""

import functools
import hashlib
import os
import stat
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tlstudio.api.errors import DataError
from tlstudio.api.modality import Facts

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 178_956_970  # Pillow's own limit for what is more likely an attack than a picture
MAX_BYTES = 1 << 29
_KINDS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "TGA")
_PLUGINS = ("WebP", "Tiff", "Avif", "Jpeg2K", "Tga")  # what Pillow does not load of itself
_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F",
                    "I;16", "I;16L", "I;16B", "I;16N"})  # fmt: skip
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_ORIENTATION = 0x0112
_LOOKED_AT = 32  # pixels of either side that perceptual.py needs


class Checked(NamedTuple):
    """``reason`` is empty for a usable picture; otherwise a sentence, and the rest is 0.

    ``sha256`` of the content, 32 bytes; width and height in pixels as displayed (after EXIF rotation).
    """

    sha256: bytes = b""
    width: int = 0
    height: int = 0
    bytes: int = 0
    mtime_ns: int = 0
    reason: str = ""


@functools.cache
def kinds() -> tuple[str, ...]:
    """The kinds of file that are decoded: pictures alone, and none that would start another program (EPS)."""
    import importlib

    from PIL import Image

    Image.preinit()
    for plugin in _PLUGINS:
        importlib.import_module(f"PIL.{plugin}ImagePlugin")
    return tuple(kind for kind in _KINDS if kind in Image.OPEN)


def check_files(paths: Sequence[str]) -> list[Checked]:
    """Checks one file after the other; never raises for what is wrong with a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data and large sizes, which is judged here
        return [check_file(path) for path in paths]


def check_file(path: str) -> Checked:
    """Reads the file once, hashes it and decodes its first frame far enough to notice that something is missing."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return Checked(reason="It is not an ordinary file.")
        if status.st_size == 0:
            return Checked(reason="The file is empty.")
        if status.st_size > MAX_BYTES:
            return Checked(reason=f"The file is larger than {MAX_BYTES >> 20} MB.")
        with open(path, "rb") as stream:
            content = stream.read()
    except (OSError, ValueError) as error:
        return Checked(reason=f"The file cannot be read: {getattr(error, 'strerror', None) or error}.")
    try:
        width, height = _decode(content, path, None)
    except DataError as error:
        return Checked(reason=str(error))
    return Checked(hashlib.sha256(content).digest(), width, height, len(content), status.st_mtime_ns)


def facts(content: bytes, name: str) -> Facts:
    """What a picture's content tells. Raises :class:`DataError` with a sentence where it cannot be used.

    ``meta``: the mode in which Pillow decodes it; the mean brightness and its standard deviation, 0 (black) to 1.
    """
    seen: list[tuple[int | None, tuple[tuple[str, str], ...]]] = []
    width, height = _decode(content, name, lambda image, mode, turn: seen.append(_look(image, mode, turn)))
    ((fingerprint, meta),) = seen
    return Facts(width, height, phash=fingerprint, meta=meta)


def _look(image: "Image", mode: str, orientation: int) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    from tlstudio.data import perceptual

    grey = perceptual.small_grey(image, orientation)
    fingerprint, mean, spread = perceptual.measure(grey)
    return fingerprint, (("mode", mode), ("brightness", f"{mean / 255:.3f}"), ("contrast", f"{spread / 255:.3f}"))


def _decode(
    content: bytes, path: str, look: "Callable[[Image, str, int], None] | None"
) -> tuple[int, int]:  # fmt: skip
    """Width and height as displayed. ``look`` is given the decoded picture, perhaps smaller and grey, with the mode
    that it has in the file and its EXIF orientation. Raises :class:`DataError` with the reason why it is unusable.
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
                least = _LOOKED_AT if look else 1
                image.draft("L", (max(least, width // 8), max(least, height // 8)))
            image.load()
            if image.format == "PNG" and not _intact_png(content):
                raise DataError("The picture is damaged: its data do not match their checksum.")
            if look:
                look(image, mode, orientation)
            return (height, width) if orientation >= 5 else (width, height)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.") from error
    except UnidentifiedImageError as error:
        raise DataError(_unidentified(content, path)) from error
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


def _unidentified(content: bytes, path: str) -> str:
    if content.startswith(_SIGNATURES):
        return "The picture is damaged: its beginning cannot be read."
    suffix = os.path.splitext(path)[1]
    return f"It is not a picture that can be read, although its name ends in {suffix}."


def _damaged(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "The picture is cut off: its end is missing."
    return f"The picture is damaged: {text or type(error).__name__}."
