"""What can be set for fine-tuning and its relatives. In the form the fields of :class:`Beginning` come first, then
those of the bases, the last one first.
"""

from typing import Literal

from tlstudio.api import Options, Sampler, option
from tlstudio_builtins.methods import options


class Beginning(Options):
    """How long, from which head, and how fast."""

    epochs: int = option(
        15,
        title="Epochs, all layers",
        help="Passes over the training samples; ends early when validation no longer improves.",
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
    head_rate: float = option(
        0.0,
        title="Learning rate, head alone",
        help="While a head is fitted by gradient; 0: the rate below.",
        level="all",
        only_if={"stages": ("two",), "head_start": ("gradient",)},
        ge=0.0,
        le=10.0,
    )
    learning_rate: float = option(
        3e-4, title="Learning rate, head", help="At its peak, after warm-up.", gt=0.0, le=10.0
    )


class Layers(Beginning):
    """Which layers of the backbone learn, and how fast."""

    backbone_rate: float = options.backbone_rate()
    backbone_growth: float = option(
        1.0,
        title="Backbone rate grows",
        help="After each epoch the backbone's rate is multiplied by this, until it is the head's. 1: it does not grow.",
        level="all",
        ge=1.0,
        le=100.0,
    )
    stage_decay: float = options.decay_per_layer()
    decay_over: Literal["auto", "stages", "blocks"] = option(
        "auto",
        title="Rate decays by",
        help="stages: those of the backbone, four or five. blocks: every block of a transformer is a step of its own. "
        "auto: blocks where the backbone is a transformer.",
        level="all",
    )
    train_stages: int = option(
        0,
        title="Stages trained",
        help="Only the last so many stages of the backbone learn; 0: all of them.",
        level="all",
        ge=0,
        le=1000,
    )
    unfreezing: Literal["at-once", "gradual"] = option(
        "at-once",
        title="Unfreezing",
        help="gradual: first the last stage learns beside the head, then one more every few epochs, and at the end "
        "all of them (Howard and Ruder 2018).",
        level="all",
    )
    unfreeze_epochs: int = option(
        1,
        title="Epochs per stage",
        help="Before the next stage is unfrozen; the epochs of all layers come after these.",
        level="all",
        only_if={"unfreezing": ("gradual",)},
        ge=1,
        le=1000,
    )


class Training(Beginning):
    """Everything about the steps themselves."""

    optimizer: Literal["adamw", "sgd", "momentum"] = option(
        "adamw",
        title="Optimizer",
        help="adamw; sgd with Nesterov's momentum 0.9; or sgd with ordinary momentum 0.9.",
        level="all",
    )
    weight_decay: float = options.weight_decay()
    batch_size: int = option(16, title="Batch size", help="Samples in a batch.", ge=2, le=4096)
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
    flip: options.Flip = options.flip()
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "frozen",
        title="Batch norm",
        help="frozen: statistics and parameters stay; stats: statistics follow your data; train: both learn.",
        level="all",
    )
    label_smoothing: float = options.label_smoothing()
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
    schedule: Literal["cosine", "one-cycle", "steps", "constant"] = option(
        "cosine",
        title="Schedule",
        help="Of the rates after the warm-up. cosine: down to 0. one-cycle: from a fifth up over the warm-up, then "
        "down to 0. steps: to a tenth, again and again.",
        level="all",
    )
    warmup: float = options.warmup()
    first_drop: float = option(
        0.6,
        title="First drop",
        help="Share of the steps after which the rates fall to a tenth.",
        level="all",
        only_if={"schedule": ("steps",)},
        gt=0.0,
        le=1.0,
    )
    drop_every: float = option(
        1.0,
        title="Next drops",
        help="Share of the steps after which they fall to a tenth again; 1: never.",
        level="all",
        only_if={"schedule": ("steps",)},
        gt=0.0,
        le=1.0,
    )
    clip_norm: float = options.clip_norm()
    sam: float = option(
        0.0,
        title="Sharpness-aware, ρ",
        help="Radius within which the loss is to be low everywhere; twice the time. 0: off; 0.05 is usual, adaptive 2.",
        level="all",
        ge=0.0,
        le=100.0,
    )
    sam_adaptive: bool = option(
        False,
        title="Radius relative to weights",
        help="The radius counts relative to the size of each weight (ASAM).",
        level="all",
    )
    patience: int = options.patience()
    imbalance: options.Imbalance = options.imbalance()
    sampler: Sampler = options.sampler()


class FineTuningOptions(Training, Layers):
    bias_only: bool = option(
        False,
        title="Biases only",
        help="Train the biases and normalisation parameters of the backbone, and the head (BitFit).",
        level="all",
    )
