"""Multi-class classification: the value of an item is the name of its class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError, Label, TaskInfo


class Classification:
    """A :class:`tlstudio.api.Task`."""

    def __init__(self, info: TaskInfo) -> None:
        self._names = info.class_names
        self._index = {name: position for position, name in enumerate(info.class_names)}
        self.outputs = len(info.class_names)

    def value(self, label: Label) -> str:
        if isinstance(label, str) and label:
            return label
        if isinstance(label, tuple) and len(label) == 1 and isinstance(label[0], str):
            return label[0]
        raise DataError(f"Its label is {label!r}, where the name of one class is needed.")

    def show(self, value: str) -> str:
        return value

    def encode(self, values: Sequence[str]) -> npt.NDArray[np.int64]:
        return np.array([self._index[value] for value in values], np.int64)

    def strata(self, values: Sequence[str]) -> list[str]:
        return list(values)

    def decode(self, outputs: npt.NDArray[np.float32], top: int) -> dict[str, Any]:
        shares = np.exp(outputs.astype(np.float64) - outputs.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")[: max(top, 1)]
        listed = [{"class": self._names[i], "probability": float(shares[i])} for i in order]
        return {**listed[0], "top": listed}
