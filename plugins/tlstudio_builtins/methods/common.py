"""What both methods have in common: the head of the task, and the network around it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tlstudio.api import MethodContext, Phase, Sampler, SolveData, Stream, TrainingError
from tlstudio.training.modules import Classifier, MLPHead, Scaled, Segmenter, StandardizedLinear
from tlstudio_builtins.tasks.solvers import STRENGTHS

COARSEST = 32  # input pixels to one of a feature map


def network(context: MethodContext, hidden: int = 0) -> "Classifier | Segmenter":
    """The backbone with the head that the task wants: a linear one, with ``hidden`` units an MLP, for pixels one that
    stands on every feature level. Raises ``TrainingError`` where the backbone has no levels.
    """
    objective, features = context.objective, context.descriptor.feature_dim
    if objective.pixels:
        levels = [level for level in context.descriptor.levels if level.stride <= COARSEST]
        if not levels:
            raise TrainingError(
                f"The backbone '{context.descriptor.id}' names no feature levels, and segmentation needs them. Choose "
                "another backbone."
            )
        return Segmenter(context.backbone, levels, objective.outputs)
    if not hidden:
        return Classifier(context.backbone, objective.head(features))
    with torch.random.fork_rng(devices=()):  # the linear head is asked for its scale alone
        linear = objective.head(features)
    scaling = linear.scaling() if isinstance(linear, Scaled) else ((), ())
    return Classifier(context.backbone, MLPHead(features, hidden, objective.outputs, *scaling))


def check_pool(context: MethodContext) -> None:
    """Raises ``TrainingError`` where a method that learns from samples without labels has none."""
    if not context.unlabelled:
        raise TrainingError(
            "There are no samples without labels: all that were given are copies of what is validated or tested on, or "
            "every label was kept. Give the run others, or keep fewer labels."
        )


def solved_phase(title: str, l2: float, sampler: Sampler) -> Phase:
    return Phase(
        name="head", title=title, epochs=1 if l2 else len(STRENGTHS), groups=(), solve=True,
        streams=(Stream(features=True, sampler=sampler),),
    )  # fmt: skip


def solve(context: MethodContext, model: nn.Module, data: SolveData, l2: float, sampler: Sampler) -> Iterator[Any]:
    head: nn.Module = model.head  # type: ignore[assignment]  # both networks have one
    yield from context.objective.solve(head.cpu(), data, l2, sampler)


def fit_scale(model: nn.Module, data: SolveData) -> None:
    """The scale of a linear head's input, from the training features."""
    head = getattr(model, "head", None)
    if isinstance(head, StandardizedLinear):
        head.fit_scale(data.train[0].to(head.mean.device))
