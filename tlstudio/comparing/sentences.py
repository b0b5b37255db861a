"""What a comparison comes to: two sentences, by a rule that is said."""

import dataclasses
import math
from collections.abc import Callable

from tlstudio.comparing import significance
from tlstudio.comparing.table import Row, Table
from tlstudio.estimating import duration

_MARGIN = 0.05  # of a share; of other metrics twice as much of the best value
COSTS: dict[str, tuple[str, Callable[[Row], float | None]]] = {
    "time": ("training time", lambda row: row.seconds),
    "parameters": ("parameters trained", lambda row: row.cost.trained if row.cost else None),
    "size": ("size of the model", lambda row: row.model_bytes),
    "latency": ("latency", lambda row: row.cost.latency_ms if row.cost else None),
    "score": ("score", lambda _row: 0.0),  # nothing counts but the mean: that of the best
}
GOALS = {
    "time": "quickest to train",
    "parameters": "fewest trained parameters",
    "size": "smallest model",
    "latency": "fastest prediction",
    "score": "best score, at any price",
}
"""What each of ``COSTS`` aims at, as people choose it; the first is usual."""


@dataclasses.dataclass(frozen=True)
class Pick:
    """``row``: what the rule takes; ``sentences``: what and why."""

    row: Row | None
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def pick(table: Table, by: str = "time") -> Pick:
    """The cheapest (by one of ``COSTS``) that is not significantly worse than the best, or with ``score`` the best
    itself; two sentences that say so.
    """
    judged = [row for row in table.rows if row.judged is not None]
    if not judged:
        return Pick(None, ("Nothing can be said before a run has been scored on the test split.",))
    name, cost = COSTS[by]
    best = next(row for row in judged if row.best)
    level = [row for row in judged if row.judged and not row.judged.worse]
    known = [row for row in level if cost(row) is not None]
    chosen = min(known, key=lambda row: (cost(row) or 0.0, not row.best)) if known else best
    take = "Take" if table.complete else "So far: take"
    first = f"{take} {chosen.title}: {_score(table, chosen)}, {_price(by, chosen)}."
    unknown = len(level) - len(known)
    has = "has no known {} and is" if unknown == 1 else "have no known {} and are"
    aside = f" {unknown} of them {has.format(name)} left aside." if unknown and known else ""
    return Pick(chosen, (first, _why(table, judged, level, best, chosen, name, by == "score") + aside))


def _why(table: Table, judged: list[Row], level: list[Row], best: Row, chosen: Row, name: str, by_score: bool) -> str:
    if len(judged) == 1:
        return "There is no other method yet to compare it with."
    corrected = f"{table.comparisons} comparison{'s' if table.comparisons != 1 else ''}"
    by = " and ".join(sorted({row.judged.test for row in judged if row.judged and row.judged.test}))
    how = f"({by} over {table.items:,} test {table.noun}, Holm's correction for {corrected})"
    if by_score:
        others = len(level) - 1
        if not others:
            return f"It has the best mean, and every other method is significantly worse {how}."
        spared = min((row for row in level if row is not best), key=lambda row: row.seconds or math.inf)
        took = f", quickest to train {spared.title} in {duration(spared.seconds)}" if spared.seconds else ""
        count = f"{others} of {len(judged) - 1} other methods {'is' if others == 1 else 'are'}"
        return f"It has the best mean; {count} not significantly worse {how}{took}."
    if chosen is best:
        if len(level) == len(judged):
            return (
                f"It has the best mean and the lowest {name}, though none of the others is significantly worse {how}."
            )
        if len(level) == 1:
            return f"It has the best mean, and every other method is significantly worse {how}."
        return (
            f"It has the best mean, and the lowest {name} of the {len(level)} methods that are not significantly worse "
            f"than that {how}."
        )
    assert chosen.judged is not None
    gap = table.metric.difference(chosen.judged.behind)
    interval = table.metric.interval(chosen.judged.behind_low, chosen.judged.behind_high)
    return (
        f"It is the cheapest by {name} of the {len(level)} methods that are not significantly worse than the best, "
        f"{best.title} with {_score(table, best)}: {gap} behind (95 %: {interval}), p = {p_text(chosen.judged.p_holm)} "
        f"{how}{_caution(table, best, chosen.judged)}."
    )


def _caution(table: Table, best: Row, chosen: significance.Judged) -> str:
    """Not told apart is not the same as equal: a clause where the interval leaves room for a difference that counts."""
    assert best.judged is not None
    margin = _MARGIN if table.metric.share else 2 * _MARGIN * abs(best.judged.value)
    if chosen.behind_high <= margin:
        return ""
    most = table.metric.difference(chosen.behind_high)
    return f"; that it is {most} behind is not excluded, so take {best.title} where that matters more"


def _score(table: Table, row: Row) -> str:
    assert row.judged is not None
    seeds = len(row.scores)
    spread = f" {table.metric.spread(row.spread)} over {seeds} seeds" if seeds > 1 else ""
    return f"{table.metric.value(row.judged.value)} {table.metric.word}{spread}"


def _price(by: str, row: Row) -> str:
    took = f"trained in {duration(row.seconds)}" if row.seconds else "of unknown training time"
    if row.seconds and row.seconds_before:
        took += " with the runs it is made from"
    if by == "size" and row.model_bytes is not None:
        return f"{took}, {size(row.model_bytes)}"
    if by == "latency" and row.cost:
        return f"{took}, {row.cost.latency_ms:.2g} ms a sample"
    if by == "parameters" and row.cost and row.cost.trained is not None:
        return f"{took}, {count(row.cost.trained)} parameters trained"
    return took


def verdict(row: Row, level: float = significance.LEVEL) -> str:
    """``best``, ``p = 0.21``, ``worse, p = 0.003``; empty where nothing was tested."""
    if row.best:
        return "best"
    if row.judged is None or row.judged.p_holm is None:
        return ""
    text = f"p = {p_text(row.judged.p_holm)}"
    return f"worse, {text}" if row.judged.p_holm < level else text


def p_text(p: float | None) -> str:
    return "–" if p is None else "1" if p >= 0.995 else f"{p:.2f}" if p >= 0.095 else f"{p:.2g}"


def count(number: int | None) -> str:
    """``3.50 M``, ``24.6 k``, ``812``."""
    if number is None:
        return "–"
    if number >= 1_000_000:
        return f"{number / 1e6:.3g} M"
    return f"{number / 1e3:.3g} k" if number >= 1_000 else str(number)


def size(number: int | None) -> str:
    if number is None:
        return "–"
    return f"{number / 1e6:.1f} MB" if number >= 100_000 else f"{number / 1e3:.1f} kB"
