"""What can be set in the built-in methods."""

from typing import Literal

from tlstudio.api import Options, Sampler, option

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


class FeatureExtractionOptions(Options):
    head: Literal["logistic", "linear", "mlp"] = option(
        "logistic",
        title="Head",
        help="logistic: the best linear head, found by L-BFGS with its strength of L2 chosen on validation. "
        "linear: a linear head trained by AdamW. mlp: one hidden layer, by AdamW.",
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

    imbalance: Imbalance = _imbalance()
    sampler: Sampler = _sampler()


class FineTuningOptions(Options):
    epochs: int = option(
        15,
        title="Epochs, all layers",
        help="Passes over the training pictures; ends early when validation no longer improves.",
        ge=1,
        le=10_000,
    )
    stages: Literal["two", "one"] = option(
        "two",
        title="Stages",
        help="two: the head is fitted first, so that its random start cannot distort the pretrained features "
        "(LP-FT). one: everything from the first step.",
        level="all",
    )
    head_start: Literal["logistic", "gradient"] = option(
        "logistic",
        title="Head first, by",
        help="logistic: the best linear head on frozen features, by L-BFGS. gradient: AdamW on frozen features.",
        level="all",
        only_if={"stages": ("two",)},
    )
    head_epochs: int = option(
        20,
        title="Epochs, head",
        help="For a head that is fitted by gradient.",
        level="all",
        only_if={"stages": ("two",), "head_start": ("gradient",)},
        ge=1,
        le=10_000,
    )
    learning_rate: float = option(
        3e-4, title="Learning rate, head", help="At its peak, after warm-up.", gt=0.0, le=10.0
    )
    backbone_rate: float = option(
        1.0,
        title="Backbone rate",
        help="The last stage learns at this share of the head's rate.",
        unit="× head",
        gt=0.0,
        le=10.0,
    )
    stage_decay: float = option(
        0.8,
        title="Rate decay per stage",
        help="Each stage nearer to the input learns at this share of the next one's rate.",
        level="all",
        gt=0.0,
        le=1.0,
    )
    train_stages: int = option(
        0,
        title="Stages trained",
        help="Only the last so many stages of the backbone learn; 0: all of them.",
        level="all",
        ge=0,
        le=1000,
    )
    bias_only: bool = option(
        False,
        title="Biases only",
        help="Train the biases and normalisation parameters of the backbone, and the head (BitFit).",
        level="all",
    )
    optimizer: Literal["adamw", "sgd"] = option(
        "adamw", title="Optimizer", help="adamw, or sgd with Nesterov momentum 0.9.", level="all"
    )
    weight_decay: float = option(
        0.01, title="Weight decay", help="Not on biases and normalisation.", level="all", ge=0.0, le=10.0
    )
    batch_size: int = option(16, title="Batch size", help="Pictures in a batch.", ge=2, le=4096)
    accumulate: int = option(
        1,
        title="Accumulation",
        help="Batches per optimizer step: a larger batch in less memory.",
        level="all",
        ge=1,
        le=1024,
    )
    augmentation: Literal["auto", "none", "characters", "light", "medium"] = option(
        "auto",
        title="Augmentation",
        help="characters: small rotations, shifts and scales. light: random crop and mirror. medium: light, "
        "TrivialAugmentWide and erasing. auto: light, or characters where a mirrored picture means something else. For "
        "sounds, texts and masks: light and medium are what suits them.",
    )
    flip: Literal["auto", "on", "off"] = option(
        "auto",
        title="Mirror",
        help="Whether augmentation may mirror pictures left to right. auto: unless the backbone is for characters.",
        level="all",
    )
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "frozen",
        title="Batch norm",
        help="frozen: statistics and parameters stay; stats: statistics follow your data; train: both learn.",
        level="all",
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Share of each label spread over all classes.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    mixup: float = option(
        0.0,
        title="Mixup",
        help="α of Beta(α, α): pairs of pictures are blended. 0: off; 0.2 is usual for many pictures.",
        level="all",
        ge=0.0,
        le=10.0,
    )
    cutmix: float = option(
        0.0,
        title="CutMix",
        help="α of Beta(α, α): a rectangle of another picture is pasted in. 0: off. With mixup: either at random.",
        level="all",
        ge=0.0,
        le=10.0,
    )
    ema: bool = option(
        True,
        title="Average the weights",
        help="Validate and keep an exponential moving average of the weights.",
        level="all",
    )
    ema_decay: float = option(
        0.99,
        title="Averaging decay",
        help="Final decay per step.",
        level="all",
        only_if={"ema": (True,)},
        ge=0.0,
        lt=1.0,
    )
    warmup: float = option(
        0.05,
        title="Warm-up",
        help="Share of the steps over which the rate rises.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    clip_norm: float = option(
        1.0,
        title="Gradient clipping",
        help="Largest norm of the gradient; 0: off.",
        level="all",
        ge=0.0,
        le=1e6,
    )
    patience: int = option(
        6,
        title="Patience",
        help="Epochs without improvement on validation before training ends; 0: never.",
        level="all",
        ge=0,
        le=10_000,
    )
    imbalance: Imbalance = _imbalance()
    sampler: Sampler = _sampler()
