"""Long work as the window and the command line see it: started, followed, stopped."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

from tlstudio.api.engine import Engine
from tlstudio.api.events import EpochDone, Event, Failed, Finished, JobStarted
from tlstudio.process import WorkerProcess
from tlstudio.project import Project
from tlstudio.registry import Registry


class Job(Protocol):
    """Iterate once, in a thread of your own; the last event is terminal. ``send`` is safe from any thread."""

    def __iter__(self) -> Iterator[Event]: ...

    def send(self, command: str) -> None: ...


class NamedJob:
    """A job of the worker's table, in a child process."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        self._name, self._arguments, self._process = name, arguments, WorkerProcess()

    def __iter__(self) -> Iterator[Event]:
        yield from self._process.run(["--job", self._name], first_line=json.dumps(self._arguments))

    def send(self, command: str) -> None:
        self._process.send(command)


class RunJob:
    """Training through the run's engine; keeps the run's row in the project true while it goes."""

    def __init__(self, project: Project, run_id: int, engine: Engine) -> None:
        self._project, self._run_id, self._engine = project, run_id, engine

    def __iter__(self) -> Iterator[Event]:
        self._project.update_run(self._run_id, state="running", started=time.time())
        ended = False
        try:
            for event in self._engine.run(self._project.run_dir(self._run_id)):
                self._record(event)
                ended = ended or event.terminal
                yield event
        finally:
            if not ended:  # the caller has turned away or was interrupted: nobody follows the worker any more
                self._engine.send("stop")

    def send(self, command: str) -> None:
        if command == "stop":
            with contextlib.suppress(Exception):  # telling is worth a try; the engine itself is told in any case
                self._project.update_run(self._run_id, state="stopping")
        self._engine.send(command)

    def _record(self, event: Event) -> None:
        match event:
            case JobStarted():
                self._update(pid=event.pid)
            case EpochDone(best=True):
                values = {k.removeprefix("val_"): v for k, v in event.metrics.items() if k.startswith("val_")}
                self._update(metrics={"val": values})
            case Finished():
                done = event.result
                self._update(
                    state=event.status,
                    ended=event.time,
                    seconds=done.get("seconds", {}),
                    images_per_second=done.get("images_per_second", 0.0),
                    **({"metrics": done["metrics"]} if done.get("metrics") else {}),
                    **({"model": f"runs/{self._run_id}/model.safetensors"} if "model" in done else {}),
                )
            case Failed():
                self._update(state="failed", ended=event.time, reason=event.sentence)

    def _update(self, **fields: Any) -> None:
        self._project.update_run(self._run_id, **fields)


def start(name: str, arguments: dict[str, Any]) -> NamedJob:
    """A job by its name in ``tlstudio.worker.JOBS``; nothing runs before the first event is asked for."""
    return NamedJob(name, arguments)


def start_run(project: Project, run_id: int, registry: Registry | None = None) -> RunJob:
    """Training of a run that ``tlstudio.runs.create_run`` made."""
    from tlstudio.training.spec import RunSpec

    spec = RunSpec.load(project.run_dir(run_id))
    registry = registry or Registry.discover(only=spec.plugins)
    engine: Engine = registry.engine(spec.engine).load()()
    return RunJob(project, run_id, engine)
