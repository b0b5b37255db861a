"""Percentile bootstrap over items in closed steps: a resample is how often each item is drawn, and every standard
metric of labels, numbers and pixels is a function of sums over items, which are one matrix product for all resamples.
"""

import numpy as np
import numpy.typing as npt

from tlstudio.evaluation.intervals import RESAMPLES, Interval, percentile

Floats = npt.NDArray[np.float64]
_DRAWS = 2e8  # of items: beyond this fewer resamples are drawn, a hundred at least
_BLOCK = 4_000_000  # counts at once


def of_labels(
    given: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], random: np.random.Generator
) -> dict[str, Interval]:
    """``balanced_accuracy, precision_macro, recall_macro, f1_macro`` of ``[N, C]``; labels that no item of a resample
    carries are left out of its mean, as in the metrics themselves.
    """
    sums = _sums(np.concatenate([given & truth, truth, given], 1).astype(np.float64), random)
    right, positive, predicted = np.split(sums, 3, axis=1)
    negative = len(truth) - positive
    present = positive > 0
    recall = share_of(right, positive)
    specificity = share_of(negative - (predicted - right), negative)
    both = present & (negative > 0)
    return _percentiles(
        recall_macro=mean_where(recall, present),
        precision_macro=mean_where(share_of(right, predicted), present),
        f1_macro=mean_where(share_of(2 * right, positive + predicted), present),
        balanced_accuracy=mean_where((recall + specificity) / 2, both),
    )


def of_numbers(outputs: Floats, truth: Floats, random: np.random.Generator) -> dict[str, Interval]:
    """``mae, rmse, r2`` of ``[N, T]``: of each number, then their mean."""
    error, centred = outputs - truth, truth - truth.mean(0)
    sums = _sums(np.concatenate([np.abs(error), error**2, centred, centred**2], 1), random) / len(truth)
    absolute, square, mean, mean_square = np.split(sums, 4, axis=1)
    variance = mean_square - mean**2
    varies = variance > 1e-12 * np.maximum(centred.var(0), 1e-300)
    return _percentiles(
        mae=absolute.mean(1),
        rmse=np.sqrt(square).mean(1),
        r2=mean_where(1 - share_of(square, variance), varies),
    )


def of_pixels(confusions: Floats, random: np.random.Generator) -> dict[str, Interval]:
    """``miou, dice, accuracy`` of ``[N, C, C]``: confusions are summed over the pictures of a resample."""
    right = np.diagonal(confusions, axis1=1, axis2=2)
    sums = _sums(np.concatenate([right, confusions.sum(2), confusions.sum(1)], 1), random)
    hits, truth, predicted = np.split(sums, 3, axis=1)
    present = truth > 0
    return _percentiles(
        miou=mean_where(share_of(hits, truth + predicted - hits), present),
        dice=mean_where(share_of(2 * hits, truth + predicted), present),
        accuracy=share_of(hits.sum(1), truth.sum(1)),
    )


def _sums(rows: Floats, random: np.random.Generator) -> Floats:
    """``[N, K]`` to its sums over the items of each resample: ``[R, K]``."""
    count = len(rows)
    resamples = int(min(RESAMPLES, max(100, _DRAWS / count)))
    sums = np.empty((resamples, rows.shape[1]))
    block = max(1, _BLOCK // count)
    for start in range(0, resamples, block):
        some = sums[start : start + block]
        drawn = random.integers(0, count, (len(some), count)) + np.arange(len(some))[:, None] * count
        weights = np.bincount(drawn.reshape(-1), minlength=len(some) * count).reshape(len(some), count)
        some[:] = weights.astype(np.float64) @ rows
    return sums


def share_of(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
    return shares


def mean_where(values: Floats, where: npt.NDArray[np.bool_]) -> Floats:
    """Of each row over the columns that count; not a number where there is none."""
    counted = where.sum(1)
    means: Floats = np.where(counted > 0, np.where(where, values, 0).sum(1) / np.maximum(counted, 1), np.nan)
    return means


def _percentiles(**values: Floats) -> dict[str, Interval]:
    finite = {name: rows[np.isfinite(rows)] for name, rows in values.items()}
    return {name: percentile(rows) for name, rows in finite.items() if len(rows)}
