"""What can be set in the built-in methods."""

from typing import Any, Literal

from tlstudio.api import Sampler, option

GRADIENT = {"head": ("linear", "mlp")}
Imbalance = Literal["auto", "none", "logit-adjustment", "class-balanced", "focal", "positive-weight", "asymmetric"]


def _imbalance() -> Imbalance:
    chosen: Imbalance = option(
        "auto",
        title="Unequal classes",
        help="auto: where the largest class is more than 5 times the smallest, logit adjustment for one class a "
        "sample, weights for rare labels; else none. class-balanced: weights by the effective number of samples. "
        "focal: easy samples count less. positive-weight, asymmetric: for several labels. For pixels the Dice loss "
        "takes part in any case.",
    )
    return chosen


def _sampler() -> Sampler:
    chosen: Sampler = option(
        "natural",
        title="Sampler",
        help="natural: each sample once an epoch. balanced: every class as often. square-root: between the two. Use "
        "either this or a loss for unequal classes.",
        level="all",
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
