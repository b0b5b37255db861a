"""What can be set in FixMatch and FlexMatch."""

from typing import Literal

from tlstudio.api import Options, option
from tlstudio_builtins.methods import options


class FixMatchOptions(Options):
    epochs: int = option(
        15,
        title="Epochs",
        help="Passes over the samples without labels; the labelled ones go round meanwhile. Ends early when validation "
        "no longer improves.",
        ge=1,
        le=10_000,
    )
    threshold: float = option(
        0.95,
        title="Threshold τ",
        help="Confidence from which on a guess counts as a label. Lower for many classes: 0.7 for a hundred.",
        gt=0.0,
        le=1.0,
    )
    weight: float = option(
        1.0, title="Weight λ", help="Of the loss on samples without labels.", level="all", ge=0.0, le=100.0
    )
    strong_labelled: float = option(
        0.1,
        title="Weight, strong views of labelled samples",
        help="Of the loss on strongly augmented labelled samples. 0: off.",
        level="all",
        ge=0.0,
        le=10.0,
    )
    learning_rate: float = option(
        3e-3, title="Learning rate", help="Of SGD at its peak, for the head and the last stage.", gt=0.0, le=10.0
    )
    stage_decay: float = options.decay_per_layer()
    weight_decay: float = options.weight_decay(5e-4)
    batch_size: int = option(32, title="Batch size", help="Labelled samples in a batch.", level="all", ge=2, le=4096)
    unlabelled_ratio: int = option(
        1,
        title="Samples without labels",
        help="So many times as many as labelled ones in a batch (μ). Each of them is seen twice, so memory and time "
        "grow with it.",
        level="all",
        ge=1,
        le=64,
    )
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "frozen",
        title="Batch norm",
        help="frozen: statistics and parameters stay; stats: statistics follow your data, strong views included; "
        "train: both learn.",
        level="all",
    )
    ema_decay: float = option(
        0.999,
        title="Averaging decay",
        help="Of the weights' moving average, which is what is validated and kept.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    flip: options.Flip = options.flip()
    patience: int = options.patience()


class FlexMatchOptions(FixMatchOptions):
    warm_up: bool = option(
        True,
        title="Threshold warm-up",
        help="Thresholds begin low and rise as more of the pool is learnt; off: only classes that lag behind have "
        "lower ones.",
        level="all",
    )
