"""``results.json`` and ``predictions/<split>.npz`` in a run's folder."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_ARRAYS = ("outputs", "targets", "item_ids")
_COLUMNS = ("predicted", "right", "confidence")  # what files of earlier versions lack
_FORMER = {"outputs": "logits"}


def save_predictions(
    run_dir: Path,
    split: str,
    outputs: "np.ndarray",
    targets: "np.ndarray",
    item_ids: Sequence[int],
    predicted: Sequence[str] | None = None,
    right: "Sequence[float] | np.ndarray | None" = None,
    confidence: "Sequence[float] | np.ndarray | None" = None,
) -> Path:
    """``outputs`` and ``targets`` as in :func:`evaluate_predictions`, ``item_ids`` of the project's items; and, as
    :func:`tlstudio.evaluation.columns` finds them, what was ``predicted`` of each in words, how ``right`` that is and
    with what ``confidence``, 0 to 1. Complete or not at all.
    """
    import numpy as np

    path = run_dir / "predictions" / f"{split}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.asarray(targets)
    columns: dict[str, np.ndarray] = {}
    if predicted is not None:
        columns["predicted"] = np.asarray(list(predicted), np.str_)
    for name, values in (("right", right), ("confidence", confidence)):
        if values is not None:
            columns[name] = np.asarray(values, np.float32)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            outputs=np.asarray(outputs, np.float32),
            targets=labels.astype(np.int64 if labels.dtype.kind in "iub" else np.float32),
            item_ids=np.asarray(item_ids, np.int64),
            **columns,  # type: ignore[arg-type]  # the one named parameter besides arrays is not among them
        )
    os.replace(temporary, path)
    return path


def load_predictions(run_dir: Path, split: str) -> "dict[str, np.ndarray]":
    """``outputs, targets, item_ids``, and ``predicted, right, confidence`` where they were saved.

    Raises ``DataError`` where the file is missing or damaged.
    """
    import zipfile

    import numpy as np

    path = run_dir / "predictions" / f"{split}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name if name in stored else _FORMER.get(name, name)] for name in _ARRAYS}
            return found | {name: stored[name] for name in _COLUMNS if name in stored}
    except FileNotFoundError as error:
        raise DataError(f"The {split} split has not been scored yet: there is no {path.name}.") from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}. Evaluate the run again.") from error


def write_results(run_dir: Path, results: dict[str, Any]) -> None:
    temporary = run_dir / "results.json.tmp"
    temporary.write_text(json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    os.replace(temporary, run_dir / "results.json")


def load_results(run_dir: Path) -> dict[str, Any]:
    """``results.json``; empty splits where there is none yet. Raises ``DataError`` where it is damaged."""
    path = run_dir / "results.json"
    if not path.exists():
        return {"schema_version": 1, "class_names": [], "note": "", "splits": {}}
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Evaluate the run again.") from error
    return results
