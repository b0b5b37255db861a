"""Films, without torch: a few frames of each, evenly spaced in time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.api import Facts, Preprocessing
from tlstudio.data import decoding
from tlstudio_builtins.modalities import film_files

FRAMES = 8


class Video:
    """A :class:`tlstudio.api.Modality`."""

    def check(self, content: bytes, name: str) -> Facts:
        film = film_files.examine(content)
        meta = [
            ("duration", f"{film.seconds:.3g} s"),
            ("frames", str(film.frames)),
            ("codec", film.codec),
            ("container", film.container),
            ("sound", "yes" if film.sound else "no"),
        ]
        return Facts(film.width, film.height, meta=tuple(meta))

    def preview(self, content: bytes, size: int) -> npt.NDArray[np.uint8]:
        frame = Image.fromarray(film_files.clip(content, 1, size)[0])
        frame.thumbnail((size, size))
        return np.asarray(frame)

    def parameters(self, facts: Sequence[Facts]) -> dict[str, Any]:
        """``frames`` of each film that a network is given."""
        return {"frames": FRAMES}

    def inputs(
        self, contents: Sequence[bytes], preprocessing: Preprocessing, parameters: Mapping[str, Any]
    ) -> npt.NDArray[np.uint8]:
        clips = [
            np.stack(
                [decoding.preprocess(frame, preprocessing) for frame in frames_of(content, preprocessing, parameters)]
            )
            for content in contents
        ]
        return np.ascontiguousarray(np.stack(clips).transpose(0, 1, 4, 2, 3))


def frames_of(content: bytes, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """uint8 ``[T, H, W, 3]``, at most twice as large as what the network is given is cut from. Raises ``DataError``."""
    return film_files.clip(content, int(parameters.get("frames", FRAMES)), 2 * preprocessing.resize)
