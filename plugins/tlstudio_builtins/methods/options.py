"""What can be set in the built-in methods."""

from typing import Any, Literal

from tlstudio.api import Sampler, option

GRADIENT = {"head": ("linear", "mlp")}
Imbalance = Literal["auto", "none", "logit-adjustment", "class-balanced", "focal", "positive-weight", "asymmetric"]
Flip = Literal["auto", "on", "off"]


def imbalance() -> Imbalance:
    chosen: Imbalance = option(
        "auto",
        title="Unequal classes",
        help="auto: where the largest class is more than 5 times the smallest, logit adjustment for one class a "
        "sample, weights for rare labels; else none. class-balanced: weights by the effective number of samples. "
        "focal: easy samples count less. positive-weight, asymmetric: for several labels. For pixels the Dice loss "
        "takes part in any case.",
    )
    return chosen


def sampler() -> Sampler:
    chosen: Sampler = option(
        "natural",
        title="Sampler",
        help="natural: each sample once an epoch. balanced: every class as often. square-root: between the two. Use "
        "either this or a loss for unequal classes.",
        level="all",
    )
    return chosen


def weight_decay(default: float = 0.01) -> float:
    chosen: float = option(
        default, title="Weight decay", help="Not on biases and normalisation.", level="all", ge=0.0, le=10.0
    )
    return chosen


def label_smoothing() -> float:
    chosen: float = option(
        0.0,
        title="Label smoothing",
        help="Share of each label spread over all classes.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    return chosen


def warmup() -> float:
    chosen: float = option(
        0.05,
        title="Warm-up",
        help="Share of the steps over which the rate rises.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    return chosen


def clip_norm() -> float:
    chosen: float = option(
        1.0,
        title="Gradient clipping",
        help="Largest norm of the gradient; 0: off.",
        level="all",
        ge=0.0,
        le=1e6,
    )
    return chosen


def patience(default: int = 6, ends: str = "training") -> int:
    """``ends``: what ends."""
    chosen: int = option(
        default,
        title="Patience",
        help=f"Epochs without improvement on validation before {ends} ends; 0: never.",
        level="all",
        ge=0,
        le=10_000,
    )
    return chosen


def flip() -> Flip:
    chosen: Flip = option(
        "auto",
        title="Mirror",
        help="Whether augmentation may mirror pictures left to right. auto: unless the backbone is for characters.",
        level="all",
    )
    return chosen


def decay_per_layer() -> float:
    chosen: float = option(
        0.0,
        title="Rate decay per layer",
        help="Each stage (of a transformer: each block) nearer to the input learns at this share of the next one's "
        "rate. 0: 0.8 a stage, 0.75 a block of a transformer.",
        level="all",
        ge=0.0,
        le=1.0,
    )
    return chosen


def backbone_rate(default: float = 1.0) -> float:
    chosen: float = option(
        default,
        title="Backbone rate",
        help="The last stage learns at this share of the head's rate.",
        unit="× head",
        gt=0.0,
        le=10.0,
    )
    return chosen


def __getattr__(name: str) -> Any:
    """The options that have moved to a file of their own keep their former address."""
    if name == "FeatureExtractionOptions":
        from tlstudio_builtins.methods.feature_extraction_options import FeatureExtractionOptions

        return FeatureExtractionOptions
    if name == "FineTuningOptions":
        from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions

        return FineTuningOptions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
