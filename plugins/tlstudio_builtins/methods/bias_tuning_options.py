"""What can be set for bias-tuning."""

from typing import Literal

from tlstudio.api import option
from tlstudio_builtins.methods.fine_tuning_options import Training


class BiasTuningOptions(Training):
    learning_rate: float = option(
        1e-2,
        title="Learning rate",
        help="Of the head and of the biases alike, at its peak. Biases need higher rates than kernels.",
        gt=0.0,
        le=10.0,
    )
    weight_decay: float = option(
        0.01, title="Weight decay", help="Of the head's weights alone.", level="all", ge=0.0, le=10.0
    )
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "train",
        title="Batch norm",
        help="train: its parameters are among those that learn, and its statistics follow your data. stats: its "
        "statistics alone do. frozen: neither; where every bias of a network is in its batch norm, nothing but the "
        "head is left to learn.",
        level="all",
    )
