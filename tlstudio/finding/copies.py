"""A copy of a run that could be made: its data, network and method, ready for the first step of its main phase.

Nothing of it is written into the project but features of the frozen backbone, in the cache, which the run itself will
find there; the random state of the process is afterwards what it was.
"""

import contextlib
import dataclasses
import random
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.phases import Phase, Schedule
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.runs import plan_run, spec_of
from tlstudio.seeding import derive, seed_step
from tlstudio.training.batch_norm import set_training_modes
from tlstudio.training.loop import steps_per_epoch
from tlstudio.training.material import Material
from tlstudio.training.optimizers import NamedOptimizer
from tlstudio.training.preparation import Prepared, on_features, prepare
from tlstudio.training.progress import Best, Clock
from tlstudio.training.scores import Scores
from tlstudio.training.solving import solve
from tlstudio.training.sources import Source
from tlstudio.training.spec import RunSpec, RuntimePreferences
from tlstudio.training.stepping import Stepper
from tlstudio.training.tools import RunTools

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class RunCopy:
    """``phase``: the one that is tried, with a constant rate; ``rate``: of its first group, as the options have it."""

    spec: RunSpec
    prepared: Prepared
    phase: Phase
    sources: dict[str, Source]
    stepper: Stepper
    rate: float

    def option(self, name: str) -> Any:
        """What an option of the method is set to, ``None`` where it has none of that name."""
        return getattr(self.prepared.context.options, name, None)


@contextlib.contextmanager
def same_randomness() -> Iterator[None]:
    """Afterwards the global generators of Python, NumPy and torch are where they were."""
    python, numbers, cpu = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    deterministic = torch.get_deterministic_debug_mode()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        torch.default_generator.set_state(cpu)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        torch.set_deterministic_debug_mode(deterministic)


def make(
    control: Control, project: Project, registry: Registry, request: dict[str, Any], folder: Path
) -> Generator[Event, None, RunCopy]:
    """``request``: the arguments of :func:`tlstudio.runs.plan_run`; ``folder`` for what a method may want to write.

    Phases before the main one that are solved are gone through, so that it starts as it will in the run; others are
    left out, which is said. Raises ``UsageError`` where no phase of the method goes by steps.
    """
    wanted = {**request, "runtime": RuntimePreferences(**request.get("runtime", {}))}
    spec = spec_of(project, plan_run(project, registry, **wanted), run_id=0)
    run = yield from _without_news(prepare(control, spec, project, registry, None))
    stepped = [phase for phase in run.phases if phase.groups]
    main = next((phase for phase in reversed(stepped) if not on_features(phase)), stepped[-1] if stepped else None)
    if main is None:
        raise UsageError(
            f"'{spec.method}' as it is set here learns without steps of gradient descent: there is no rate and no "
            "batch size to be found."
        )
    scores = {
        data: Scores(registry.metrics(), side.subject.task.id, side.objective, spec.select_by)
        for data, side in run.sides.items()
    }
    material = Material(run, spec.seed, project.path / "cache" / "features", control)
    tools = RunTools(run, material, scores, folder, spec.seed, control)
    for phase in run.phases[: run.phases.index(main)]:
        if not phase.solve:
            yield Message(text=f"The phase '{phase.title}' before it is left out.")
            continue
        yield from _without_news(material.sources(phase, tools))
        best = Best()
        yield from _without_news(solve(run, phase, material.solve_data(), scores["target"], Clock(0), best, control))
        run.method.predictor().load_state_dict(best.state)
    sources = yield from _without_news(material.sources(main, tools))
    if on_features(main) and hasattr(run.method, "begin_features"):
        run.method.begin_features(main, material.solve_data())
    tried = dataclasses.replace(main, schedule=Schedule(kind="constant"))
    seed_step(derive(spec.seed, "phase", main.name), run.runtime.device)
    optimizer = NamedOptimizer(run.model, tried)
    set_training_modes(run.model, tried.batch_norm)
    objective = run.sides[main.validate_on].objective
    steps = main.epochs * steps_per_epoch(main, sources)
    stepper = Stepper(run.method, objective, tried, optimizer, run.runtime, spec.seed, steps)
    return RunCopy(spec, run, tried, sources, stepper, tried.groups[0].lr)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tlstudio-find-") as name:
        yield Path(name)


def _without_news(steps: Generator[Event, None, T]) -> Generator[Event, None, T]:
    """Hands on progress and messages alone: what else is told is about a run, and this is none."""
    while True:
        try:
            event = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        if isinstance(event, Progress | Message):
            yield event
