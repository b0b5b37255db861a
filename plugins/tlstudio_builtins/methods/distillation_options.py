"""What can be set for distillation. In the form the fields of :class:`Losses` come first, then those of training."""

from typing import Literal

from tlstudio.api import Options, option
from tlstudio_builtins.methods import options
from tlstudio_builtins.methods.fine_tuning_options import Training

Loss = Literal["logits", "dkd", "dist", "cwd", "none"]
Features = Literal["none", "hints", "attention"]
_WITH_T = {"loss": ("logits", "dkd", "dist", "cwd")}


class Losses(Options):
    """What the student is to have in common with its teacher."""

    loss: Loss = option(
        "logits",
        title="Loss of outputs",
        help="logits: softened probabilities (Hinton); of numbers their squared difference. dkd: the right class and "
        "the others apart. dist: only which outputs are larger, by correlation, for a teacher much larger than the "
        "student. cwd: for pixels, where in the picture each class is. none: feature maps alone.",
    )
    features: Features = option(
        "none",
        title="Loss of feature maps",
        help="Beside the loss of outputs. hints: a projection of the student's map of a middle level equals the "
        "teacher's (FitNet). attention: both look at the same places, on every level.",
    )
    temperature: float = option(
        4.0,
        title="Temperature",
        help="Logits are divided by it, so that small probabilities count; 4 for few classes, 1 for many.",
        only_if=_WITH_T,
        gt=0.0,
        le=100.0,
    )
    alpha: float = option(
        0.0,
        title="Teacher's share",
        help="α: the teacher counts by α, the labels by 1 - α. 0: 0.9 where the student has random weights, "
        "otherwise 0.5.",
        only_if={"loss": ("logits", "cwd")},
        ge=0.0,
        le=1.0,
    )
    dkd_alpha: float = option(
        1.0,
        title="Weight of the right class",
        help="α of DKD: how sure is the teacher.",
        level="all",
        only_if={"loss": ("dkd",)},
        ge=0.0,
        le=1000.0,
    )
    dkd_beta: float = option(
        8.0,
        title="Weight of the other classes",
        help="β of DKD: what else could it be. 8 is usual, less for thin and deep students (2), more classes 0.5.",
        level="all",
        only_if={"loss": ("dkd",)},
        ge=0.0,
        le=1000.0,
    )
    dkd_warmup: float = option(
        0.1,
        title="Warm-up of DKD",
        help="Share of the training over which its weight rises from 0.",
        level="all",
        only_if={"loss": ("dkd",)},
        ge=0.0,
        lt=1.0,
    )
    dist_beta: float = option(
        1.0,
        title="Weight between classes",
        help="β of DIST: the classes of one sample.",
        level="all",
        only_if={"loss": ("dist",)},
        ge=0.0,
        le=1000.0,
    )
    dist_gamma: float = option(
        1.0,
        title="Weight between samples",
        help="γ of DIST: the samples of a batch, for each class.",
        level="all",
        only_if={"loss": ("dist",)},
        ge=0.0,
        le=1000.0,
    )
    feature_weight: float = option(
        0.0,
        title="Weight of feature maps",
        help="0: the usual one, 100 for hints and 1000 for attention.",
        level="all",
        only_if={"features": ("hints", "attention")},
        ge=0.0,
        le=1e6,
    )
    attention_power: float = option(
        2.0,
        title="Power of attention",
        help="p: a place counts by the mean of its channels' |F|^p.",
        level="all",
        only_if={"features": ("attention",)},
        gt=0.0,
        le=16.0,
    )


class DistillationOptions(Training, Losses):
    epochs: int = option(
        60,
        title="Epochs",
        help="Passes over the training samples. Students gain from patience: from random weights 100 and more.",
        ge=1,
        le=10_000,
    )
    stages: Literal["two", "one"] = option(
        "two",
        title="Stages",
        help="two: the student's head is fitted first. one: everything from the first step, as always where the "
        "student has random weights.",
        level="all",
    )
    learning_rate: float = option(
        0.0,
        title="Learning rate",
        help="At its peak, after warm-up. 0: 0.003 where the student has random weights, otherwise 0.0003; for SGD "
        "ten times that.",
        ge=0.0,
        le=10.0,
    )
    batch_norm: Literal["frozen", "stats", "train"] = option(
        "train",
        title="Batch norm",
        help="Of the student. frozen: statistics and parameters stay; stats: statistics follow your data; train: "
        "both learn. The teacher's never moves.",
        level="all",
    )
    answers: Literal["view", "once"] = option(
        "view",
        title="The teacher sees",
        help="view: the very view that the student sees, in every step. once: every sample as it is, before the first "
        "step; far quicker where the teacher is large, and less exact the stronger the augmentation.",
        level="all",
    )
    unlabelled: Literal["teach", "leave"] = option(
        "teach",
        title="Samples without labels",
        help="Where there are any. teach: the teacher answers them, and the student learns from its answers. leave: "
        "labelled samples alone.",
        level="all",
    )
    patience: int = options.patience(0)


class DKDOptions(DistillationOptions):
    loss: Loss = option("dkd", title="Loss of outputs", help=Losses.model_fields["loss"].description or "")


class DISTOptions(DistillationOptions):
    loss: Loss = option("dist", title="Loss of outputs", help=Losses.model_fields["loss"].description or "")


class HintOptions(DistillationOptions):
    loss: Loss = option("none", title="Loss of outputs", help=Losses.model_fields["loss"].description or "")
    features: Features = option(
        "hints", title="Loss of feature maps", help=Losses.model_fields["features"].description or ""
    )


class AttentionOptions(DistillationOptions):
    loss: Loss = option("none", title="Loss of outputs", help=Losses.model_fields["loss"].description or "")
    features: Features = option(
        "attention", title="Loss of feature maps", help=Losses.model_fields["features"].description or ""
    )
