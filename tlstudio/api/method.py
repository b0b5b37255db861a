"""Adaptation methods: what is trained, in which phases, and the loss of one step. The loop is the application's."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.descriptors import DatasetProfile, Descriptor
from tlstudio.api.options import Options

if TYPE_CHECKING:
    import torch
    from torch import nn

    from tlstudio.api.task import Objective

BatchNorm = Literal["frozen", "stats", "train"]
"""``frozen``: running statistics and affine parameters fixed; ``stats``: statistics move, affine parameters fixed;
``train``: both move."""


Sampler = Literal["natural", "balanced", "square-root"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodContext:
    """What a method is given. ``backbone`` returns ``[N, descriptor.feature_dim]`` and holds its weights already.

    ``objective``: what the task minimises, with the head that it wants; ``outputs``: how many numbers a sample (or a
    pixel) gets; ``class_counts``: of the training split, empty where the task has no classes.
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """A source of batches. ``features`` replaces pictures by the frozen backbone's cached features ``[N, D]``.

    ``augmentation``: one that the modality knows. Pictures: none; characters (small rotations, shifts, scales); light
    (random resized crop, flip); medium (light, TrivialAugmentWide, erasing). ``flip`` whether it may mirror.
    ``sampler``: natural, each sample once an epoch; balanced, as many draws with replacement, every class as often;
    square-root, each class by the root of its size (Mahajan et al. 2018).
    """

    name: str = "train"
    split: str = "train"
    features: bool = False
    augmentation: str = "none"
    flip: bool = True
    sampler: Sampler = "natural"
    batch_size: int = 32


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Names (of ``build()``'s parameters) that share a learning rate. What no group names stays frozen."""

    name: str
    parameters: tuple[str, ...]
    lr: float
    weight_decay: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    kind: Literal["sgd", "adamw"] = "adamw"
    momentum: float = 0.9  # sgd, Nesterov
    betas: tuple[float, float] = (0.9, 0.999)  # adamw


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """Factor on every group's learning rate: linear warm-up over ``warmup`` (share of the phase), then the shape."""

    kind: Literal["constant", "cosine"] = "cosine"
    warmup: float = 0.0
    floor: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with its own parameters, data and stop rule.

    ``patience``: epochs without improvement of the validation score before it ends early (0: never).
    ``ema``: final decay of the exponential moving average of the weights, which is then what is validated and kept
    (``None``: off). ``accumulate``: batches per optimizer step. ``solve``: the method's ``solve`` runs this phase
    on the whole feature matrix instead of ``step`` on batches; each of its reports counts as an epoch, ``epochs``
    being the most that it makes.
    """

    name: str
    title: str
    epochs: int
    groups: tuple[ParameterGroup, ...]
    streams: tuple[Stream, ...] = (Stream(),)
    batch_norm: BatchNorm = "frozen"
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    patience: int = 0
    ema: float | None = None
    clip_norm: float = 0.0
    accumulate: int = 1
    solve: bool = False


@dataclasses.dataclass(frozen=True)
class Batch:
    """``inputs``: what the backbone takes (pictures ``[N, 3, H, W]`` normalised), or ``[N, D]`` for a feature stream;
    ``targets``: as the task encodes them (classification: int64 ``[N]``; see :class:`tlstudio.api.Task`), or masks
    int64 ``[N, H, W]`` with 255 for what does not count.
    """

    inputs: "torch.Tensor"
    targets: "torch.Tensor"
    indices: "torch.Tensor"  # positions in the split, int64 [N]


@dataclasses.dataclass(frozen=True)
class StepState:
    """Where the run is. ``generator`` is seeded from (seed, phase, step): draw from it and the run stays resumable.

    The global generators of torch, NumPy and Python are seeded likewise before each step. After running out of memory
    a step comes in parts, one call of ``step`` for each.
    """

    phase: Phase
    epoch: int
    step: int  # optimizer step within the phase
    steps: int  # optimizer steps of the phase
    generator: "torch.Generator"  # on the CPU


@dataclasses.dataclass(frozen=True)
class StepOutput:
    """``loss``: scalar to be minimised; ``logs``: named numbers for the plots; ``output``: outputs ``[N, C]``."""

    loss: "torch.Tensor"
    output: "torch.Tensor | None" = None
    target: "torch.Tensor | None" = None
    logs: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class SolveData:
    """Whole feature matrices on the CPU: float32 ``[N, D]``, and the targets as the task encodes them."""

    train: "tuple[torch.Tensor, torch.Tensor]"
    val: "tuple[torch.Tensor, torch.Tensor]"
    seed: int


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodDescriptor(Descriptor):
    """``formula`` and ``source`` are shown in the help."""

    formula: str = ""
    source: str = ""
