"""95 % intervals: Wilson's for a share, the percentile bootstrap over items for everything else.

The bootstrap of the standard metrics is done in closed steps: metrics of the confusion matrix resample its cells
(a resample of items is a multinomial resample of cells), areas under curves weigh each item by how often it was
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
_CURVE_WORK = 1e8  # samples x classes x resamples that are still quick
_BLOCK = 500_000  # counts at once: they fit into a processor's cache
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
    """Intervals of ``roc_auc_macro`` and ``pr_auc_macro``; ``scores`` ``[N, C]``, finite."""
    return of_positives(scores, targets[:, None] == np.arange(scores.shape[1]), random)


def of_positives(scores: Floats, positives: npt.NDArray[np.bool_], random: np.random.Generator) -> dict[str, Interval]:
    """The same where a picture may belong to any number of classes: ``positives`` ``[N, C]``."""
    count, classes = scores.shape
    resamples = int(min(RESAMPLES, max(100, _CURVE_WORK / (count * max(classes, 4)))))
    drawn = np.empty((resamples, count), np.uint8)  # how often each picture is in each resample; 256 times never is
    for row in drawn:
        row[:] = np.bincount(random.integers(0, count, count), minlength=count)
    roc, pr = np.full((resamples, classes), np.nan), np.full((resamples, classes), np.nan)
    block = max(1, _BLOCK // count)
    for label in range(classes):
        positive = positives[:, label]
        if positive.any() and not positive.all():
            curve = Curve(scores[:, label], positive)
            for start in range(0, resamples, block):
                some = slice(start, start + block)
                roc[some, label], pr[some, label] = curve.areas(drawn[some])
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


class Curve:
    """One class against the rest, sorted once; then the areas for any number of resamples.

    Both areas are sums over the positives alone: of each, how many are ranked with it or above it. So of all pictures
    only the running count is needed, and that at the positives' places.
    """

    def __init__(self, scores: Floats, positive: npt.NDArray[np.bool_]) -> None:
        """``scores``, ``positive``: ``[N]``."""
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._places = np.flatnonzero(positive[self._order])
        # Equal scores form one step of the curve, from its first place to its last.
        last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        step = np.searchsorted(last, self._places)
        self._last, self._before = last[step], np.append(-1, last)[step]
        self._last_hit = np.searchsorted(self._places, self._last, side="right") - 1
        self._hit_before = np.searchsorted(self._places, self._before, side="right") - 1

    def areas(self, drawn: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Under the ROC curve (trapezia) and the precision-recall curve (steps): ``[R]``; ``drawn`` ``[R, N]``.

        Not a number where a resample has no picture of the class, or of no other.
        """
        ranked = drawn[:, self._order]
        weights = ranked[:, self._places].astype(np.float64)
        seen, hits = _running(ranked), _running(weights)
        above, below = seen[:, self._before + 1], seen[:, self._last + 1]
        hits_above, hits_below = hits[:, self._hit_before + 1], hits[:, self._last_hit + 1]
        positives = hits[:, -1]
        negatives = seen[:, -1] - positives
        misses = ((above - hits_above) + (below - hits_below)) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            roc = 1 - (weights * misses).sum(1) / (positives * negatives)
            pr = (weights * np.where(below > 0, hits_below / below, 0)).sum(1) / positives
        return np.where(np.isfinite(roc), roc, np.nan), np.where(positives > 0, pr, np.nan)


def _running(counts: npt.NDArray[Any]) -> Floats:
    """``[R, K]`` to the sums of the first 0 to K of each row: ``[R, K + 1]``."""
    sums = np.zeros((counts.shape[0], counts.shape[1] + 1))
    np.cumsum(counts, axis=1, out=sums[:, 1:])
    return sums
