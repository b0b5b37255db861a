"""Regression: the value of an item is a JSON list of its numbers, in the order of the data set's targets."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError, Label, TaskInfo

_STRATA, _FILLED = 10, 10  # at most so many, each with about so many items at least


class Regression:
    """A :class:`tlstudio.api.Task`."""

    def __init__(self, info: TaskInfo) -> None:
        self._names = info.class_names
        self.outputs = max(1, len(info.class_names))

    def value(self, label: Label) -> str:
        """Raises ``DataError`` for what is no finite number, or not as many as there are targets."""
        parts: tuple[object, ...] = label if isinstance(label, tuple) else (label,)
        try:
            numbers = [float(part) for part in parts]  # type: ignore[arg-type]  # whatever it is: refused below
        except (TypeError, ValueError):
            raise DataError(f"Its value is {label!r}, which is no number.") from None
        if not numbers or not all(math.isfinite(number) for number in numbers):
            raise DataError(f"Its value is {label!r}, where finite numbers are needed.")
        if self._names and len(numbers) != len(self._names):
            raise DataError(f"It has {len(numbers)} numbers where {len(self._names)} are needed.")
        return json.dumps(numbers)

    def show(self, value: str) -> str:
        return ", ".join(f"{number:g}" for number in json.loads(value))

    def encode(self, values: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([json.loads(value) for value in values], np.float32).reshape(len(values), self.outputs)

    def strata(self, values: Sequence[str]) -> list[str]:
        """The tenth that the first number falls into; of few items, wider parts."""
        first = np.array([json.loads(value)[0] for value in values], np.float64)
        parts = max(1, min(_STRATA, len(first) // _FILLED))
        edges = np.unique(np.quantile(first, np.linspace(0, 1, parts + 1)[1:-1])) if len(first) else first
        return [str(number) for number in np.searchsorted(edges, first, side="right").tolist()]

    def decode(self, outputs: npt.NDArray[np.float32], top: int) -> dict[str, Any]:
        return {"values": {name: float(number) for name, number in zip(self._names, outputs, strict=True)}}
