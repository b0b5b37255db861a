"""Multi-label classification: the value of an item is a JSON list of the names of its labels, in class order."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError, Label, TaskInfo

THRESHOLD = 0.5


class MultiLabel:
    """A :class:`tlstudio.api.Task`."""

    def __init__(self, info: TaskInfo) -> None:
        self._names = info.class_names
        self._index = {name: position for position, name in enumerate(info.class_names)}
        self.outputs = len(info.class_names)

    def value(self, label: Label) -> str:
        """Names that the data set does not know (yet) stand behind those that it does, in alphabetical order."""
        if isinstance(label, str):
            label = (label,) if label else ()
        if not isinstance(label, tuple) or not all(isinstance(name, str) and name for name in label):
            raise DataError(f"Its label is {label!r}, where names of labels are needed.")
        last = len(self._index)
        names = sorted({str(name) for name in label}, key=lambda name: (self._index.get(name, last), name))
        return json.dumps(names, ensure_ascii=False)

    def show(self, value: str) -> str:
        return ", ".join(json.loads(value)) or "none"

    def encode(self, values: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(values), self.outputs), np.float32)
        for row, value in zip(rows, values, strict=True):
            row[[self._index[name] for name in json.loads(value)]] = 1
        return rows

    def strata(self, values: Sequence[str]) -> list[str]:
        """The rarest of an item's labels: where that is spread alike, the frequent ones follow."""
        parsed = [json.loads(value) for value in values]
        counts = Counter(name for names in parsed for name in names)
        return [min(names, key=lambda name: (counts[name], name), default="") for names in parsed]

    def decode(self, outputs: npt.NDArray[np.float32], top: int) -> dict[str, Any]:
        shares = 1 / (1 + np.exp(-outputs.astype(np.float64)))
        order = np.argsort(-shares, kind="stable")
        scores = [{"class": self._names[i], "probability": float(shares[i])} for i in order]
        labels = [name for name, share in zip(self._names, shares, strict=True) if share >= THRESHOLD]
        return {"labels": labels, "scores": scores[: max(top, 1)]}
