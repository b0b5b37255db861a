"""Adaptation methods: what is trained, in which phases, and the loss of one step. The loop is the application's."""

import dataclasses
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.descriptors import DatasetProfile, Descriptor
from tlstudio.api.options import Options
from tlstudio.api.phases import Batch, Phase, SolveData, StepOutput, StepState, Stream
from tlstudio.api.recipe import Recipe
from tlstudio.api.tools import Outputs, Tools

if TYPE_CHECKING:
    import torch
    from torch import nn

    from tlstudio.api.events import Event
    from tlstudio.api.task import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceData:
    """The second data set of a run, with labels. Its samples become inputs as those of the target do."""

    dataset: str
    objective: "Objective"
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    task: str
    modality: str
    profile: DatasetProfile


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher:
    """A trained network that another learns from. ``module`` is frozen, in eval mode: inputs that were made by its
    own ``preprocessing``, normalised, to outputs as the run's task has them, classes in the run's order.

    ``Classifier``-like ones have ``module.backbone`` and ``module.head``; ``descriptor`` is the backbone's.
    """

    title: str
    module: "nn.Module"
    descriptor: BackboneDescriptor
    preprocessing: Preprocessing


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A run that this one begins from, or combines. ``module``: its model, in eval mode on the CPU; ``start``: what
    that began from, as its method built it with weights and seed of that run (the head as it was fitted is not in it).
    """

    run: int
    module: "nn.Module"
    method: str
    backbone: str
    weights: str
    metrics: dict[str, dict[str, float]]
    start: "nn.Module | None" = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodContext:
    """What a method is given. ``backbone`` returns ``[N, descriptor.feature_dim]`` and holds its weights already.

    ``objective``: what the task minimises, with the head that it wants; ``outputs``: how many numbers a sample (or a
    pixel) gets; ``class_counts``: of the training split, empty where the task has no classes. ``source``, ``teacher``,
    ``runs`` (finished ones): what the method's descriptor says that it needs or takes; all empty when a finished
    model is made again from its file, when only the shape of ``predictor()`` matters. ``unlabelled``: how many
    samples without labels there are. ``pretrained``: whether the backbone's weights are more than random numbers.
    ``source_head``: the linear classifier ``[K, D]`` that the weights came with, for a method that ``source_classes``.
    """

    backbone: "nn.Module"
    descriptor: BackboneDescriptor
    preprocessing: Preprocessing
    options: Options
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    task: str
    profile: DatasetProfile
    seed: int
    modality: str = "image"
    objective: "Objective" = None  # type: ignore[assignment]  # the application always gives it; tests may go without
    source: SourceData | None = None
    teacher: Teacher | None = None
    runs: tuple[FinishedRun, ...] = ()
    unlabelled: int = 0
    pretrained: bool = True
    source_head: "nn.Linear | None" = None


class Method(Protocol):
    """Made by ``factory()``; the loop calls ``build`` once, then ``phases``, then ``step`` for each batch."""

    def build(self, context: MethodContext) -> "nn.Module":
        """Every part, trainable and frozen, under one module."""
        ...

    def phases(self, context: MethodContext) -> list[Phase]: ...

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        """Forward pass and loss for one batch from each stream. Runs under autocast; must not call backward."""
        ...

    def predictor(self) -> "nn.Module":
        """What is validated, tested and exported: inputs to outputs ``[N, C]``, for pixels ``[N, C, H, W]``.

        Where a phase streams features, it must be a ``tlstudio.training.modules.Classifier`` (backbone, head).
        """
        ...


class FeatureMethod(Method, Protocol):
    """A method that wants to see the whole feature matrices before a phase whose streams are features."""

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        """Called once, for example to fit the scale of the head's input."""
        ...


class SolvingMethod(Method, Protocol):
    """A method with a phase that is solved in closed form or by a full-batch solver."""

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        """Sets the parameters; yields named numbers for the plots as it goes, and ``best`` (bool) for what it keeps.

        Deterministic, seconds long.
        """
        ...


class StatefulMethod(Method, Protocol):
    """A method that remembers things outside the parameters and buffers of its modules, from step to step."""

    def state_dict(self) -> dict[str, Any]:
        """Flat: names to tensors, or to what JSON can hold. Written into every checkpoint."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Called after ``build``, before the next ``step``, when an interrupted run goes on."""
        ...


class ComputingMethod(Method, Protocol):
    """A method with a phase that is no gradient descent on batches: cross-fitting, averaging models, choosing."""

    def compute(self, phase: Phase, tools: Tools) -> "Generator[Event | dict[str, Any], None, None]":
        """Hands on the tools' events; a ``dict`` of named numbers is drawn like an epoch. Deterministic."""
        ...


class ValidatingMethod(Method, Protocol):
    """A method that measures something of its own after each epoch."""

    def validate(self, phase: Phase, tools: Tools) -> "Generator[Event, None, dict[str, float]]":
        """Named values, shown beside the others, and ``Phase.criterion`` among them."""
        ...


class RelabellingMethod(Method, Protocol):
    """A method that gives labels to samples."""

    def relabel(self, stream: Stream) -> "tuple[torch.Tensor, torch.Tensor]":
        """Positions in the stream's split, int64 ``[M]``, and targets ``[M, ...]``. A function of what a checkpoint
        holds; asked when the phase begins, and again when an interrupted one goes on.
        """
        ...


class RowsMethod(Method, Protocol):
    """A method that makes the rows of a stream itself, from what is frozen in that phase."""

    def rows(self, stream: Stream, tools: Tools) -> "Generator[Event, None, Outputs]":
        """Rows and targets; asked when the phase begins, and again when an interrupted one goes on."""
        ...


Need = Literal["source", "teacher", "unlabelled", "runs"]
"""What a run can be given beside its data set and backbone: a second data set with labels, a trained network to learn
from, samples without labels, finished runs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodDescriptor(Descriptor):
    """``formula`` and ``source`` are shown in the help.

    ``needs``: what a run must be given; ``takes``: what it may be given too. ``same_classes``: the source's classes
    must be the target's. ``target_labels``: false where the target's training labels are hidden (targets -1).
    ``modalities_of_source``: empty: that of the target. ``recipes``: published sets of values for its options.
    ``source_classes``: whether it needs the classifier that the backbone's weights came with.
    """

    formula: str = ""
    source: str = ""
    needs: tuple[Need, ...] = ()
    takes: tuple[Need, ...] = ()
    same_classes: bool = False
    target_labels: bool = True
    modalities_of_source: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    source_classes: bool = False
