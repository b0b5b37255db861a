"""What a model file says of samples; one that cannot be read never stops the others."""

import os
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from tlstudio import places
from tlstudio.api.errors import DataError, ExportError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.prediction.answering import Answering
from tlstudio.prediction.files import Named, expand, lines, texts
from tlstudio.prediction.loading import load_predictor
from tlstudio.registry import Registry

Paths = Sequence[str | os.PathLike[str]]


def predict(
    model: str | os.PathLike[str],
    files: Paths,
    top: int = 5,
    registry: Registry | None = None,
    *,
    typed: Sequence[str] = (),
    by_line: bool = False,
    out: str | os.PathLike[str] | None = None,
    views: int = 1,
) -> dict[str, Any]:
    """Returns ``{"model": path, "task": id, "modality": id, "predictions": [...]}``, an entry for each sample in order.

    ``files``: samples, folders of them, or places; with ``by_line`` files of texts, one a line. ``typed``: texts.
    ``out``: a folder for the masks of a segmentation, in which nothing is replaced. ``views``: more than 1: the mean
    over so many ways to look at each sample (:mod:`tlstudio.prediction.several_views`), if there are so many; the
    result then says ``views``.

    An entry is ``{"file", ...}`` (``line``, ``text``) with what :meth:`tlstudio.api.Task.decode` answers: ``class,
    probability, top: [{"class", "probability"}]``, at most ``top`` of them (1 or more); ``labels, scores``; ``values``;
    or ``shares`` with ``mask`` and ``mask_values`` (the value of each class in it). Or it is ``{"file", "error"}``
    with a sentence. Raises ``StudioError`` where the model cannot be used.
    """
    steps = _steps(Control(), Path(model), files, top, registry, typed, by_line, Path(out) if out else None, views)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: dict[str, Any] = done.value
            return result


def predict_job(
    control: Control,
    model: str,
    files: Sequence[str] = (),
    top: int = 5,
    typed: Sequence[str] = (),
    by_line: bool = False,
    out: str = "",
    views: int = 1,
) -> Generator[Event, None, dict[str, Any]]:
    """:func:`predict` with progress; may be stopped between batches."""
    return (
        yield from _steps(control, Path(model), files, top, None, typed, by_line, Path(out) if out else None, views)
    )


def _steps(
    control: Control,
    model: Path,
    files: Paths,
    top: int,
    registry: Registry | None,
    typed: Sequence[str],
    by_line: bool,
    out: Path | None,
    views: int = 1,
) -> Generator[Event, None, dict[str, Any]]:
    registry = registry or Registry.discover()
    answering = Answering(load_predictor(model, registry), registry, top, out, views)
    modality = answering.modality
    if (typed or by_line) and modality.id != "text":
        raise UsageError(f"{model.name} is a model of {modality.noun[1]}, which cannot be typed. Name files.")
    named = [*(lines(files) if by_line else expand(files, modality)), *texts(typed)]
    started = time.monotonic()
    entries: list[dict[str, Any]] = []
    for start in range(0, len(named), answering.batch):
        control.raise_if_stopped()
        entries += _answer(answering, named[start : start + answering.batch])
        left = (time.monotonic() - started) / len(entries) * (len(named) - len(entries))
        yield Progress(
            done=len(entries), total=len(named), unit=modality.noun[1], text="Predicting", eta=round(left, 1)
        )
    card = answering.card
    seen = {"views": answering.views} if answering.views > 1 else {}
    return {"model": str(model), "task": card.task, "modality": card.modality, **seen, "predictions": entries}


def _answer(answering: Answering, batch: Sequence[Named]) -> list[dict[str, Any]]:
    """All of a batch at once; where that fails, one by one, so that the sample that is to blame stands alone."""
    usable = [one for one in batch if not one.error]
    results: list[dict[str, Any]] = []
    if usable:
        try:
            results = _together(answering, usable)
        except ExportError:
            raise
        except Exception:  # noqa: BLE001 - whatever one sample causes, the others are answered
            results = [_alone(answering, one) for one in usable]
    found = iter(results)
    return [{**one.as_entry(), **({"error": one.error} if one.error else next(found))} for one in batch]


def _together(answering: Answering, batch: list[Named]) -> list[dict[str, Any]]:
    """Files and texts of their own go by different ways."""
    results: list[dict[str, Any]] = []
    start = 0
    for end in range(1, len(batch) + 1):
        if end == len(batch) or (batch[end].content is None) != (batch[start].content is None):
            results += answering.ask(batch[start:end])
            start = end
    return results


def _alone(answering: Answering, one: Named) -> dict[str, Any]:
    try:
        return answering.ask([one])[0]
    except ExportError:
        raise
    except DataError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - a plugin's predictor, or a sample that takes all memory
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(".: ")
        what = "This text" if one.content is not None else places.printable(str(one.path))
        return {"error": f"{what} could not be predicted ({reason})."}
