"""95 % intervals: Wilson's for a share, the percentile bootstrap over pictures for everything else.

The bootstrap of the standard metrics is done in closed steps: metrics of the confusion matrix resample its cells
(a resample of pictures is a multinomial resample of cells), areas under curves weigh each picture by how often it was
drawn. Other metrics are computed anew on each resample, as many as fit into a few seconds.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]
RESAMPLES = 1000
_CURVE_WORK = 3e8  # samples x classes x resamples that are still quick
_GENERIC_SECONDS = 2.0
_Z = 1.959963984540054


def wilson(hits: int, count: int) -> Interval:
    """Wilson's score interval (Wilson 1927): right for small counts and for shares near 0 and 1."""
    if not count:
        return 0.0, 1.0
    share, z2 = hits / count, _Z**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def of_confusion(confusion: npt.NDArray[np.int64], random: np.random.Generator) -> dict[str, Interval]:
    """Intervals of ``balanced_accuracy, recall_macro, precision_macro, f1_macro`` from counts ``[truth, prediction]``.

    Classes without a picture in a resample are left out of its mean, as in the metrics themselves.
    """
    classes, total = len(confusion), int(confusion.sum())
    cells = confusion.reshape(-1)
    filled = np.flatnonzero(cells)
    draws = random.multinomial(total, cells[filled] / total, size=RESAMPLES).astype(np.float64)
    rows, columns = filled // classes, filled % classes
    truth, predicted, right = (np.zeros((RESAMPLES, classes)) for _ in range(3))
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        truth[:, row] += draws[:, index]
        predicted[:, column] += draws[:, index]
        if row == column:
            right[:, row] += draws[:, index]
    present = truth > 0
    recall = _share(right, truth)
    precision = _share(right, predicted)
    f1 = _share(2 * right, truth + predicted)
    means = {
        name: np.where(present, values, 0).sum(1) / present.sum(1)
        for name, values in (("recall_macro", recall), ("precision_macro", precision), ("f1_macro", f1))
    }
    means["balanced_accuracy"] = means["recall_macro"]
    return {name: percentile(values) for name, values in means.items()}


def of_curves(scores: Floats, targets: npt.NDArray[np.int64], random: np.random.Generator) -> dict[str, Interval]:
    """Intervals of ``roc_auc_macro`` and ``pr_auc_macro``; ``scores`` ``[N, C]``."""
    count, classes = scores.shape
    resamples = int(min(RESAMPLES, max(50, _CURVE_WORK / (count * classes))))
    weights = random.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    roc, pr = np.full((resamples, classes), np.nan), np.full((resamples, classes), np.nan)
    for label in range(classes):
        positive = targets == label
        if positive.any() and not positive.all():
            order = np.argsort(-scores[:, label], kind="stable")
            # Equal scores form one step of the curve.
            last = np.append(np.flatnonzero(np.diff(scores[order, label])), count - 1)
            for start in range(0, resamples, 64):
                block = slice(start, min(start + 64, resamples))
                drawn = weights[block][:, order]
                hits = np.cumsum(drawn * positive[order], axis=1)[:, last]
                seen = np.cumsum(drawn, axis=1)[:, last]
                roc[block, label], pr[block, label] = _areas(hits, seen)
    found = {}
    for name, values in (("roc_auc_macro", roc), ("pr_auc_macro", pr)):
        usable = ~np.isnan(values).all(1)
        if usable.any():
            found[name] = percentile(np.nanmean(values[usable], axis=1))
    return found


def generic(
    metric: Any,
    logits: Any,
    targets: Any,
    take: Callable[[npt.NDArray[np.int64]], tuple[Any, Any]],
    random: np.random.Generator,
) -> Interval | None:
    """Any metric, computed anew on each resample; ``None`` where fewer than 50 fitted into the time."""
    values: list[float] = []
    started, count = time.monotonic(), len(targets)
    while len(values) < RESAMPLES and time.monotonic() - started < _GENERIC_SECONDS:
        some_logits, some_targets = take(random.integers(0, count, count))
        metric.reset()
        metric.update(some_logits, some_targets)
        value = float(metric.compute())
        if math.isfinite(value):
            values.append(value)
    return percentile(np.array(values)) if len(values) >= 50 else None


def percentile(values: Floats) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _share(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


def _areas(hits: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """Areas under the ROC curve (trapezia) and the precision-recall curve (steps), for each row of weights."""
    total, misses = hits[:, -1:], seen - hits
    negatives = misses[:, -1:]
    step_hits = np.diff(hits, axis=1, prepend=0)
    step_misses = np.diff(misses, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        roc = (step_misses * (hits - step_hits / 2)).sum(1) / (total * negatives)[:, 0]
        pr = (step_hits * np.where(seen > 0, hits / seen, 0)).sum(1) / total[:, 0]
    return np.where(np.isfinite(roc), roc, np.nan), np.where((total > 0)[:, 0], pr, np.nan)
