"""The table of a comparison: one row for each method (with its options), whatever has become of its runs."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tlstudio.api.errors import DataError, StudioError, UsageError
from tlstudio.comparing import facts, lineage, naming, significance
from tlstudio.comparing.metrics import Shown
from tlstudio.comparing.sums import Sums, sums_of
from tlstudio.evaluation.files import load_predictions
from tlstudio.project import Project, Run
from tlstudio.registry import Registry
from tlstudio.training.spec import RunSpec

SPLIT = "test"
_FEW = 100  # test items


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """``name``: the method's title; ``apart``: what sets the row apart from others of its method, empty where it is the
    only one. ``scores``: of each finished run, by its id; ``judged``: ``None`` until there is one.
    ``seconds``: mean of the finished runs, with ``seconds_before``, what the runs took that they began from.
    ``problems``: sentences about runs that did not finish.
    """

    name: str
    method: str
    runs: tuple[Run, ...]
    scores: dict[int, float]
    judged: significance.Judged | None = None
    best: bool = False
    seconds: float | None = None
    cost: facts.Facts | None = None
    model_bytes: int | None = None
    problems: tuple[str, ...] = ()
    apart: str = ""
    seconds_before: float = 0.0

    @property
    def title(self) -> str:
        """Both, in one line."""
        return f"{self.name} ({self.apart})" if self.apart else self.name

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; ``None`` with fewer than two."""
        return float(np.std(list(self.scores.values()), ddof=1)) if len(self.scores) > 1 else None

    @property
    def waiting(self) -> int:
        """Runs that are still to come."""
        return sum(run.state in ("queued", "running", "holding", "stopping") for run in self.runs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """``items``: test items that every run was scored on. ``refused``: why a run is not in the table, by its id."""

    dataset: str
    revision: int
    metric: Shown
    items: int
    noun: str
    rows: tuple[Row, ...]
    refused: dict[int, str]
    notes: tuple[str, ...]

    @property
    def comparisons(self) -> int:
        return sum(row.judged is not None for row in self.rows) - 1

    @property
    def complete(self) -> bool:
        return not any(row.waiting for row in self.rows)


def build(project: Project, registry: Registry, run_ids: Sequence[int]) -> Table:
    """The first run decides on which data, by which metric the others must have been made.

    Raises ``UsageError`` for unknown runs, or none.
    """
    runs = [project.run(run_id) for run_id in dict.fromkeys(run_ids)]
    if not runs:
        raise UsageError("Name the runs that are to be compared.")
    specs, refused = _alike(runs)
    kept = [run for run in runs if run.id in specs]
    if not kept:
        raise UsageError(" ".join(refused.values()))
    first = kept[0]
    info = project.dataset(first.dataset)
    metric = Shown.of(registry, first.select_by)
    sums, problems = _scored(kept, info.task, first.select_by)
    items = len(next(iter(sums.values())).rows) if sums else 0
    groups: dict[str, list[Run]] = {}
    for run in kept:
        groups.setdefault(naming.key(project, specs[run.id]), []).append(run)
    named = naming.names(registry, [[specs[run.id] for run in group] for group in groups.values()])
    rows = [
        _row(name, group, sums, problems, {run.id: lineage.seconds_before(project, specs[run.id]) for run in group})
        for name, group in zip(named, groups.values(), strict=True)
    ]  # fmt: skip
    rows = _judged(rows, sums, metric, first.select_by)
    noun = registry.modality(info.modality).noun[1]
    return Table(
        dataset=first.dataset,
        revision=first.revision,
        metric=metric,
        items=items,
        noun=noun,
        rows=tuple(rows),
        refused=refused,
        notes=tuple(_notes(rows, list(specs.values()), sums, items, noun)),
    )


def _alike(runs: Sequence[Run]) -> tuple[dict[int, RunSpec], dict[int, str]]:
    """Specifications of those that can be compared with the first, and why others cannot."""
    specs: dict[int, RunSpec] = {}
    refused: dict[int, str] = {}
    first: RunSpec | None = None
    for run in runs:
        try:
            spec = RunSpec.load(run.dir)
        except StudioError as error:
            refused[run.id] = str(error)
            continue
        first = first or spec
        if spec.dataset != first.dataset:
            why = f"it learns '{spec.dataset}', and run {first.run} '{first.dataset}'"
        elif spec.data_fingerprint != first.data_fingerprint:
            why = (
                f"it was made on revision {spec.revision} of '{spec.dataset}', and run {first.run} on revision "
                f"{first.revision}, whose items, labels or splits are others"
            )
        elif spec.select_by != first.select_by:
            why = f"its model was chosen by {spec.select_by}, and that of run {first.run} by {first.select_by}"
        else:
            specs[run.id] = spec
            continue
        refused[run.id] = f"Run {run.id} cannot be compared with run {first.run}: {why}."
    return specs, refused


def _scored(runs: Sequence[Run], task: str, metric: str) -> tuple[dict[int, Sums], dict[int, str]]:
    """Of every run that was scored on the test split: over the same items, in the same order."""
    found: dict[int, tuple[np.ndarray, Sums]] = {}
    problems: dict[int, str] = {}
    for run in runs:
        if run.state != "finished":
            continue
        try:
            stored = load_predictions(run.dir, SPLIT)
        except DataError as error:
            problems[run.id] = f"Run {run.id}: {error}"
            continue
        sums = sums_of(metric, task, stored["outputs"], stored["targets"])
        if sums is not None and len(sums.rows):
            found[run.id] = stored["item_ids"], sums
    if not found:
        return {}, problems
    shared: set[int] = set.intersection(*(set(ids.tolist()) for ids, _ in found.values()))
    taken = {}
    for run_id, (ids, sums) in found.items():
        place = {item: position for position, item in enumerate(ids.tolist())}
        taken[run_id] = sums.taken(np.array([place[item] for item in sorted(shared)], np.int64))
    return taken if shared else {}, problems


def _row(
    name: tuple[str, str],
    runs: Sequence[Run],
    sums: dict[int, Sums],
    problems: dict[int, str],
    before: dict[int, float],
) -> Row:
    told = [problems[run.id] for run in runs if run.id in problems]
    told += [
        f"Run {run.id} (seed {run.seed}) is {run.state}{f': {run.reason}' if run.reason else '.'}"
        for run in runs
        if run.state in ("failed", "parked", "stopped")
    ]
    done = [run for run in runs if run.state == "finished"]
    times = [run.seconds["total"] + before[run.id] for run in done if run.seconds.get("total")]
    scores = {}
    for run in done:
        value = sums[run.id].value if run.id in sums else run.score(SPLIT)
        if value is not None and math.isfinite(value):
            scores[run.id] = value
    measured = next((found for run in done if (found := facts.load(run.dir))), None)
    sizes = [size for run in done if (size := facts.model_bytes(run.dir)) is not None]
    return Row(
        name=name[0],
        apart=name[1],
        method=runs[0].method,
        runs=tuple(runs),
        scores=scores,
        seconds=float(np.mean(times)) if times else None,
        seconds_before=float(np.mean([before[run.id] for run in runs])),
        cost=measured,
        model_bytes=sizes[0] if sizes else None,
        problems=tuple(told),
    )


def _judged(rows: list[Row], sums: dict[int, Sums], metric: Shown, select_by: str) -> list[Row]:
    """In the order of their means, the best first; those without a score after them."""
    scored = [row for row in rows if any(run_id in sums for run_id in row.scores)]
    if scored:
        best, found = significance.judge(
            [[sums[run_id] for run_id in row.scores if run_id in sums] for row in scored],
            higher_is_better=metric.higher_is_better,
            accuracy=select_by == "accuracy",
        )
        scored = [
            dataclasses.replace(row, judged=judged, best=place == best)
            for place, (row, judged) in enumerate(zip(scored, found, strict=True))
        ]
        scored.sort(key=lambda row: (not row.best, row.judged.behind if row.judged else 0.0))
    kept = {id(run) for row in scored for run in row.runs}
    return [*scored, *(row for row in rows if id(row.runs[0]) not in kept)]


def _notes(rows: Sequence[Row], specs: Sequence[RunSpec], sums: dict[int, Sums], items: int, noun: str) -> list[str]:
    notes: list[str] = []
    judged = [row for row in rows if row.judged is not None]
    if not judged:
        scored = any(row.scores for row in rows)
        waits = any(row.waiting for row in rows)
        if scored and not sums:
            notes.append("The answers to single items are not known for this metric, so differences are not tested.")
        elif not waits:
            notes.append("No run was scored on the test split.")
        return notes
    several = max(len(row.scores) for row in judged)
    if several > 1:
        uneven = " Not every method has as many." if len({len(row.scores) for row in judged}) > 1 else ""
        notes.append(
            f"Means over up to {several} seeds, ± the standard deviation over them. Intervals and p are of the choice "
            f"of the test {noun}, with the seeds as they are.{uneven}"
        )
    else:
        notes.append("One seed each: how much another seed would change is not known. Three are better.")
    if len({spec.labels_per_class for spec in specs}) > 1:
        notes.append("Not all of them were given the same number of labels for each class.")
    if items < _FEW:
        notes.append(f"{items} test {noun} are few: only large differences can be told apart.")
    return notes
