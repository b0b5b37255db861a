"""The way back when training diverges or memory does not suffice: to an earlier checkpoint, and on with more care."""

import dataclasses

from tlstudio.api.errors import TrainingError
from tlstudio.api.phases import Phase
from tlstudio.training.checkpoint_files import Found
from tlstudio.training.keeping import Course
from tlstudio.training.loop import Diverged, PhaseLoop
from tlstudio.training.saving import Saver
from tlstudio.training.stepping import OutOfMemoryInUpdate

_BACK_OFFS = 2  # after a divergence
_FACTOR = 0.1  # on the learning rate, each time


@dataclasses.dataclass(frozen=True)
class WayBack:
    """``found``: the checkpoint from which it goes on; ``text``: that, and what changes, in sentences. The rest: what
    the course has from there on.
    """

    found: Found
    text: str
    back_offs: int
    memory_back_offs: int
    parts: int


def way_back(
    course: Course, saver: Saver, phase: Phase, trouble: Diverged | OutOfMemoryInUpdate, device_name: str
) -> WayBack:
    """To the last good checkpoint; after a second divergence to the beginning of the phase. Raises ``TrainingError``
    where there is none, or it has been tried often enough.
    """
    memory, step = isinstance(trouble, OutOfMemoryInUpdate), course.clock.step
    back_offs, memory_back_offs = course.back_offs + (not memory), course.memory_back_offs + memory
    parts = 2 * (course.loop.stepper.parts if course.loop else 1) if memory else course.parts
    if memory:
        text = f"The {device_name} ran out of memory in the update of step {step}."
        remedy = "Smaller parts are computed from there on."
    else:
        text = f"Training diverged at step {step}: {trouble}."
        remedy = f"The learning rate is {_FACTOR**back_offs:g} of what was set from there on."
    if back_offs > _BACK_OFFS:
        raise TrainingError(
            f"Training diverged in phase '{phase.title}', step {step}: {trouble}, even with "
            f"{_FACTOR**_BACK_OFFS:g} of the learning rate. Train again with a lower one; the best model so far "
            "is kept."
        ) from trouble
    found = saver.pinned() if back_offs == _BACK_OFFS and not memory else saver.newest()
    if found is None or memory_back_offs > _BACK_OFFS:
        raise TrainingError(f"{text} There is no way on; choose a smaller batch or a lower rate.") from trouble
    text = f"{text} It goes back to step {found.state['clock']['step']}. {remedy}"
    return WayBack(found, text, back_offs, memory_back_offs, parts)


def careful(loop: PhaseLoop, course: Course) -> bool:
    """Tells the loop what the back-offs of the course ask of it; whether there were any."""
    loop.stepper.rate = _FACTOR**course.back_offs
    loop.stepper.parts = max(loop.stepper.parts, course.parts)
    if course.memory_back_offs:
        loop.optimizer.save_memory()
    return bool(course.back_offs or course.memory_back_offs)
