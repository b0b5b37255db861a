"""At every opening: what the runs' folders and the table of runs have to give each other."""

import time
from pathlib import Path

from tlstudio.project import adoption, backup, run_files, specifications
from tlstudio.project.aside import Aside
from tlstudio.project.database import Database
from tlstudio.project.runs import Runs


def restore_runs(database: Database, runs: Runs, project: Path, aside: Aside) -> list[str]:
    """Adopts run folders without a row and writes damaged specifications again; sentences about it."""

    def copies(run_id: int) -> str:
        text = backup.specification(project, run_id)
        found = specifications.parse(text)
        return text if found and found["run"] == run_id else ""

    notices: list[str] = []
    adopted, problems = adoption.adopt(database, project / "runs", aside, copies)
    if adopted:
        what = f"Run {adopted[0]} was" if len(adopted) == 1 else f"{len(adopted)} runs ({_listed(adopted)}) were"
        notices.append(f"{what} not in the database; what the folders in {project / 'runs'} tell of them was restored.")
    problems += specifications.repair(database, runs.directory, aside, copies)
    problems += _lost_histories(runs)
    notices += _new_ones(database, problems)
    if unplaced := [run.id for run in runs.all() if run.reason == adoption.FOUND]:
        notices += _new_ones(database, [f"Not restored: the places of these runs in the queue: {_listed(unplaced)}."])
    if adopted or aside.used:
        notices += _lost_data(database)
    return notices


def _lost_histories(runs: Runs) -> list[str]:
    """Finished runs whose history does not say so."""
    lost = []
    for run in runs.all():
        path = run.dir / run_files.EVENTS
        if run.state == "finished" and path.exists() and run_files.last_terminal_event(run.dir) is None:
            lost.append(
                f"The history of run {run.id} ({path}) is cut short or damaged: its curves are incomplete. Its results "
                "and its model are not affected."
            )
    return lost


def _lost_data(database: Database) -> list[str]:
    query = (
        "SELECT dataset, group_concat(id, ', ') FROM (SELECT dataset, id FROM runs ORDER BY id)"
        " WHERE dataset NOT IN (SELECT name FROM datasets) GROUP BY dataset ORDER BY dataset"
    )
    with database.connection() as connection:
        return [
            f"The data set '{name}' is not restored (runs that use it: {numbers}). Import it again under that name."
            for name, numbers in connection.execute(query)
        ]


def _new_ones(database: Database, sentences: list[str]) -> list[str]:
    """Those that nobody was told yet: what cannot be mended need not be said at every opening."""
    if not sentences:
        return []
    with database.transaction() as connection:
        query = "INSERT OR IGNORE INTO meta VALUES (?, ?)"
        return [text for text in sentences if connection.execute(query, (f"told: {text}", str(time.time()))).rowcount]


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return shown + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
