"""What can be set for LoRA."""

from tlstudio.api import option
from tlstudio_builtins.methods.fine_tuning_options import Beginning, Training


class Adapters(Beginning):
    rank: int = option(8, title="Rank", help="r: how many directions each layer may change in.", ge=1, le=1024)
    alpha: float = option(
        16.0,
        title="Alpha",
        help="The change counts α / r times.",
        level="all",
        gt=0.0,
        le=10_000.0,
    )


class LoRAOptions(Training, Adapters):
    learning_rate: float = option(
        1e-3,
        title="Learning rate",
        help="Of the head and of the adapters, at its peak; 2e-4 to 1e-3 is usual.",
        gt=0.0,
        le=10.0,
    )
    weight_decay: float = option(
        0.0, title="Weight decay", help="Of the head and of the adapters.", level="all", ge=0.0, le=10.0
    )
