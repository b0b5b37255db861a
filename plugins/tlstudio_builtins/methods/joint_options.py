"""What can be set in learning from a source and the target at once."""

from typing import Literal

from tlstudio.api import Options, Sampler, option
from tlstudio_builtins.methods import options

Tie = Literal["hard", "soft", "sequential"]
Course = Literal["constant", "linear", "source-decay"]


class JointOptions(Options):
    tie: Tie = option(
        "hard",
        title="Backbones",
        help="hard: one backbone for both data sets. soft: one for each, drawn together by μ. sequential: first the "
        "source, then the target, as in fine-tuning.",
    )
    weight: float = option(
        1.0,
        title="Weight of the target",
        help="λ in the formula.",
        only_if={"tie": ("hard", "soft")},
        ge=0.0,
        le=1000.0,
    )
    course: Course = option(
        "constant",
        title="Course of the weights",
        help="constant: as set. linear: the target's rises from 0 to λ. source-decay: the source's falls from 1 to 0.",
        only_if={"tie": ("hard", "soft")},
    )
    mu: float = option(
        0.01,
        title="Pull of the backbones",
        help="μ in the formula: how much both backbones are drawn together.",
        level="all",
        only_if={"tie": ("soft",)},
        ge=0.0,
        le=1000.0,
    )
    baseline: Literal["trained", "probe", "none"] = option(
        "trained",
        title="Compared with",
        help="trained: the same network learns from the target alone, by the same schedule, and the difference is the "
        "transfer gain (the run takes up to twice as long). probe: the best linear head on the frozen backbone. none: "
        "nothing.",
    )
    epochs: int = option(15, title="Epochs", help="Passes over the target's training samples.", ge=1, le=10_000)
    source_epochs: int = option(
        15,
        title="Epochs, source",
        help="Passes over the source's training samples.",
        only_if={"tie": ("sequential",)},
        ge=1,
        le=10_000,
    )
    learning_rate: float = option(
        3e-4, title="Learning rate, head", help="Of AdamW at its peak, after warm-up.", gt=0.0, le=10.0
    )
    backbone_rate: float = options.backbone_rate()
    stage_decay: float = option(
        0.8,
        title="Rate decay per stage",
        help="Each stage nearer to the input learns at this share of the next one's rate.",
        level="all",
        gt=0.0,
        le=1.0,
    )
    weight_decay: float = options.weight_decay()
    batch_size: int = option(32, title="Batch size, target", help="Samples in a batch.", ge=2, le=4096)
    source_batch_size: int = option(32, title="Batch size, source", help="Samples in a batch.", ge=2, le=4096)
    batch_norm: Literal["domain", "shared", "frozen"] = option(
        "domain",
        title="Batch norm",
        help="domain: each data set has statistics of its own, and the model keeps the target's. shared: both pass in "
        "one batch, for data sets that look alike. frozen: statistics and parameters stay as they were.",
        level="all",
    )
    augmentation: Literal["auto", "none", "characters", "light", "medium"] = option(
        "auto",
        title="Augmentation",
        help="auto: light, or characters where a mirrored picture means something else.",
    )
    label_smoothing: float = options.label_smoothing()
    ema: bool = option(
        True,
        title="Average the weights",
        help="Validate and keep an exponential moving average of the weights (decay 0.99).",
        level="all",
    )
    warmup: float = options.warmup()
    clip_norm: float = options.clip_norm()
    patience: int = options.patience(ends="a phase")
    imbalance: options.Imbalance = options.imbalance()
    sampler: Sampler = options.sampler()
