"""What can be set for the interpolation of weights."""

from typing import Literal

from tlstudio.api import Options, option
from tlstudio_builtins.methods import options


class WiseFTOptions(Options):
    alpha: float | None = option(
        None,
        title="Share of the fine-tuned weights",
        help="α in the formula: 0 is the pretrained backbone with its best linear head, 1 the fine-tuned model. Empty: "
        "the point of the curve that is best on validation.",
        ge=0.0,
        le=1.0,
    )
    points: int = option(
        11, title="Points of the curve", help="From 0 to 1, at even distances.", level="all", ge=2, le=101
    )
    batch_norm: Literal["auto", "re-estimated", "interpolated"] = option(
        "auto",
        title="Statistics of batch norm",
        help="re-estimated: taken anew on training data for every point. interpolated: like the weights. auto: "
        "re-estimated, unless fine-tuning had left them as they were pretrained.",
        level="all",
    )
    imbalance: options.Imbalance = options.imbalance()
