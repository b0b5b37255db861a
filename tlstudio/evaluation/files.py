"""``results.json`` and ``predictions/<split>.npz`` in a run's folder."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def save_predictions(
    run_dir: Path, split: str, logits: "np.ndarray", targets: "np.ndarray", item_ids: Sequence[int]
) -> Path:
    """``logits`` ``[N, C]``, ``targets`` ``[N]``, ``item_ids`` of the project's items. Complete or not at all."""
    import numpy as np

    path = run_dir / "predictions" / f"{split}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            logits=np.asarray(logits, np.float32),
            targets=np.asarray(targets, np.int64),
            item_ids=np.asarray(item_ids, np.int64),
        )
    os.replace(temporary, path)
    return path


def load_predictions(run_dir: Path, split: str) -> "dict[str, np.ndarray]":
    """``logits``, ``targets``, ``item_ids``. Raises ``DataError`` where they are missing or damaged."""
    import zipfile

    import numpy as np

    path = run_dir / "predictions" / f"{split}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in ("logits", "targets", "item_ids")}
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
