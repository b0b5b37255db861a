"""A fingerprint of what a picture shows, which copies of it share even if resized, recompressed or brightened.

It is made of the signs of the 63 lowest frequencies of the picture at 32 x 32 pixels, so that it fits into a signed
64-bit integer (that of SQLite), and so that the fingerprint of the mirrored picture follows from it without the pixels.
"""

import functools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

SIDE = 32
BITS = 63
_KEPT = 8  # frequencies in each direction; the mean, which is the first of the 64, is left out
_SMALL = 1 << 18  # pixels: up to here it is faster to take the colours away first
_FLAT = 2.0  # of 255, root mean square: pictures with less to see would all share one fingerprint of noise

MIRRORED = sum(1 << bit for bit in range(BITS) if (bit + 1) % _KEPT % 2)
"""``phash ^ MIRRORED`` is the fingerprint of the picture flipped left to right."""


def small_grey(image: "Image", orientation: int = 1) -> "npt.NDArray[np.float32]":
    """float32 ``[32, 32]``, 0 to 255, as displayed: on white where it is transparent, turned as EXIF says (1 to 8).

    ``image`` is any decoded picture of Pillow, of any mode and size; it is left as it is.
    """
    import numpy as np
    from PIL import Image

    from tlstudio.data.decoding import to_rgb

    small = image
    if "transparency" in image.info and image.mode in ("1", "L", "RGB", "P"):
        small = image.convert("RGBA")
    elif image.mode in ("P", "1", "PA", "La", "RGBa"):
        small = image.convert({"P": "RGB", "1": "L"}.get(image.mode, "RGBA"))
    elif image.mode.startswith("I") or image.mode == "F":
        small = to_rgb(image)
    elif image.mode == "RGB" and image.width * image.height <= _SMALL:
        small = image.convert("L")
    small = small.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if small.mode in ("RGBA", "LA"):
        small = to_rgb(small)
    grey = np.asarray(small if small.mode == "L" else small.convert("L"), dtype=np.float32)
    if orientation >= 5:
        grey = grey.T
    # What is left of the eight orientations after the transposition is a flip of columns, rows or both.
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    if orientation in (3, 4, 7, 8):
        grey = grey[::-1]
    return grey


def phash(grey: "npt.NDArray[np.float32]") -> int | None:
    """0 to 2**63 - 1 of a picture ``[32, 32]``; ``None`` where it shows next to nothing (one colour)."""
    return measure(grey)[0]


def measure(grey: "npt.NDArray[np.float32]") -> tuple[int | None, float, float]:
    """:func:`phash`, and mean and standard deviation of the brightness, 0 to 255."""
    import numpy as np

    mean = float(np.add.reduce(grey, None)) / grey.size
    centred = grey - mean
    spread = math.sqrt(float(np.vdot(centred, centred)) / grey.size)
    if spread < _FLAT:
        return None, mean, spread
    basis = _basis()
    waves = basis @ centred @ basis.T
    return int.from_bytes(np.packbits(waves.ravel()[:0:-1] > 0).tobytes(), "big") >> 1, mean, spread


@functools.cache
def _basis() -> "npt.NDArray[np.float32]":
    """The lowest rows of the discrete cosine transform: float32 ``[8, 32]``."""
    import numpy as np

    frequency, position = np.arange(_KEPT)[:, None], np.arange(SIDE)[None, :]
    rows: npt.NDArray[Any] = np.cos(np.pi * frequency * (2 * position + 1) / (2 * SIDE))
    return rows.astype(np.float32)
