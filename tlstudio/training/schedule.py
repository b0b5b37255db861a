"""Learning-rate factors as a pure function of the step, so that resuming needs no scheduler state."""

import math

from tlstudio.api.phases import Schedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """The factor for optimizer step ``step`` (from 0) of ``steps``, in ``[0, 1]``."""
    warmup = round(schedule.warmup * steps)
    if step < warmup:
        if schedule.kind == "one-cycle":
            return schedule.start + (1 - schedule.start) * 0.5 * (1 - math.cos(math.pi * step / warmup))
        return (step + 1) / (warmup + 1)
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "steps":
        return float(0.1 ** sum(step >= round(drop * steps) for drop in schedule.drops))
    share = (step - warmup) / max(1, steps - warmup)
    if schedule.kind == "inverse":
        return float((1 + 10 * share) ** -0.75)
    return schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * share))
