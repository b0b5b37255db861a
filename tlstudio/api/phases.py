"""Phases of training, the streams of batches that feed them, and what a step is given and answers."""

import dataclasses
from typing import TYPE_CHECKING, Literal

from tlstudio.api.backbone import Preprocessing

if TYPE_CHECKING:
    import torch

BatchNorm = Literal["frozen", "stats", "train"]
"""``frozen``: running statistics and affine parameters fixed; ``stats``: statistics move, affine parameters fixed;
``train``: both move."""
Sampler = Literal["natural", "balanced", "square-root"]
Data = Literal["target", "source"]
"""``target``: the run's data set; ``source``: the second one that it was given."""
UNLABELLED = "unlabelled"
"""The split of samples without labels: a pool that the run was given, and what ``labels_per_class`` leaves over."""
Fold = tuple[int, int]
"""``(k, K)``: the k-th of K parts of a split, k from 0. Samples of one group, and copies, lie in the same part."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """A source of batches. ``features`` replaces pictures by the frozen backbone's cached features ``[N, D]``.

    ``augmentation``: one that the modality knows. Pictures: none; characters (small rotations, shifts, scales); light
    (random resized crop, flip); medium (light, TrivialAugmentWide, erasing). ``flip`` whether it may mirror.
    ``sampler``: natural, each sample once an epoch; balanced, as many draws with replacement, every class as often;
    square-root, each class by the root of its size (Mahajan et al. 2018).

    ``data`` and ``split`` (train, val, unlabelled; never test) say whose samples; ``fold`` leaves out that part of
    them. ``views``: augmentations of further views of the same samples, each drawn on its own (``Batch.views``).
    ``preprocessing``: another than the backbone's, where somebody else looks at the samples (a teacher).
    ``relabelled``: only the samples that the method's ``relabel`` names, with its targets; ``made``: rows that the
    method's ``rows`` makes, instead of samples. A stream in which there is nothing is left out of the batches.
    """

    name: str = "train"
    data: Data = "target"
    split: str = "train"
    fold: Fold | None = None
    views: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    relabelled: bool = False
    made: bool = False
    features: bool = False
    augmentation: str = "none"
    flip: bool = True
    sampler: Sampler = "natural"
    batch_size: int = 32


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Names (of ``build()``'s parameters) that share a learning rate. What no group names stays frozen.

    ``growth``: the rate is multiplied by it after each epoch of the phase, until it is ``most`` times ``lr``.
    """

    name: str
    parameters: tuple[str, ...]
    lr: float
    weight_decay: float = 0.0
    growth: float = 1.0
    most: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer:
    kind: Literal["sgd", "adamw"] = "adamw"
    momentum: float = 0.9  # sgd
    nesterov: bool = True  # sgd
    betas: tuple[float, float] = (0.9, 0.999)  # adamw


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """Factor on every group's learning rate: linear warm-up over ``warmup`` (share of the phase), then the shape.

    ``inverse``: (1 + 10 p)^-0.75 with p the share of what follows the warm-up (Ganin et al. 2016, section 5.2.2).
    ``one-cycle``: half a cosine from ``start`` up to 1 over ``warmup``, then one down to ``floor`` (Smith and Topin
    2017, as in fastai). ``steps``: a tenth from each of ``drops`` on (shares of the whole phase).
    """

    kind: Literal["constant", "cosine", "inverse", "one-cycle", "steps"] = "cosine"
    warmup: float = 0.0
    floor: float = 0.0
    start: float = 0.0
    drops: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with its own parameters, data and stop rule.

    ``patience``: epochs without improvement of the validation score before it ends early (0: never).
    ``ema``: final decay of the exponential moving average of the weights, which is then what is validated and kept
    (``None``: off). ``accumulate``: batches per optimizer step. ``solve``: the method's ``solve`` runs this phase
    on the whole feature matrix instead of ``step`` on batches; each of its reports counts as an epoch, ``epochs``
    being the most that it makes. ``compute``: likewise the method's ``compute`` runs it, with tools instead of
    features; where it is interrupted it begins again.

    ``predicts``: the part of ``build()``'s module that is validated, and whose best state is kept for the next phase;
    empty: the predictor, as it must be in the last phase; ``"-"``: nothing is. ``validate_on``: whose validation
    split. ``criterion``: the value that decides which epoch is the best, one that the method's ``validate`` names;
    a ``-`` before it: the lower the better; empty: the run's metric. Where one of the three differs from the phase
    before, the search for the best begins anew. Without ``groups`` nothing is trained: forward passes alone (for
    statistics of batch norm). ``sam``: the radius ρ of sharpness-aware minimisation (Foret et al. 2021), 0: off;
    ``sam_adaptive``: relative to each weight (ASAM, Kwon et al. 2021).
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
    compute: bool = False
    predicts: str = ""
    validate_on: Data = "target"
    criterion: str = ""
    sam: float = 0.0
    sam_adaptive: bool = False


@dataclasses.dataclass(frozen=True)
class Batch:
    """``inputs``: what the backbone takes (pictures ``[N, 3, H, W]`` normalised), or ``[N, D]`` for a feature stream;
    ``targets``: as the task encodes them (classification: int64 ``[N]``; see :class:`tlstudio.api.Task`), or masks
    int64 ``[N, H, W]`` with 255 for what does not count; of samples without labels all -1. ``views``: what the
    stream's ``views`` asked for, each like ``inputs``.
    """

    inputs: "torch.Tensor"
    targets: "torch.Tensor"
    indices: "torch.Tensor"  # positions in the split, int64 [N]
    views: "tuple[torch.Tensor, ...]" = ()


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
    """Whole feature matrices on the CPU: float32 ``[N, D]``, and the targets as the task encodes them. ``views``: like
    ``train``'s, of the altered copies that the phase's stream asked for by its ``views``.
    """

    train: "tuple[torch.Tensor, torch.Tensor]"
    val: "tuple[torch.Tensor, torch.Tensor]"
    seed: int
    views: "tuple[torch.Tensor, ...]" = ()
