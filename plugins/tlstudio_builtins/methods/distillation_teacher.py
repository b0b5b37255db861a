"""The teacher of a distillation: is it of any use, and what does it say?"""

from collections.abc import Mapping

import torch
from torch import nn

from tlstudio.api import Outputs, TrainingError

# The metrics that say whether one network is better than another, and whether more of them is better.
MEASURES: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "classification": (("accuracy", True), ("balanced_accuracy", True)),
    "multilabel": (("f1_macro", True), ("roc_auc_macro", True)),
    "regression": (("mae", False),),
    "segmentation": (("miou", True), ("dice", True)),
}
_LOSS = (("loss", False),)


def backbone_of(module: nn.Module) -> nn.Module | None:
    """The backbone of a teacher, also of one whose classes were put into another order."""
    for candidate in (module, getattr(module, "network", None)):
        found = getattr(candidate, "backbone", None)
        if isinstance(found, nn.Module):
            return found
    return None


def measures(task: str, values: Mapping[str, float]) -> dict[str, float]:
    """Of all values those that decide; the loss for a task that is not known here."""
    return {name: values[name] for name, _ in MEASURES.get(task, _LOSS) if name in values}


def better(task: str, one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether ``one`` is better than ``other`` by the first measure that both have."""
    for name, more in MEASURES.get(task, _LOSS):
        if name in one and name in other:
            return one[name] > other[name] if more else one[name] < other[name]
    return True


def constant(found: Outputs, task: str) -> Outputs | None:
    """The best answer of one that does not look: the commonest class, every label, the median. ``None``: unknown."""
    rows, targets = found.rows, found.targets
    if task == "classification":
        guess = torch.bincount(targets, minlength=rows.shape[1]).float().expand(len(rows), -1)
    elif task == "multilabel":
        guess = torch.ones_like(rows)
    elif task == "regression":
        guess = targets.float().quantile(0.5, 0).expand(len(rows), -1)
    elif task == "segmentation":  # pixels of each picture by (truth, prediction)
        commonest = int(rows.sum((0, 2)).argmax())
        guess = torch.zeros_like(rows)
        guess[:, :, commonest] = rows.sum(2)
    else:
        return None
    return Outputs(guess.contiguous(), targets, found.indices)


def check_use(title: str, task: str, values: Mapping[str, float], guess: Mapping[str, float]) -> None:
    """Raises ``TrainingError`` where the teacher is by no measure better than the constant answer ``guess``. A split on
    which that is right already (all of one class) tells nothing.
    """
    known = [(name, more) for name, more in MEASURES.get(task, _LOSS) if name in values and name in guess]
    if not known or guess[known[0][0]] == (1.0 if known[0][1] else 0.0):
        return
    if any(values[n] > guess[n] if more else values[n] < guess[n] for n, more in known):
        return
    name, _ = known[0]
    figures = f"{name} {_figure(values[name])} on the validation split, against {_figure(guess[name])}"
    raise TrainingError(
        f"The teacher ({title}) is no better than one that always gives the same answer: {figures}. Nothing can be "
        "learnt from it. Choose another teacher, or train this one first."
    )


def verdict(title: str, task: str, teacher: Mapping[str, float], student: Mapping[str, float]) -> tuple[bool, str]:
    """Whether the teacher was better than its student, and the comparison as a sentence."""
    name = next((n for n, _ in MEASURES.get(task, _LOSS) if n in teacher and n in student), "")
    if not name:
        return True, ""
    figures = f"{name} {_figure(teacher[name])} against {_figure(student[name])} on the validation split"
    if better(task, teacher, student):
        return True, f"The teacher ({title}) is better than its student: {figures}."
    return False, (
        f"The teacher ({title}) is not better than its student: {figures}. Whether it taught anything, only the same "
        "student without a teacher can say; train that, too, or choose a better teacher."
    )


def _figure(value: float) -> str:
    """Numbers of regression may be as large or as small as their unit makes them."""
    return f"{value:.3f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"
