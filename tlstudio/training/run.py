"""A whole run: ``train`` is a plain generator of events; the worker is one caller, tests and notebooks are others.

It goes on from the newest checkpoint in the run's folder, where there is one. What follows is then the same as if
nothing had happened: data order, augmentation and every random number are functions of the place in the run, and a
checkpoint holds all the rest.
"""

import dataclasses
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import EpochDone, Event, Message, PhaseStarted, Resumed
from tlstudio.api.method import Phase
from tlstudio.control import Control, Parked
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.seeding import derive, seed_step
from tlstudio.training import checkpoint_files, restore, saving, tensors
from tlstudio.training.answers import Answers
from tlstudio.training.device_lock import device_lock
from tlstudio.training.evaluating import logits_of_features, rank_by, validator
from tlstudio.training.finishing import Finish
from tlstudio.training.holding import hold
from tlstudio.training.loop import Best, Clock, Diverged, PhaseLoop, steps_per_epoch
from tlstudio.training.material import Material
from tlstudio.training.memory import free_memory
from tlstudio.training.preparation import Prepared, on_features, planned_steps, prepare
from tlstudio.training.scores import Scores
from tlstudio.training.spec import RunSpec
from tlstudio.training.stepping import OutOfMemoryInUpdate

_BACK_OFFS = 2  # after a divergence
_BACK_OFF = 0.1  # factor on the learning rate, each time
_WORTH_SAVING = 1 / 3  # of the usual time between checkpoints: the end of a phase is saved already then


def train(control: Control, run_dir: str, registry: Registry | None = None) -> Generator[Event, None, dict[str, Any]]:
    """Trains the run whose ``spec.json`` lies in ``run_dir``; returns what ``tlstudio train --json`` prints."""
    folder = Path(run_dir)
    spec = RunSpec.load(folder)
    with Project.open(folder.parents[1]) as project:
        known = registry or Registry.discover(only=spec.plugins)
        run = _Run(control, folder, spec, project, known)
        try:
            with device_lock(spec) as lock:
                yield from lock.wait(control)
                yield from run.prepare()
                yield from run.phases()
                return (yield from run.finish())
        except Parked as parked:
            checkpoint_files.give_up_reserve(folder)
            return run.parked(parked.reason, parked.kind)
        except OSError as error:
            if not checkpoint_files.is_disk_full(error):
                raise
            checkpoint_files.give_up_reserve(folder)
            return run.parked(
                f"The disk is full: {error.filename or 'a file'} could not be written. What the last checkpoint holds "
                "is intact. Make room, and resume the run.",
                "disk-full",
            )


class _Run:
    """The state of one run between its steps: prepare, phases, finish."""

    def __init__(self, control: Control, folder: Path, spec: RunSpec, project: Project, registry: Registry) -> None:
        self._control, self._folder, self._spec = control, folder, spec
        self._project, self._registry = project, registry
        self._started = time.perf_counter()
        self._best = Best()
        self._clock = Clock(0)
        self._index, self._loop = 0, None  # the phase that goes on, and its loop once it has begun
        self._back_offs, self._memory_back_offs, self._parts = 0, 0, 0
        self._saved: tuple[int, ...] = ()  # the place of the last checkpoint

    _loop: PhaseLoop | None

    # --- before ----------------------------------------------------------------------------------------------

    def prepare(self) -> Generator[Event, None, None]:
        """Data, weights, method, machine; and where an interrupted run stood."""
        found, problems = checkpoint_files.newest(self._folder)
        self._saver = saving.Saver(self._folder, self._spec.runtime.checkpoint_seconds)
        checkpoint_files.keep_reserve(self._folder)
        if found:
            yield from self._say_where(found)
        for problem in problems:
            yield Message(level="warning", text=problem)
        saved = found.state["runtime"] if found else None
        self._run: Prepared
        self._run = yield from prepare(self._control, self._spec, self._project, self._registry, saved)
        classes = len(self._run.manifest.class_names)
        self._scores = Scores(self._registry.metrics(), classes, self._spec.select_by)
        for problem in self._scores.problems:
            yield Message(level="warning", text=problem)
        self._material = Material(self._run, self._spec.seed, self._project.path / "cache" / "features", self._control)
        self._answers = Answers(self._run, self._registry)
        self._clock = Clock(total_steps=planned_steps(self._run.phases, self._run.manifest))
        if found:
            self._refuse_other_beginnings(found)
            Finish.forget(self._folder)
            self._go_back_to(found)
            self._saver.adopt(found, self._best, self._description())

    def _say_where(self, found: checkpoint_files.Found) -> Generator[Event, None, None]:
        clock = found.state["clock"]
        text = f"Goes on from step {clock['step']}, with {clock['epoch']} epochs complete."
        yield Resumed(step=clock["step"], epoch=clock["epoch"], text=text)

    def _refuse_other_beginnings(self, found: checkpoint_files.Found) -> None:
        differing = [n for n, digest in found.state["initial"].items() if self._run.initial.get(n) != digest]
        if differing:
            raise TrainingError(
                f"The network is not the one that run {self._spec.run} began with: {len(differing)} of its tensors "
                f"start with other numbers ({differing[0]}). Its weights '{self._spec.weights}', or the plugin that "
                "builds it, have changed; bring them back, or start a new run."
            )

    def _go_back_to(self, found: checkpoint_files.Found) -> None:
        """Puts back everything but the loop of a phase, which :meth:`phases` makes."""
        state, stored = found.state, saving.load(found)
        self._put_back(state, stored)
        self._best = saving.load_best(found, state)
        self._clock = Clock(**state["clock"])
        self._started = time.perf_counter()
        self._index, self._back_offs = state["phase"], state["back_offs"]
        self._pending = (state, stored) if state["loop"] else None

    _pending: tuple[dict[str, Any], tensors.Tensors] | None = None  # what the loop to be made goes on from

    def _put_back(self, state: dict[str, Any], stored: tensors.Tensors) -> None:
        tensors.put_back(self._run.model, tensors.under("model/", stored))
        if hasattr(self._run.method, "load_state_dict"):
            self._run.method.load_state_dict({**state["method"], **tensors.under("method/", stored)})

    # --- the phases ------------------------------------------------------------------------------------------

    def phases(self) -> Generator[Event, None, None]:
        while self._index < len(self._run.phases):
            if self._control.stop_requested and self._best.state:
                break
            phase = self._run.phases[self._index]
            try:
                yield from self._phase(phase)
            except (Diverged, OutOfMemoryInUpdate) as trouble:
                yield from self._back_off(phase, trouble)
                continue
            if self._control.stop_requested:
                break
            self._index, self._loop, self._back_offs = self._index + 1, None, 0
            if self._saver.due(_WORTH_SAVING):
                yield from self._save(now=True)

    def _phase(self, phase: Phase) -> Generator[Event, None, None]:
        pending, self._pending, self._loop = self._pending, None, None
        if not pending:
            yield from self._save(now=True, pin=True)
        sources = yield from self._material.sources(phase)
        if not pending:
            yield PhaseStarted(
                index=self._index,
                count=len(self._run.phases),
                name=phase.name,
                title=phase.title,
                epochs=phase.epochs,
                steps_per_epoch=0 if phase.solve else steps_per_epoch(phase, sources),
            )
            if self._index and self._best.state:
                self._run.method.predictor().load_state_dict(self._best.state)
        seed_step(derive(self._spec.seed, "phase", phase.name), self._run.runtime.device)
        if not phase.solve and on_features(phase) and hasattr(self._run.method, "begin_features"):
            self._run.method.begin_features(phase, self._material.solve_data())
            if pending:
                self._put_back(*pending)
        if phase.solve:
            yield from self._solve(phase)
            return
        self._loop = PhaseLoop(
            self._run.method,
            self._run.model,
            phase,
            sources,
            runtime=self._run.runtime,
            seed=self._spec.seed,
            clock=self._clock,
            best=self._best,
            validate=self._validator(phase),
            rank=rank_by(self._scores),
            control=self._control,
            boundary=self._between_steps,
            every_step=self._spec.runtime.checkpoint_seconds == 0,
        )
        if pending:
            self._loop.put_back(pending[0]["loop"], pending[1])
        yield from self._settle(self._loop)
        yield from self._loop.run()
        if not tensors.finite(p for p in self._run.model.parameters() if p.requires_grad):
            raise Diverged("a weight is no longer a number")

    def _solve(self, phase: Phase) -> Generator[Event, None, None]:
        """A closed-form or full-batch phase; each of its reports is drawn like an epoch."""
        method, clock = self._run.method, self._clock
        kept, last = clock.epoch + 1, clock.epoch + phase.epochs
        for values in method.solve(phase, self._material.solve_data()):  # type: ignore[attr-defined]  # SolvingMethod
            clock.epoch += 1
            best = bool(values.get("best", True))
            kept = clock.epoch if best else kept
            shown = {name: float(value) for name, value in values.items() if name != "best"}
            yield EpochDone(epoch=clock.epoch, step=clock.step, metrics=shown, best=best)
            yield from hold(self._control, clock.step)
            if self._control.park_requested:  # it is seconds long, and begins again
                raise Parked(*self._control.park_reason)
            if self._control.stop_requested:  # what it has found so far is a model already
                break
        clock.epoch = max(clock.epoch, last)  # one that found its optimum early leaves the numbering as announced
        model = self._run.runtime.place(method.predictor())  # solvers work on the CPU
        features, labels = self._material.features["val"]
        if len(labels):
            logits = logits_of_features(model, features, self._run.runtime.device)
            final = {f"val_{k}": v for k, v in self._scores.compute(logits, labels).items()}
            self._best.offer(rank_by(self._scores)(final), model, final, kept)
        else:
            self._best.offer((0.0, float(kept)), model, {}, kept)

    def _validator(self, phase: Phase) -> Any:
        run = self._run
        features = self._material.features.get("val") if on_features(phase) else None
        split = run.manifest.splits["val"]
        return validator(
            run.method, split, features, run.context.preprocessing, run.runtime, self._scores, batch_size=32
        )

    # --- between two steps -----------------------------------------------------------------------------------

    def _between_steps(self) -> Generator[Event, None, None]:
        yield from self._save(now=self._control.take_checkpoint_request() or self._control.interrupted)
        loop = self._loop
        assert loop is not None
        yield from hold(self._control, self._clock.step, lambda q: self._answers.answer(q, loop.as_validated))
        if self._control.leaving:
            yield from self._save(now=True)
        if self._control.park_requested and not self._control.stop_requested:
            raise Parked(*self._control.park_reason)

    def _save(self, now: bool, *, pin: bool = False) -> Generator[Event, None, None]:
        """Writes a checkpoint now, or where one is due. Raises :class:`Diverged` rather than keep useless numbers."""
        loop = self._loop.state() if self._loop else None
        place = (self._index, self._clock.step, self._clock.epoch, loop["batch"] if loop else -1, self._back_offs)
        if place == self._saved or not (now or self._saver.due()):
            return
        run = self._run
        trained = self._loop.optimizer.names if self._loop else set()
        model = tensors.changed(run.model, run.initial, trained)
        parts = {f"model/{name}": tensor for name, tensor in model.items()}
        learned = self._loop.tensors() if self._loop else {}
        if not tensors.finite([*(model[name] for name in trained), *learned.values()]):
            raise Diverged("a weight is no longer a number")
        own = run.method.state_dict() if hasattr(run.method, "state_dict") else {}
        self._clock.total_seconds, self._started = self._elapsed(), time.perf_counter()
        state = {
            "schema_version": checkpoint_files.SCHEMA_VERSION,
            "spec": self._spec.model_dump(mode="json"),
            "phase": self._index,
            "loop": loop,
            "clock": dataclasses.asdict(self._clock),
            "best": saving.best_state(self._best),
            "back_offs": self._back_offs,
            "method": {name: value for name, value in own.items() if not isinstance(value, torch.Tensor)},
            "runtime": run.runtime.saved(),
            "torch": torch.__version__,
            "initial": run.initial,
        }
        kept = {f"method/{name}": value for name, value in own.items() if isinstance(value, torch.Tensor)}
        yield self._saver.write(
            {**parts, **learned, **kept}, state, self._clock.step, self._best, self._description(), pin=pin
        )
        self._saved = place

    def _back_off(self, phase: Phase, trouble: Exception) -> Generator[Event, None, None]:
        """Back to the last good checkpoint; after a second divergence to the beginning of the phase."""
        memory, step = isinstance(trouble, OutOfMemoryInUpdate), self._clock.step
        if memory:
            self._memory_back_offs += 1
            text = f"The {self._run.runtime.device_name} ran out of memory in the update of step {step}."
            remedy = "Smaller parts are computed from there on."
        else:
            self._back_offs += 1
            text = f"Training diverged at step {step}: {trouble}."
            remedy = f"The learning rate is {_BACK_OFF**self._back_offs:g} of what was set from there on."
        if self._back_offs > _BACK_OFFS:
            raise TrainingError(
                f"Training diverged in phase '{phase.title}', step {step}: {trouble}, even with "
                f"{_BACK_OFF**_BACK_OFFS:g} of the learning rate. Train again with a lower one; the best model so far "
                "is kept."
            ) from trouble
        found = self._saver.pinned() if self._back_offs == _BACK_OFFS and not memory else self._saver.newest()
        if found is None or self._memory_back_offs > _BACK_OFFS:
            raise TrainingError(f"{text} There is no way on; choose a smaller batch or a lower rate.") from trouble
        yield Message(level="warning", text=f"{text} It goes back to step {found.state['clock']['step']}. {remedy}")
        back_offs, parts = self._back_offs, self._loop.stepper.parts if self._loop else 1
        self._saver.forget_later_than(found)
        self._loop = None
        del self._run, self._material, self._answers
        free_memory(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        yield from self.prepare()
        self._back_offs, self._parts = back_offs, 2 * parts if memory else 0

    def _settle(self, loop: PhaseLoop) -> Generator[Event, None, None]:
        """What a back-off asked of the loop; saved at once, so that an interruption does not forget it."""
        loop.stepper.rate = _BACK_OFF**self._back_offs
        if self._memory_back_offs:
            loop.optimizer.save_memory()
            loop.stepper.parts = max(loop.stepper.parts, self._parts)
        if self._back_offs or self._memory_back_offs:
            yield from self._save(now=True)

    # --- after -----------------------------------------------------------------------------------------------

    def finish(self) -> Generator[Event, None, dict[str, Any]]:
        """Scores the best model: validation and test, each looked at once, at the end."""
        if not self._best.state:
            self._control.raise_if_leaving()
            raise TrainingError("The method ended without a model.")
        self._saver.keep_best(self._best, self._description())
        finish = Finish(self._control, self._folder, self._spec, self._registry, self._run, self._material, self._best)
        metrics = yield from finish.score(self._scores.select_by)
        images, seconds = self._clock.images, self._clock.training_seconds
        if not images or self._material.features_only:
            images, seconds = self._material.images, self._material.seconds
        return {
            "run": self._spec.run,
            "status": "stopped" if self._control.stop_requested else "finished",
            "metrics": metrics,
            "best_epoch": self._best.epoch,
            "seconds": {
                "total": round(self._elapsed(), 2),
                "training": round(self._clock.training_seconds + self._clock.validation_seconds, 2),
            },
            "images_per_second": round(images / seconds, 2) if seconds else 0.0,
            "model": str(self._folder / restore.MODEL_FILE),
        }

    def parked(self, reason: str, kind: str) -> dict[str, Any]:
        found, _ = checkpoint_files.newest(self._folder)
        result: dict[str, Any] = {"run": self._spec.run, "status": "parked", "reason": reason, "reason_kind": kind}
        result["step"] = found.state["clock"]["step"] if found else 0
        if (self._folder / restore.MODEL_FILE).exists():
            result["model"] = str(self._folder / restore.MODEL_FILE)
        return result

    def _elapsed(self) -> float:
        return self._clock.total_seconds + time.perf_counter() - self._started

    def _description(self) -> dict[str, Any]:
        run = self._run
        return restore.describe(
            run.method.predictor(), run.descriptor, run.context.preprocessing, run.manifest.class_names
        )
