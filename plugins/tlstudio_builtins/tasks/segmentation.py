"""Semantic segmentation: the value of an item says where its mask lies, relative to the data set, and its content.

``{"mask": path, "offset": n, "length": n, "sha256": hex}``; offset and length only where the mask is a part of a file.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError, Label, Mask, TaskInfo

IGNORED = 255
"""The value of pixels in an encoded mask that do not count."""


class Segmentation:
    """A :class:`tlstudio.api.Task`."""

    def __init__(self, info: TaskInfo) -> None:
        self._names = info.class_names
        self.outputs = len(info.class_names)

    def value(self, label: Label) -> str:
        """``label.path`` with ``/``, as the importer has made it relative to the data set; it adds the hash."""
        if not isinstance(label, Mask):
            raise DataError("It has no mask.")
        part = {"offset": label.offset, "length": label.length} if label.length else {}
        return json.dumps({"mask": label.path.as_posix(), **part}, ensure_ascii=False)

    def show(self, value: str) -> str:
        return str(json.loads(value)["mask"])

    def encode(self, values: Sequence[str]) -> npt.NDArray[np.int64]:
        return np.zeros(len(values), np.int64)

    def strata(self, values: Sequence[str]) -> list[str]:
        return [""] * len(values)

    def decode(self, outputs: npt.NDArray[np.float32], top: int) -> dict[str, Any]:
        """``outputs`` ``[C, H, W]``."""
        best = outputs.argmax(0)
        counts = np.bincount(best.reshape(-1), minlength=self.outputs) / best.size
        return {"shares": {name: float(share) for name, share in zip(self._names, counts, strict=True)}}
