"""A whole run: ``train`` is a plain generator of events; the worker is one caller, tests and notebooks are others.

It goes on from the newest checkpoint in the run's folder, where there is one. What follows is then the same as if
nothing had happened: data order, augmentation and every random number are functions of the place in the run, and a
checkpoint holds all the rest.
"""

import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Message, PhaseStarted, Resumed
from tlstudio.api.phases import Data, Phase
from tlstudio.control import Control, Parked
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.seeding import derive, seed_step
from tlstudio.training import checkpoint_files, restore, tensors
from tlstudio.training.answers import Answers
from tlstudio.training.device_lock import device_lock
from tlstudio.training.evaluating import Rank, Validate, rank_by, validator
from tlstudio.training.finishing import Finish
from tlstudio.training.holding import hold
from tlstudio.training.keeping import Course, Keeper
from tlstudio.training.loop import Diverged, PhaseLoop, steps_per_epoch
from tlstudio.training.material import Material
from tlstudio.training.memory import free_memory
from tlstudio.training.preparation import Prepared, on_features, planned_steps, prepare
from tlstudio.training.progress import Best, Clock
from tlstudio.training.scores import Scores
from tlstudio.training.solving import compute, solve
from tlstudio.training.spec import RunSpec
from tlstudio.training.stepping import OutOfMemoryInUpdate
from tlstudio.training.tools import RunTools

NOTHING = "-"  # what a phase predicts of which nothing is validated and kept
_BACK_OFFS = 2  # after a divergence
_BACK_OFF = 0.1  # factor on the learning rate, each time
_WORTH_SAVING = 1 / 3  # of the usual time between checkpoints: the end of a phase is saved already then


def train(control: Control, run_dir: str, registry: Registry | None = None) -> Generator[Event, None, dict[str, Any]]:
    """Trains the run whose ``spec.json`` lies in ``run_dir``; returns what ``tlstudio train --json`` prints."""
    folder = Path(run_dir)
    spec = RunSpec.load(folder)
    with Project.open(folder.parents[1]) as project:
        run = _Run(control, folder, spec, project, registry or Registry.discover(only=spec.plugins))
        try:
            with device_lock(spec) as lock:
                yield from lock.wait(control)
                yield from run.prepare()
                yield from run.phases()
                return (yield from run.finish())
        except Parked as parked:
            needed = parked.needed_bytes or (run.needed if parked.kind == "disk-full" else 0)
            return _parked(folder, spec, parked.reason, parked.kind, needed)
        except OSError as error:
            if not checkpoint_files.is_disk_full(error):
                raise
            free, needed = shutil.disk_usage(folder).free, max(run.needed, checkpoint_files.RESERVE_BYTES)
            reason = (
                f"The disk is full: {error.filename or 'a file of the project'} could not be written. "
                f"{free / 1e6:,.1f} MB are free, and the run needs about {needed / 1e6:,.0f} MB. What its last "
                "checkpoint holds is intact. Make room, and resume it."
            )
            return _parked(folder, spec, reason, "disk-full", needed)


def _parked(folder: Path, spec: RunSpec, reason: str, kind: str, needed_bytes: int) -> dict[str, Any]:
    checkpoint_files.give_up_reserve(folder)
    found, _ = checkpoint_files.newest(folder)
    result: dict[str, Any] = {"run": spec.run, "status": "parked", "reason": reason, "reason_kind": kind}
    if needed_bytes:
        result["needed_bytes"] = needed_bytes
    result["step"] = found.state["clock"]["step"] if found else 0
    if (folder / restore.MODEL_FILE).exists():
        result["model"] = str(folder / restore.MODEL_FILE)
    return result


def _measure(phase: Phase) -> tuple[str, str, str]:
    """What is looked at, and how: the best of two phases can be compared where this is equal."""
    return phase.predicts, phase.validate_on, phase.criterion


class _Run:
    """One run: prepare, phases, finish; and the ways back when something goes wrong between."""

    def __init__(self, control: Control, folder: Path, spec: RunSpec, project: Project, registry: Registry) -> None:
        self._control, self._folder, self._spec = control, folder, spec
        self._project, self._registry = project, registry
        self._course = Course(Clock(0))
        self.needed = 0  # bytes of disk, about; known once it is prepared

    def prepare(self) -> Generator[Event, None, None]:
        """Data, weights, method, machine; and where an interrupted run stood."""
        found, problems = checkpoint_files.newest(self._folder)
        if found:
            clock = found.state["clock"]
            text = f"Goes on from step {clock['step']}, with {clock['epoch']} epochs complete."
            yield Resumed(step=clock["step"], epoch=clock["epoch"], text=text)
        for problem in problems:
            yield Message(level="warning", text=problem)
        checkpoint_files.keep_reserve(self._folder)
        saved = found.state["runtime"] if found else None
        self._run: Prepared
        self._run = yield from prepare(self._control, self._spec, self._project, self._registry, saved)
        run = self._run
        metrics = self._registry.metrics()
        self._scores: dict[Data, Scores] = {
            data: Scores(metrics, side.subject.task.id, side.objective, self._spec.select_by)
            for data, side in run.sides.items()
        }
        self._material = Material(self._run, self._spec.seed, self._project.path / "cache" / "features", self._control)
        self._tools = RunTools(run, self._material, self._scores, self._folder, self._spec.seed, self._control)
        self._answers = Answers(self._run, self._registry)
        self._course.clock = Clock(total_steps=planned_steps(self._run.phases, self._run.sides))
        self._keeper = Keeper(self._folder, self._spec, self._run, self._course)
        if found:
            Finish.forget(self._folder)
            self._keeper.put_back(found)
        else:
            for problem in [*self._scores["target"].problems, *self._little_room()]:
                yield Message(level="warning", text=problem)

    def _little_room(self) -> list[str]:
        model = tensors.size_bytes(tensors.named_tensors(self._run.model).values())
        # Up to three checkpoints with the optimizer's state and averages, and the best model.
        self.needed = (2 if self._material.features_only else 14) * model
        free = shutil.disk_usage(self._folder).free
        if free >= self.needed:
            return []
        return [
            f"The disk that holds the project has {free / 1e6:,.0f} MB free, and this run may need "
            f"{self.needed / 1e6:,.0f} MB for its checkpoints. When the disk is full it parks, to go on once there is "
            "room."
        ]

    # --- the phases ------------------------------------------------------------------------------------------

    def phases(self) -> Generator[Event, None, None]:
        course = self._course
        course.mark = time.perf_counter()
        while course.index < len(self._run.phases):
            if self._control.stop_requested and course.best.state and course.publishable:
                break
            phase = self._run.phases[course.index]
            try:
                yield from self._phase(phase)
            except (Diverged, OutOfMemoryInUpdate) as trouble:
                yield from self._back_off(phase, trouble)
                continue
            if self._control.stop_requested:
                break
            course.index, course.loop, course.back_offs = course.index + 1, None, 0
            if self._keeper.saver.due(_WORTH_SAVING):
                yield from self._keeper.save(now=True)
        course.tick()

    def _phase(self, phase: Phase) -> Generator[Event, None, None]:
        course, run = self._course, self._run
        pending, course.pending, course.loop = course.pending, None, None
        if not pending:
            yield from self._keeper.save(now=True, pin=True)
        if not pending:
            self._begin(phase)
        sources = yield from self._material.sources(phase, self._tools, again=pending is not None)
        if not pending:
            yield PhaseStarted(
                index=course.index,
                count=len(run.phases),
                name=phase.name,
                title=phase.title,
                epochs=phase.epochs,
                steps_per_epoch=0 if phase.solve or phase.compute else steps_per_epoch(phase, sources),
            )
        seed_step(derive(self._spec.seed, "phase", phase.name), run.runtime.device)
        if phase.solve:
            data = self._material.solve_data()
            yield from solve(run, phase, data, self._scores["target"], course.clock, course.best, self._control)
            return
        validate, rank, keeps = self._judgement(phase)
        if phase.compute:
            yield from compute(run, phase, self._tools, course.clock, course.best, self._control, validate, rank, keeps)
            return
        if on_features(phase) and hasattr(run.method, "begin_features"):
            run.method.begin_features(phase, self._material.solve_data())
            if pending:
                self._keeper.put_back_model(*pending)
        course.loop = loop = self._make_loop(phase, sources)
        if pending:
            loop.put_back(pending[0]["loop"], pending[1])
        yield from self._settle(loop)
        yield from loop.run()
        if not tensors.finite(loop.optimizer.parameters):
            raise Diverged("a weight is no longer a number")

    def _begin(self, phase: Phase) -> None:
        """The part that was learnt before goes on from its best state; where another is looked at now, or by another
        measure, the search for the best begins anew.
        """
        course, phases = self._course, self._run.phases
        if not course.index:
            course.publishable = not phase.predicts
            return
        before = phases[course.index - 1]
        if course.best.state and before.predicts != NOTHING:
            self._predicted(before).load_state_dict(course.best.state)
        if _measure(before) != _measure(phase):
            course.best = Best()
            course.publishable = not phase.predicts

    def _predicted(self, phase: Phase) -> nn.Module:
        """The part of the model that a phase is about."""
        return self._run.model.get_submodule(phase.predicts) if phase.predicts else self._run.method.predictor()

    def _judgement(self, phase: Phase) -> tuple[Validate, Rank, Callable[[], nn.Module] | None]:
        """How a phase is validated, how its epochs are ranked, and what is kept of the best."""
        run, side = self._run, self._run.sides[phase.validate_on]
        own = getattr(run.method, "validate", None)
        plain: Validate | None = None
        if not (phase.predicts and (phase.criterion or phase.predicts == NOTHING)):
            usual = on_features(phase) and not phase.predicts and phase.validate_on == "target"
            plain = validator(
                lambda: self._predicted(phase),
                side,
                self._material.features.get("val") if usual else None,
                run.runtime,
                self._scores[phase.validate_on],
            )

        def validate() -> Generator[Event, None, dict[str, float]]:
            values = (yield from plain()) if plain else {}
            return {**values, **((yield from own(phase, self._tools)) if own else {})}

        keeps = None if phase.predicts == NOTHING else lambda: self._predicted(phase)
        return validate, rank_by(self._scores[phase.validate_on], phase.criterion), keeps

    def _make_loop(self, phase: Phase, sources: dict[str, Any]) -> PhaseLoop:
        run = self._run
        validate, rank, keeps = self._judgement(phase)
        return PhaseLoop(
            run.method,
            run.model,
            phase,
            sources,
            objective=run.sides[phase.validate_on].objective,
            runtime=run.runtime,
            seed=self._spec.seed,
            clock=self._course.clock,
            best=self._course.best,
            validate=validate,
            rank=rank,
            keeps=keeps,
            control=self._control,
            boundary=self._between_steps,
            every_step=self._spec.runtime.checkpoint_seconds == 0,
        )

    def _between_steps(self) -> Generator[Event, None, None]:
        """A checkpoint where one is due; waiting; leaving. Raises ``Parked``."""
        yield from self._keeper.save(now=self._control.take_checkpoint_request() or self._control.interrupted)
        loop = self._course.loop
        assert loop is not None
        held = time.perf_counter()
        yield from hold(self._control, self._course.clock.step, lambda q: self._answers.answer(q, loop.as_validated))
        self._course.skip(time.perf_counter() - held)
        if self._control.leaving:
            yield from self._keeper.save(now=True)
        if self._control.park_requested and not self._control.stop_requested:
            raise Parked(*self._control.park_reason)

    # --- when something goes wrong -----------------------------------------------------------------------------

    def _back_off(self, phase: Phase, trouble: Exception) -> Generator[Event, None, None]:
        """Back to the last good checkpoint; after a second divergence to the beginning of the phase.

        It is the same way back as after a kill: everything is built anew and put back from the files.
        """
        course, saver = self._course, self._keeper.saver
        memory, step = isinstance(trouble, OutOfMemoryInUpdate), course.clock.step
        back_offs, memory_back_offs = course.back_offs + (not memory), course.memory_back_offs + memory
        parts = 2 * (course.loop.stepper.parts if course.loop else 1) if memory else course.parts
        if memory:
            text = f"The {self._run.runtime.device_name} ran out of memory in the update of step {step}."
            remedy = "Smaller parts are computed from there on."
        else:
            text = f"Training diverged at step {step}: {trouble}."
            remedy = f"The learning rate is {_BACK_OFF**back_offs:g} of what was set from there on."
        if back_offs > _BACK_OFFS:
            raise TrainingError(
                f"Training diverged in phase '{phase.title}', step {step}: {trouble}, even with "
                f"{_BACK_OFF**_BACK_OFFS:g} of the learning rate. Train again with a lower one; the best model so far "
                "is kept."
            ) from trouble
        found = saver.pinned() if back_offs == _BACK_OFFS and not memory else saver.newest()
        if found is None or memory_back_offs > _BACK_OFFS:
            raise TrainingError(f"{text} There is no way on; choose a smaller batch or a lower rate.") from trouble
        yield Message(level="warning", text=f"{text} It goes back to step {found.state['clock']['step']}. {remedy}")
        saver.forget_later_than(found)
        course.loop = None
        del self._run, self._material, self._answers, self._keeper
        free_memory(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        yield from self.prepare()
        course.back_offs, course.memory_back_offs, course.parts = back_offs, memory_back_offs, parts

    def _settle(self, loop: PhaseLoop) -> Generator[Event, None, None]:
        """What a back-off asked of the loop; saved at once, so that an interruption does not forget it."""
        course = self._course
        loop.stepper.rate = _BACK_OFF**course.back_offs
        loop.stepper.parts = max(loop.stepper.parts, course.parts)
        if course.memory_back_offs:
            loop.optimizer.save_memory()
        if course.back_offs or course.memory_back_offs:
            yield from self._keeper.save(now=True)

    # --- after -----------------------------------------------------------------------------------------------

    def finish(self) -> Generator[Event, None, dict[str, Any]]:
        """Scores the best model: validation and test, each looked at once, at the end."""
        course = self._course
        if not course.best.state or not course.publishable:
            self._control.raise_if_leaving()
            raise TrainingError("The method ended without a model.")
        self._keeper.keep_best()
        finish = Finish(self._control, self._folder, self._spec, self._registry, self._run, self._material, course.best)
        metrics = yield from finish.score(self._scores["target"].select_by)
        phase_seconds = course.clock.phase_seconds
        course.tick()
        images, seconds = course.clock.images, course.clock.training_seconds
        if not images or self._material.features_only:
            images, seconds = self._material.images, self._material.seconds
        return {
            "run": self._spec.run,
            "status": "stopped" if self._control.stop_requested else "finished",
            "metrics": metrics,
            "best_epoch": course.best.epoch,
            "seconds": {
                "total": round(course.clock.total_seconds, 2),
                "training": round(phase_seconds, 2),
            },
            "images_per_second": round(images / seconds, 2) if seconds else 0.0,
            "model": str(self._folder / restore.MODEL_FILE),
        }
