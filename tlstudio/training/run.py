"""A whole run: ``train`` is a plain generator of events; the worker is one caller, tests and notebooks are others.

It goes on from the newest checkpoint in the run's folder, where there is one. What follows is then the same as if
nothing had happened: data order, augmentation and every random number are functions of the place in the run, and a
checkpoint holds all the rest.
"""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event, Message, PhaseStarted, Resumed
from tlstudio.api.phases import Data, Phase
from tlstudio.control import Control, Parked
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.seeding import derive, seed_step
from tlstudio.training import checkpoint_files, judging, parking, restore, tensors
from tlstudio.training.answers import Answers
from tlstudio.training.backing_off import WayBack, careful, way_back
from tlstudio.training.device_lock import device_lock
from tlstudio.training.finishing import Finish
from tlstudio.training.holding import hold
from tlstudio.training.judging import Judgement
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
            return parking.result(folder, spec, parked, needed)
        except OSError as error:
            if not checkpoint_files.is_disk_full(error):
                raise
            full = parking.of_full_disk(folder, error, run.needed)
            return parking.result(folder, spec, full, full.needed_bytes)


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
            return
        # Up to three checkpoints with the optimizer's state and averages, and the best model.
        copies = 2 if self._material.features_only else 14
        self.needed = copies * tensors.size_bytes(tensors.named_tensors(self._run.model).values())
        for problem in [*self._scores["target"].problems, *parking.little_room(self._folder, self.needed)]:
            yield Message(level="warning", text=problem)

    # --- the phases ------------------------------------------------------------------------------------------

    def phases(self) -> Generator[Event, None, None]:
        course = self._course
        course.mark = time.perf_counter()
        while course.index < len(self._run.phases):
            if self._control.stop_requested and course.best.state and course.publishable:
                break
            phase = self._run.phases[course.index]
            way: WayBack | None = None
            try:
                yield from self._phase(phase)
            except (Diverged, OutOfMemoryInUpdate) as trouble:
                way = way_back(course, self._keeper.saver, phase, trouble, self._run.runtime.device_name)
            if way:  # not above: while it is handled, the exception keeps the network in memory
                yield from self._back_off(way)
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
        if phase.compute:
            judged = self._judgement(phase)
            yield from compute(run, phase, self._tools, course.clock, course.best, self._control, *judged)
            return
        if on_features(phase) and hasattr(run.method, "begin_features"):
            run.method.begin_features(phase, self._material.solve_data())
            if pending:
                self._keeper.put_back_model(*pending)
        course.loop = loop = self._make_loop(phase, sources)
        if pending:
            loop.put_back(pending[0]["loop"], pending[1])
        if careful(loop, course):  # saved at once, so that an interruption does not forget it
            yield from self._keeper.save(now=True)
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
        if course.best.state and before.predicts != judging.NOTHING:
            judging.predicted(self._run, before).load_state_dict(course.best.state)
        if judging.measure(before) != judging.measure(phase):
            course.best = Best()
            course.publishable = not phase.predicts

    def _judgement(self, phase: Phase) -> Judgement:
        features = self._material.features.get("val")
        return judging.judge(self._run, phase, self._scores[phase.validate_on], self._tools, features)

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

    def _back_off(self, way: WayBack) -> Generator[Event, None, None]:
        """It is the same way back as after a kill: everything is built anew and put back from the files."""
        course = self._course
        yield Message(level="warning", text=way.text)
        self._keeper.saver.forget_later_than(way.found)
        course.loop = None
        del self._run, self._material, self._tools, self._answers, self._keeper
        free_memory(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        yield from self.prepare()
        course.back_offs, course.memory_back_offs, course.parts = way.back_offs, way.memory_back_offs, way.parts

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
