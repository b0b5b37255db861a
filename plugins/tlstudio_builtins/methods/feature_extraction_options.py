"""What can be set for feature extraction."""

from typing import Literal

from tlstudio.api import Options, Sampler, option
from tlstudio_builtins.methods import options
from tlstudio_builtins.methods.options import GRADIENT


class FeatureExtractionOptions(Options):
    head: Literal["logistic", "linear", "mlp", "knn"] = option(
        "logistic",
        title="Head",
        help="logistic: the best linear head, found by L-BFGS with its strength of L2 chosen on validation. "
        "linear: a linear head trained by AdamW. mlp: one hidden layer, by AdamW. knn: the most similar training "
        "samples vote.",
    )
    levels: str = option(
        "",
        title="Feature levels",
        help="Empty: what the backbone gives at its end. Otherwise the names of levels inside it, with commas between "
        "them, 'all', or 'last 3'; each is averaged over the picture, and all are put side by side. 'output' is the "
        "end.",
        level="all",
    )
    views: int = option(
        0,
        title="Augmented views",
        help="So many altered copies of each training sample pass through the backbone too, once. 4 is usual; each "
        "costs as much time as the samples themselves.",
        level="all",
        ge=0,
        le=32,
    )
    view_augmentation: Literal["auto", "characters", "light", "medium"] = option(
        "auto",
        title="Augmentation of views",
        help="How those copies are altered. auto: light, or characters where a mirrored picture means something else.",
        level="all",
    )
    neighbours: int = option(
        0,
        title="Neighbours",
        help="How many training samples vote. 0: of 1 to 200 as many as are best on validation (20 without one).",
        level="all",
        only_if={"head": ("knn",)},
        ge=0,
        le=1000,
    )
    temperature: float = option(
        0.1,
        title="Temperature of the votes",
        help="The smaller, the more the most similar ones count: a vote weighs exp(cosine / temperature).",
        level="all",
        only_if={"head": ("knn",)},
        gt=0.0,
        le=10.0,
    )
    remembered: int = option(
        50_000,
        title="Remembered samples",
        help="At most so many training samples are kept in the model, drawn at random.",
        level="all",
        only_if={"head": ("knn",)},
        ge=1,
        le=1_000_000,
    )
    l2: float = option(
        0.0,
        title="L2 strength",
        help="λ in the formula. 0: thirteen values from 1e-5 to 10 are tried and validation decides.",
        level="all",
        only_if={"head": ("logistic",)},
        ge=0.0,
        le=1000.0,
    )
    epochs: int = option(
        50,
        title="Epochs",
        help="Passes over the cached features; ends early when validation no longer improves.",
        only_if=GRADIENT,
        ge=1,
        le=10_000,
    )
    learning_rate: float = option(
        1e-3, title="Learning rate", help="Of AdamW at its peak.", only_if=GRADIENT, gt=0.0, le=10.0
    )
    weight_decay: float = option(
        0.01, title="Weight decay", help="Of AdamW.", level="all", only_if=GRADIENT, ge=0.0, le=10.0
    )
    batch_size: int = option(
        64,
        title="Batch size",
        help="Feature vectors in a batch.",
        level="all",
        only_if=GRADIENT,
        ge=2,
        le=65_536,
    )
    patience: int = option(
        10,
        title="Patience",
        help="Epochs without improvement on validation before training ends; 0: never.",
        level="all",
        only_if=GRADIENT,
        ge=0,
        le=10_000,
    )
    hidden: int = option(
        256,
        title="Hidden units",
        help="Of the MLP.",
        level="all",
        only_if={"head": ("mlp",)},
        ge=2,
        le=16_384,
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Share of each label that is spread over all classes.",
        level="all",
        only_if=GRADIENT,
        ge=0.0,
        lt=1.0,
    )

    imbalance: options.Imbalance = options.imbalance()
    sampler: Sampler = options.sampler()
