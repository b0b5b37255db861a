"""Pictures, without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import Facts, Preprocessing
from tlstudio.data import checking, decoding


class Image:
    """A :class:`tlstudio.api.Modality`."""

    def check(self, content: bytes, name: str) -> Facts:
        return checking.facts(content, name)

    def preview(self, content: bytes, size: int) -> npt.NDArray[np.uint8]:
        return decoding.thumbnail(content, size)

    def parameters(self, facts: Sequence[Facts]) -> dict[str, Any]:
        return {}

    def inputs(
        self, contents: Sequence[bytes], preprocessing: Preprocessing, parameters: Mapping[str, Any]
    ) -> npt.NDArray[np.uint8]:
        side = parameters.get("side")  # the whole picture, for a class of each pixel
        squares = [
            decoding.letterbox(rgb, side) if side else decoding.preprocess(rgb, preprocessing)
            for rgb in map(decoding.rgb_of, contents)
        ]
        return np.ascontiguousarray(np.stack(squares).transpose(0, 3, 1, 2))
