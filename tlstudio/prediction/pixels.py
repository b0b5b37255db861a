"""From picture files to what an exported network is given: the same pixels for every format, without torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api.backbone import Preprocessing
from tlstudio.data.decoding import preprocess, read_rgb

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def read_pixels(pictures: Sequence[Path], preprocessing: Preprocessing) -> "npt.NDArray[np.uint8]":
    """uint8 ``[N, 3, crop, crop]`` RGB, N at least 1. Raises ``DataError`` for a file that is no usable picture."""
    import numpy as np

    squares = [preprocess(read_rgb(picture), preprocessing) for picture in pictures]
    return np.ascontiguousarray(np.stack(squares).transpose(0, 3, 1, 2))
