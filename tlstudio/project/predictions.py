"""What a run predicted of the items, as ``predictions/<split>.npz`` in its folder tells."""

from pathlib import Path
from typing import NamedTuple

from tlstudio.api.errors import DataError
from tlstudio.project.records import ItemFilter

_RIGHT = {"classification": 0.999, "multilabel": 0.999}  # from which share on an answer is not wrong
_HALF = 0.5  # for numbers and masks: as the evaluation measures it


class Predicted(NamedTuple):
    item_id: int
    predicted: str
    right: float
    confidence: float


def read(run_dir: Path, class_names: tuple[str, ...]) -> list[Predicted]:
    """Every split's. Raises :class:`DataError` where there are none, or a file is damaged."""
    import numpy as np

    found: list[Predicted] = []
    files = sorted((run_dir / "predictions").glob("*.npz"))
    if not files:
        raise DataError(f"Run {run_dir.name} has no predictions of single items. Evaluate it first.")
    for file in files:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                ids = arrays["item_ids"].tolist()
                if "predicted" in arrays:
                    named = [str(name) for name in arrays["predicted"].tolist()]
                    right, confidence = arrays["right"].tolist(), arrays["confidence"].tolist()
                else:  # an earlier version wrote what classes alone need
                    outputs = arrays["logits" if "logits" in arrays else "outputs"].astype(np.float64)
                    targets = arrays["targets"]
                    if outputs.ndim != 2 or targets.ndim != 1:
                        raise ValueError("it does not hold the outputs for classes")
                    best = outputs.argmax(1)
                    shares = np.exp(outputs - outputs.max(1, keepdims=True))
                    confidence = (shares.max(1) / shares.sum(1)).tolist()
                    right = (best == targets).astype(float).tolist()
                    named = [class_names[i] if i < len(class_names) else str(i) for i in best.tolist()]
            found += [Predicted(*each) for each in zip(ids, named, right, confidence, strict=True)]
        except (OSError, ValueError, KeyError, IndexError, EOFError) as error:
            raise DataError(f"The predictions {file} cannot be read: {error}. Evaluate the run again.") from error
    return found


def chosen(found: list[Predicted], wanted: ItemFilter, task: str) -> dict[int, float]:
    """The items that fit, with the confidence of their prediction."""
    enough = _RIGHT.get(task, _HALF)
    return {
        one.item_id: one.confidence
        for one in found
        if (not wanted.predicted or _fits(one.predicted, wanted.predicted, task))
        and (wanted.wrong is None or wanted.wrong == (one.right < enough))
    }


def _fits(predicted: str, wanted: str, task: str) -> bool:
    return predicted == wanted or (task == "multilabel" and wanted in predicted.split(", "))
