"""Which comparisons there are in a project: batches of several methods, and all runs of a data set."""

from typing import NamedTuple

from tlstudio.project import DatasetInfo, Run


class Comparison(NamedTuple):
    title: str
    runs: tuple[int, ...]


def comparisons(runs: list[Run], datasets: list[DatasetInfo], asked: tuple[int, ...] = ()) -> list[Comparison]:
    """What was asked for first, then batches, the newest first, then what is finished on each data set."""
    found: list[Comparison] = []
    known = {run.id for run in runs}
    batches: dict[int, list[Run]] = {}
    for run in runs:
        if run.batch:
            batches.setdefault(run.batch, []).append(run)
    for first, some in sorted(batches.items(), reverse=True):
        ids = tuple(run.id for run in some)
        kinds = {(run.method, str(run.options)) for run in some}
        if len(kinds) > 1:
            methods = len({run.method for run in some})
            settings = f"{len(kinds)} settings" if len(kinds) > methods else ""
            what = ", ".join(filter(None, (f"{methods} methods" if methods > 1 else "", settings)))
            found.append(Comparison(f"{some[0].dataset} · {what} · {len(some)} runs from run {first}", ids))
    if asked and set(asked) <= known and set(asked) not in [set(one.runs) for one in found]:
        listed = ", ".join(map(str, asked[:6])) + (", …" if len(asked) > 6 else "")
        found.insert(0, Comparison(f"Runs {listed}", asked))
    for dataset in datasets:
        done = [run for run in runs if run.dataset == dataset.name and run.state == "finished"]
        newest = max((run.revision for run in done), default=0)
        ids = tuple(run.id for run in done if run.revision == newest)
        if len({(run.method, str(run.options)) for run in done if run.revision == newest}) > 1:
            found.append(Comparison(f"{dataset.name} · everything finished on r{newest}", ids))
    return found
