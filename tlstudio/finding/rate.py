"""The learning rate by a range test (Smith, WACV 2017): it grows from step to step until the loss runs away."""

import math
from collections.abc import Generator, Iterator
from typing import Any

from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.finding import copies, curves
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.sources import Streams
from tlstudio.training.stepping import Batches

STEPS, LOW, HIGH = 100, 1e-7, 1.0


def find_rate_job(
    control: Control, project: str, request: dict[str, Any], steps: int = STEPS, low: float = LOW, high: float = HIGH
) -> Generator[Event, None, dict[str, Any]]:
    """The job ``find-rate``: see :func:`find_rate`."""
    with Project.open(project) as opened:
        return (yield from find_rate(control, opened, Registry.discover(), request, steps, low, high))


def find_rate(
    control: Control,
    project: Project,
    registry: Registry,
    request: dict[str, Any],
    steps: int = STEPS,
    low: float = LOW,
    high: float = HIGH,
) -> Generator[Event, None, dict[str, Any]]:
    """On a copy of the run that ``request`` describes (arguments of :func:`tlstudio.runs.plan_run`).

    ``rates`` are those of the phase's first group (the head's), the others keep their share; ``losses`` at these,
    ``smoothed``. ``suggestion``: a rate, by the ``rule`` of :func:`tlstudio.finding.curves.suggestion`; ``value``: what
    the option ``learning_rate`` is to be for it. Both ``None`` where there is none. Raises ``UsageError``, and
    ``StoppedByUser``.
    """
    if not (0 < low < high and steps >= 2):
        raise UsageError("The rates must rise from one above 0 to a higher one, in two steps at least.")
    with copies.same_randomness(), copies.scratch() as folder:
        copy = yield from copies.make(control, project, registry, request, folder)
        tried, losses = curves.rates(low, high, steps), list[float]()
        groups = _groups(Streams(copy.sources), copy.phase.accumulate)
        early = False
        for step, rate in enumerate(tried):
            control.raise_if_stopped()
            copy.stepper.rate = rate / copy.rate
            losses.append(float(copy.stepper.step(next(groups), 0, step).loss))
            yield Progress(done=step + 1, total=steps, unit="steps", text=f"Learning rate {rate:.1e}")
            if not math.isfinite(losses[-1]) or curves.diverges(curves.smoothed(losses)):
                early = True
                break
        finite = [loss for loss in losses if math.isfinite(loss)]
        smooth = curves.smoothed(finite)
        rate_found, rule = curves.suggestion(tried, finite, smooth)
        now = copy.option("learning_rate")
        value = None if rate_found is None or now is None else float(f"{rate_found * now / copy.rate:.2g}")
        return {
            "phase": copy.phase.title,
            "rates": tried[: len(finite)],
            "losses": finite,
            "smoothed": smooth,
            "ended_early": early,
            "suggestion": rate_found,
            "rule": rule,
            "option": "learning_rate" if now is not None else "",
            "value": value,
            "now": now,
            "note": _note(rule, early),
        }


def _groups(streams: Streams, accumulate: int) -> Iterator[list[Batches]]:
    """Batches of one optimizer step each, epoch after epoch."""
    epoch, group = 0, list[Batches]()
    while True:
        for _, batch in streams.epoch(epoch):
            group.append(batch)
            if len(group) == accumulate:
                yield group
                group = []
        epoch += 1


def _note(rule: str, early: bool) -> str:
    if not rule:
        return "Every rate made the loss grow: begin lower, or look at the data."
    told = []
    if rule == "edge":
        told.append(
            "The loss did not fall within so few steps, as is usual where the head has been fitted before; this is a "
            "third of the highest rate that did no harm."
        )
    if not early:
        told.append("The loss had not run away at the highest rate; higher ones may do as well.")
    return " ".join(told)
