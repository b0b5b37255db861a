"""What can be set in self-training."""

from typing import Literal

from tlstudio.api import Options, option

ALL = {"train": ("all",)}


class SelfTrainingOptions(Options):
    train: Literal["all", "head"] = option(
        "all",
        title="Train",
        help="all: every layer, again in each round. head: the best linear head on frozen features, in seconds.",
    )
    rounds: int = option(
        3, title="Rounds", help="How often the model labels some of the pool and learns again. 3 to 5.", ge=1, le=20
    )
    threshold: float = option(
        0.95,
        title="Confidence",
        help="A sample is labelled where the model is at least so sure.",
        gt=0.0,
        le=1.0,
    )
    cap: float = option(
        0.5,
        title="Cap of a class",
        help="Share of a class's labelled samples that it may gain in a round, at least ten samples: a class the model "
        "is fond of must not swallow the others.",
        level="all",
        gt=0.0,
        le=100.0,
    )
    weight: float = option(
        0.5,
        title="Weight of the model's labels",
        help="What a sample that the model has labelled counts beside one that you have labelled.",
        level="all",
        gt=0.0,
        le=1.0,
    )
    calibrate: bool = option(
        True,
        title="Calibrate",
        help="The confidence is corrected by a temperature that fits the validation split, since networks are surer "
        "than they should be.",
        level="all",
    )
    review: bool = option(
        False,
        title="Look at each round",
        help="The run parks after each choice, so that you can strike out wrong labels; it goes on when it is resumed.",
    )
    epochs: int = option(
        15,
        title="Epochs",
        help="Passes over the labelled samples in each round; ends early when validation no longer improves.",
        only_if=ALL,
        ge=1,
        le=10_000,
    )
    learning_rate: float = option(
        3e-4, title="Learning rate", help="Of AdamW at its peak.", only_if=ALL, gt=0.0, le=10.0
    )
    batch_size: int = option(
        16, title="Batch size", help="Samples in a batch.", level="all", only_if=ALL, ge=2, le=4096
    )
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "frozen",
        title="Batch norm",
        help="frozen: statistics and parameters stay; stats: statistics follow your data; train: both learn.",
        level="all",
        only_if=ALL,
    )
    patience: int = option(
        6,
        title="Patience",
        help="Epochs without improvement on validation before a round ends; 0: never.",
        level="all",
        only_if=ALL,
        ge=0,
        le=10_000,
    )
