"""Splits by time: the oldest for training, the newest for the test."""

import dataclasses
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import DataError
from tlstudio.data.clusters import Clusters, Numbers, SplitItem
from tlstudio.data.notes import some

_MONTH = re.compile(r"\d{4}-\d{2}$")


@dataclasses.dataclass(frozen=True)
class Times:
    """``values`` ``[N]``: seconds or whatever the numbers are; NaN where an item has none that can be read."""

    values: npt.NDArray[np.float64]

    def warnings(self, items: Sequence[SplitItem], clusters: Clusters, splits: Sequence[str]) -> list[str]:
        said = []
        unknown = [items[position] for position in np.flatnonzero(np.isnan(self.values)).tolist()]
        if unknown:
            listed = some(f"{item.path} ({item.time!r})" if item.time else f"{item.path} (none)" for item in unknown)
            said.append(
                f"The time of {len(unknown)} of {len(items)} items cannot be read: {listed}. They are in training, "
                f"unless they belong together with others, so that a few of them may be newer than the test. Write "
                f"times as 2024-05-31, as 2024-05-31T13:30 or as numbers, or exclude these items."
            )
        training = np.array([name == "train" for name in splits])
        if training.any() and not np.isnan(self.values[training]).all():
            newest = float(np.nanmax(self.values[training]))
            older = np.flatnonzero(~training & (self.values <= newest))
            if len(older):
                listed = some(items[position].path for position in older.tolist())
                said.append(
                    f"{len(older)} items are as old as training but held out, since newer members of the same group "
                    f"or copies of them are: {listed}. No group is parted and nothing in training is newer than what "
                    f"is held out for its time; leave the grouping out if time alone shall count."
                )
        different = len(np.unique(self.values[~np.isnan(self.values)]))
        for name, what in (("val", "validation"), ("test", "test")):
            if name not in splits:
                said.append(
                    f"There is no way to fill the {what} split by time: the items have {different} different times, "
                    f"and what belongs together leaves {len(clusters.keys)} parts that cannot be parted further. "
                    f"Split by shares, group by something finer, or add items of other times."
                )
        return said


def times_of(items: Sequence[SplitItem]) -> Times:
    """Raises :class:`DataError` where most of the items have no time that can be read."""
    numbers = np.fromiter((_number(item.time) for item in items), np.float64, len(items))
    dates = np.fromiter((_date(item.time) for item in items), np.float64, len(items))
    values = numbers if np.isnan(numbers).sum() <= np.isnan(dates).sum() else dates
    known = int((~np.isnan(values)).sum())
    if known * 2 < len(items) or not known:
        without = [item for item, value in zip(items, values.tolist(), strict=True) if math.isnan(value)]
        raise DataError(
            f"A split by time needs to know when the items were made; of {len(items)} items {known} have a time that "
            f"can be read. Without: {some(f'{item.path} ({item.time!r})' for item in without)}. Name the column with "
            f"the time, and write it as 2024-05-31, as 2024-05-31T13:30 or as a number."
        )
    return Times(values)


def share_by_time(times: Times, clusters: Clusters, ratios: Sequence[float], chosen: Numbers) -> Numbers:
    """The split of each cluster by the newest of its items; ``chosen`` is at least 0 where it has one already.

    Clusters of the same time are in the same split. What has no time is for training.
    """
    newest = np.full(len(clusters.keys), -np.inf)
    known = ~np.isnan(times.values)
    np.maximum.at(newest, clusters.of[known], times.values[known])
    free = chosen < 0
    if not free.any():
        return chosen
    moments, where = np.unique(newest[free], return_inverse=True)
    until = np.cumsum(np.bincount(where.reshape(-1), clusters.sizes[free])).astype(np.float64)
    # Training ends after moment ``first``, validation after moment ``second``.
    first = _nearest(until, ratios[0] * until[-1], 0, max(0, len(moments) - 3))
    second = _nearest(until, (ratios[0] + ratios[1]) * until[-1], first + 1, max(first + 1, len(moments) - 2))
    by_moment = np.where(np.arange(len(moments)) <= first, 0, np.where(np.arange(len(moments)) <= second, 1, 2))
    if len(moments) == 2:
        by_moment = np.array([0, 2])
    answer = chosen.copy()
    answer[free] = by_moment[where.reshape(-1)]
    return answer


def _nearest(until: npt.NDArray[np.float64], wanted: float, least: int, most: int) -> int:
    window = until[least : most + 1]
    return least + int(np.abs(window - wanted).argmin()) if len(window) else least


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _date(text: str) -> float:
    """Seconds since 1970; what names no time zone is taken as UTC."""
    text = text.strip().replace("/", "-")
    if text[4:5] != "-":
        return math.nan  # 2024 and 20240531 are numbers
    try:
        moment = datetime.fromisoformat(f"{text}-01" if _MONTH.match(text) else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
