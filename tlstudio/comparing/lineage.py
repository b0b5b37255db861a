"""What came before a run: the runs that it began from, and those that these began from."""

from tlstudio.api.errors import StudioError
from tlstudio.project import Project
from tlstudio.training.spec import RunSpec
from tlstudio.weights.of_runs import run_number


def seconds_before(project: Project, spec: RunSpec) -> float:
    """What was trained before this run could begin, each run counted once: those that it combines or goes on from, and
    those whose backbone it begins with. Without its teacher, which may be there for other reasons.
    """
    known: dict[int, float] = {}
    waiting = _began_from(spec)
    while waiting:
        run_id = waiting.pop()
        if run_id in known:
            continue
        known[run_id] = 0.0
        try:
            run = project.run(run_id)
            waiting += _began_from(RunSpec.load(run.dir))
        except StudioError:
            continue  # it is gone; what it took is not known
        known[run_id] = run.seconds.get("total", 0.0)
    return sum(known.values())


def _began_from(spec: RunSpec) -> list[int]:
    number = run_number(spec.weights)
    return [*spec.runs, *([] if number is None else [number])]
