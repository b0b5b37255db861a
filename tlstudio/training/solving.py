"""Phases without batches: solved on the whole feature matrix, or computed by the method. Reports look like epochs."""

from collections.abc import Callable, Generator

from torch import nn

from tlstudio.api.events import EpochDone, Event
from tlstudio.api.phases import Phase, SolveData
from tlstudio.api.tools import Tools
from tlstudio.control import Control, Parked
from tlstudio.training.evaluating import Rank, Validate, outputs_of_features, rank_by
from tlstudio.training.holding import hold
from tlstudio.training.preparation import Prepared
from tlstudio.training.progress import Best, Clock
from tlstudio.training.scores import Scores


def solve(
    run: Prepared, phase: Phase, data: SolveData, scores: Scores, clock: Clock, best: Best, control: Control
) -> Generator[Event, None, None]:
    """Offers what was found as the best model. Raises ``Parked``: it is seconds long, and begins again."""
    kept, last = clock.epoch + 1, clock.epoch + phase.epochs
    for values in run.method.solve(phase, data):  # type: ignore[attr-defined]  # SolvingMethod
        clock.epoch += 1
        good = bool(values.get("best", True))
        kept = clock.epoch if good else kept
        shown = {name: float(value) for name, value in values.items() if name != "best"}
        yield EpochDone(epoch=clock.epoch, step=clock.step, metrics=shown, best=good)
        yield from hold(control, clock.step)
        if control.park_requested:
            raise Parked(*control.park_reason)
        if control.stop_requested:  # what it has found so far is a model already
            break
    clock.epoch = max(clock.epoch, last)  # one that found its optimum early leaves the numbering as announced
    model = run.runtime.place(run.method.predictor())  # solvers work on the CPU
    features, targets = data.val
    final: dict[str, float] = {}
    if len(targets):
        outputs = outputs_of_features(model, features, run.runtime.device)
        final = {f"val_{k}": v for k, v in scores.compute(outputs, targets).items()}
    best.offer(rank_by(scores)(final) or (0.0, float(kept)), model, final, kept)


def compute(
    run: Prepared,
    phase: Phase,
    tools: Tools,
    clock: Clock,
    best: Best,
    control: Control,
    validate: Validate,
    rank: Rank,
    keeps: Callable[[], nn.Module] | None,
) -> Generator[Event, None, None]:
    """A phase in which the method works on its own; then what it left is offered as the best model.

    Raises ``Parked``: it begins again.
    """
    for said in run.method.compute(phase, tools):  # type: ignore[attr-defined]  # ComputingMethod
        if isinstance(said, dict):
            clock.epoch += 1
            shown = {name: float(value) for name, value in said.items() if name != "best"}
            yield EpochDone(epoch=clock.epoch, step=clock.step, metrics=shown, best=bool(said.get("best", False)))
        else:
            yield said
        yield from hold(control, clock.step)
        if control.park_requested:
            raise Parked(*control.park_reason)
        if control.stop_requested:  # half of it is of no use
            return
    if keeps is None:
        return
    values = yield from validate()
    clock.epoch += 1
    kept = best.offer(rank(values) or (0.0, float(clock.epoch)), run.runtime.place(keeps()), values, clock.epoch)
    if values:
        yield EpochDone(epoch=clock.epoch, step=clock.step, metrics=values, best=kept)
