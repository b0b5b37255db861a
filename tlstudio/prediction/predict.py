"""Classes of pictures by a model file; one picture that cannot be read never stops the others."""

import os
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import DataError, ExportError
from tlstudio.api.events import Event, Progress
from tlstudio.api.exporter import Predictor
from tlstudio.control import Control
from tlstudio.prediction.files import Named, expand
from tlstudio.prediction.loading import load_predictor
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BATCH = 16  # pictures at once


def predict(
    model: str | os.PathLike[str],
    files: Sequence[str | os.PathLike[str]],
    top: int = 5,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Returns ``{"model": path, "predictions": [...]}``, an entry for each picture in the order of ``files``.

    An entry is ``{"file", "class", "probability", "top": [{"class", "probability"}, ...]}``, the likeliest class
    first and at most ``top`` of them (1 or more), or ``{"file", "error"}`` with a sentence. Raises ``StudioError``
    where the model cannot be used.
    """
    steps = _steps(Control(), Path(model), files, top, registry)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: dict[str, Any] = done.value
            return result


def predict_job(
    control: Control, model: str, files: Sequence[str], top: int = 5
) -> Generator[Event, None, dict[str, Any]]:
    """:func:`predict` with progress; may be stopped between batches."""
    return (yield from _steps(control, Path(model), files, top, None))


def _steps(
    control: Control,
    model: Path,
    files: Sequence[str | os.PathLike[str]],
    top: int,
    registry: Registry | None,
) -> Generator[Event, None, dict[str, Any]]:
    predictor = load_predictor(model, registry or Registry.discover())
    named, started = expand(files), time.monotonic()
    entries: list[dict[str, Any]] = []
    for start in range(0, len(named), BATCH):
        control.raise_if_stopped()
        entries += _classify(predictor, named[start : start + BATCH], max(top, 1))
        left = (time.monotonic() - started) / len(entries) * (len(named) - len(entries))
        yield Progress(done=len(entries), total=len(named), unit="pictures", text="Predicting", eta=round(left, 1))
    return {"model": str(model), "predictions": entries}


def _classify(predictor: Predictor, batch: Sequence[Named], top: int) -> list[dict[str, Any]]:
    """All of a batch at once; where that fails, one by one, so that the picture that is to blame stands alone."""
    usable = [named.path for named in batch if not named.error]
    results: list[dict[str, Any]] = []
    if usable:
        try:
            results = [_entry(predictor, row, top) for row in predictor.logits(usable)]
        except ExportError:
            raise
        except Exception:  # noqa: BLE001 - whatever one picture causes, the others are classified
            results = [_alone(predictor, path, top) for path in usable]
    found = iter(results)
    return [{"file": str(named.path), **({"error": named.error} if named.error else next(found))} for named in batch]


def _alone(predictor: Predictor, path: Path, top: int) -> dict[str, Any]:
    try:
        return _entry(predictor, predictor.logits([path])[0], top)
    except ExportError:
        raise
    except DataError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - a plugin's predictor, or a picture that takes all memory
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(".: ")
        return {"error": f"{path} could not be classified ({reason})."}


def _entry(predictor: Predictor, logits: "npt.NDArray[np.float32]", top: int) -> dict[str, Any]:
    """``logits``: float32 ``[C]`` of one picture."""
    import numpy as np

    names = predictor.card.class_names
    if logits.shape != (len(names),):
        raise ExportError(
            f"The model answers with {logits.size} numbers for a picture, and names {len(names)} classes. "
            "It was changed after its export: export it again."
        )
    if not np.isfinite(logits).all():
        return {"error": "The model gives no finite numbers for this picture."}
    shares = np.exp(logits.astype(np.float64) - logits.max())
    shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")[:top]
    listed = [{"class": names[i], "probability": float(shares[i])} for i in order]
    return {**listed[0], "top": listed}
