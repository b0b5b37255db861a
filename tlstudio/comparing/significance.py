"""Whether methods differ by more than the choice of the test items explains.

The paired bootstrap (Efron and Tibshirani 1993, chapter 16) draws items with replacement, the same ones for every run;
McNemar's exact test (McNemar 1947) looks at the items that one of two models gets right and the other does not; Holm's
procedure (Holm 1979) keeps the probability of any false alarm among several comparisons at the level.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tlstudio.comparing.sums import Floats, Sums

LEVEL = 0.05
RESAMPLES, FEWEST = 10_000, 1_000
_DRAWS, _WORK = 4e7, 1e10  # items drawn, multiply-adds: beyond either, fewer resamples
_BLOCK = 2_000_000  # counts at once
MCNEMAR, BOOTSTRAP = "McNemar's exact test", "paired bootstrap"


@dataclasses.dataclass(frozen=True)
class Judged:
    """Of one method. ``value``: mean over its runs; ``low`` and ``high``: its 95 % interval over test items.

    ``behind``: how much worse than the best, in the metric's units, with its interval; ``p`` two-sided, ``p_holm``
    corrected for all comparisons with the best. The best itself is 0 behind, and has no ``p``.
    """

    value: float
    low: float
    high: float
    behind: float = 0.0
    behind_low: float = 0.0
    behind_high: float = 0.0
    p: float | None = None
    p_holm: float | None = None
    test: str = ""

    @property
    def worse(self) -> bool:
        """Significantly so."""
        return self.p_holm is not None and self.p_holm < LEVEL


def judge(
    methods: Sequence[Sequence[Sums]], *, higher_is_better: bool, accuracy: bool = False, seed: int = 0
) -> tuple[int, list[Judged]]:
    """Which is the best, and each beside it. ``methods``: the runs of each, all over the same items in one order.

    ``accuracy``: the rows say (bool) which answers are right; with one run of a method, McNemar's test
    then takes the bootstrap's place. Several runs of one method are averaged within each resample, so that an item
    counts once, however many seeds looked at it.
    """
    sign = 1.0 if higher_is_better else -1.0
    values = [float(np.mean([run.value for run in runs])) for runs in methods]
    best = max(range(len(methods)), key=lambda i: (sign * values[i], -i))
    drawn = _resampled(methods, np.random.default_rng(seed))
    found = []
    for place, (runs, value) in enumerate(zip(methods, values, strict=True)):
        low, high = _percentiles(drawn[place])
        if place == best:
            found.append(Judged(value, low, high))
            continue
        behind = sign * (drawn[best] - drawn[place])
        if accuracy and len(runs) == len(methods[best]) == 1:
            p, test = mcnemar(methods[best][0].rows[:, 0], runs[0].rows[:, 0]), MCNEMAR
        else:
            p, test = _two_sided(behind), BOOTSTRAP
        ends = _percentiles(behind)
        found.append(Judged(value, low, high, sign * (values[best] - value), *ends, p=p, test=test))
    others = [place for place in range(len(found)) if place != best]
    for place, corrected in zip(others, holm([found[place].p or 0.0 for place in others]), strict=True):
        found[place] = dataclasses.replace(found[place], p_holm=corrected)
    return best, found


def mcnemar(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Two-sided p of the exact test; ``a`` and ``b`` ``[N]``: which items each model gets right."""
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    count = only_a + only_b
    logs = [
        math.lgamma(count + 1) - math.lgamma(i + 1) - math.lgamma(count - i + 1) - count * math.log(2)
        for i in range(min(only_a, only_b) + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))


def holm(ps: Sequence[float]) -> list[float]:
    """Corrected in the order given (Holm 1979): the smallest times their number, the next times one less, ..."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    corrected, floor = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = floor
    return corrected


def _resampled(methods: Sequence[Sequence[Sums]], random: np.random.Generator) -> Floats:
    """``[methods, R]``: the mean over each one's runs in every resample of the items."""
    runs = [run for group in methods for run in group]
    count = len(runs[0].rows)
    resamples = int(max(FEWEST, min(RESAMPLES, _DRAWS / count, _WORK / sum(run.rows.size for run in runs))))
    values = np.empty((len(runs), resamples))
    block = max(1, _BLOCK // count)
    for start in range(0, resamples, block):
        many = min(block, resamples - start)
        places = random.integers(0, count, (many, count)) + np.arange(many)[:, None] * count
        weights = np.bincount(places.reshape(-1), minlength=many * count).reshape(many, count).astype(np.float64)
        for number, run in enumerate(runs):
            values[number, start : start + many] = run.of(weights @ run.rows.astype(np.float64))
    bounds = np.cumsum([0, *(len(group) for group in methods)])
    means: Floats = np.stack([values[a:b].mean(0) for a, b in itertools.pairwise(bounds)])
    return means


def _two_sided(differences: Floats) -> float:
    """The p of no difference, from where 0 lies among the resamples; never below what their number can show."""
    finite = differences[np.isfinite(differences)]
    below, above = int((finite <= 0).sum()), int((finite >= 0).sum())
    return float(min(1.0, 2 * (1 + min(below, above)) / (1 + len(finite))))


def _percentiles(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan, math.nan
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
