"""A comparison as JSON, and as the cells of a table."""

import dataclasses
from collections.abc import Callable
from typing import Any

from tlstudio.comparing import sentences
from tlstudio.comparing.sentences import Pick
from tlstudio.comparing.table import Row, Table
from tlstudio.estimating import clock


@dataclasses.dataclass(frozen=True)
class Column:
    """``shown`` is given the table and a row, as is ``whole``, which has more to say. ``numeric``: at the right."""

    id: str
    title: str
    shown: Callable[[Table, Row], str]
    numeric: bool = True
    tip: str = ""
    whole: Callable[[Table, Row], str] = lambda _table, _row: ""


def _score(table: Table, row: Row) -> str:
    if not row.scores:
        return "–"
    mean = row.judged.value if row.judged else sum(row.scores.values()) / len(row.scores)
    return f"{table.metric.value(mean)} {table.metric.spread(row.spread)}".rstrip()


def _interval(table: Table, row: Row) -> str:
    return "–" if row.judged is None else table.metric.interval(row.judged.low, row.judged.high)


def _behind(table: Table, row: Row) -> str:
    if row.judged is None or row.best:
        return "–"
    return table.metric.difference(row.judged.behind)


def _trained(_table: Table, row: Row) -> str:
    if row.cost is None:
        return "–"
    return f"{sentences.count(row.cost.trained)} / {sentences.count(row.cost.parameters)}"


def _latency(_table: Table, row: Row) -> str:
    return "–" if row.cost is None else f"{row.cost.latency_ms:.3g} ms"


def _latencies(_table: Table, row: Row) -> str:
    cost = row.cost
    if cost is None:
        return ""
    quartiles = f"{cost.latency_low_ms:.3g} to {cost.latency_high_ms:.3g} ms"
    return f"Half of {cost.passes} passes took {quartiles}; {cost.device}, {cost.threads} threads"


def _difference(table: Table, row: Row) -> str:
    if row.judged is None or row.best:
        return ""
    ends = table.metric.interval(row.judged.behind_low, row.judged.behind_high)
    p = f"p = {sentences.p_text(row.judged.p)}, corrected {sentences.p_text(row.judged.p_holm)}"
    return f"{table.metric.difference(row.judged.behind)} behind the best (95 %: {ends}); {p}, {row.judged.test}"


def _times(_table: Table, row: Row) -> str:
    if row.seconds is None or not row.seconds_before:
        return ""
    return f"{clock(row.seconds - row.seconds_before)}, and {clock(row.seconds_before)} for the runs it is made from"


def state(row: Row) -> str:
    """``3 finished``, ``1 of 3 · training``, ``2 of 3 · 1 failed``."""
    done, count = len(row.scores), len(row.runs)
    if done == count:
        return "finished" if count == 1 else f"{count} finished"
    words = {"queued": "waiting", "running": "training", "holding": "paused"}
    others: dict[str, int] = {}
    for run in row.runs:
        if run.id not in row.scores:
            name = "not scored" if run.state == "finished" else words.get(run.state, run.state)
            others[name] = others.get(name, 0) + 1
    if {"training", "paused"} & others.keys():
        others.pop("waiting", None)  # it follows
    named = ", ".join(f"{number} {name}" if number > 1 or count > 1 else name for name, number in others.items())
    return named if count == 1 else f"{done} of {count} · {named}"


COLUMNS = (
    Column("method", "Method", lambda _, row: row.title, numeric=False),
    Column("state", "Runs", lambda _, row: state(row), numeric=False, tip="One for each seed"),
    Column("score", "Test", _score, tip="Mean over the seeds on the test split, ± their standard deviation"),
    Column("interval", "95 % interval", _interval, tip="Of the mean, over the choice of the test items (bootstrap)"),
    Column("behind", "Behind the best", _behind, whole=_difference),
    Column(
        "verdict",
        "Against the best",
        lambda _, row: sentences.verdict(row),
        numeric=False,
        tip="Holm-corrected p of no difference; “worse” where it is below 0.05",
        whole=_difference,
    ),
    Column(
        "time",
        "Training",
        lambda _, row: "–" if row.seconds is None else clock(row.seconds),
        tip="Mean of a run, with the runs that it began from",
        whole=_times,
    ),
    Column("trained", "Trained / all", _trained, tip="Parameters that were trained, of all of the model"),
    Column("size", "Model", lambda _, row: sentences.size(row.model_bytes), tip="Of model.safetensors"),
    Column("latency", "Latency", _latency, tip="Median of one sample through the network, float32", whole=_latencies),
)


def as_dict(table: Table, pick: Pick) -> dict[str, Any]:
    """JSON-able."""
    return {
        "dataset": table.dataset,
        "revision": table.revision,
        "split": "test",
        "items": table.items,
        "metric": table.metric.id,
        "higher_is_better": table.metric.higher_is_better,
        "comparisons": max(0, table.comparisons),
        "complete": table.complete,
        "methods": [_row_as_dict(row) for row in table.rows],
        "refused": {str(run_id): reason for run_id, reason in table.refused.items()},
        "pick": pick.row.title if pick.row else "",
        "sentences": list(pick.sentences),
        "notes": list(table.notes),
    }


def _row_as_dict(row: Row) -> dict[str, Any]:
    judged, measured = row.judged, row.cost
    values: dict[str, Any] = {
        "title": row.title,
        "method": row.method,
        "runs": [run.id for run in row.runs],
        "seeds": [run.seed for run in row.runs],
        "states": {str(run.id): run.state for run in row.runs},
        "scores": {str(run_id): value for run_id, value in row.scores.items()},
        "best": row.best,
        "spread": row.spread,
        "seconds": row.seconds,
        "seconds_before": row.seconds_before,
        "model_bytes": row.model_bytes,
        "problems": list(row.problems),
        "verdict": sentences.verdict(row),
    }
    for name in ("value", "low", "high", "behind", "behind_low", "behind_high", "p", "p_holm", "test"):
        values[name] = getattr(judged, name) if judged else None
    for name in (
        "parameters",
        "trained",
        "latency_ms",
        "latency_low_ms",
        "latency_high_ms",
        "threads",
        "device",
        "busy",
    ):
        values[name] = getattr(measured, name) if measured else None
    return {name: None if isinstance(value, float) and value != value else value for name, value in values.items()}


def measured_on(table: Table) -> str:
    """A sentence on where the latencies come from; empty where there are none."""
    found = [row.cost for row in table.rows if row.cost]
    if not found:
        return ""
    places = sorted({f"{one.device}, {one.threads} thread{'s' if one.threads != 1 else ''}" for one in found})
    busy = (
        " Other work kept the machine busy meanwhile: these are too long, and cannot be compared with each other."
        if any(one.busy for one in found)
        else ""
    )
    return (
        f"Latency: median of one sample at a time through the network alone, float32, on {' or '.join(places)}.{busy}"
    )
