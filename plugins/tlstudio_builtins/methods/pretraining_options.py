"""What can be set in pre-training."""

from typing import Literal

from tlstudio.api import Options, option
from tlstudio_builtins.methods import options


def _epochs(default: int) -> int:
    chosen: int = option(default, title="Epochs", help="Passes over the pictures in pre-training.", ge=1, le=100_000)
    return chosen


def _batch(default: int, help_: str = "Samples in a batch.") -> int:
    chosen: int = option(default, title="Batch size", help=help_, ge=4, le=8192)
    return chosen


def _rate(default: float, help_: str = "Of AdamW at its peak, after warm-up.") -> float:
    chosen: float = option(default, title="Learning rate", help=help_, gt=0.0, le=10.0)
    return chosen


def _chosen_by(default: Literal["neighbours", "loss"]) -> Literal["neighbours", "loss"]:
    chosen: Literal["neighbours", "loss"] = option(
        default,
        title="Best epoch by",
        help="neighbours: accuracy of the vote of the nearest neighbours on validation, where there are classes. loss: "
        "the objective's own loss on validation pictures.",
        level="all",
    )
    return chosen


class PretrainingOptions(Options):
    """What all objectives share; each of them has its own usual values."""

    epochs: int = _epochs(100)
    batch_size: int = _batch(64)
    learning_rate: float = _rate(1e-3)
    weight_decay: float = options.weight_decay(0.0)
    warmup: float = option(
        0.05,
        title="Warm-up",
        help="Share of the steps over which the rate rises; then it falls as a cosine.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    patience: int = option(
        0,
        title="Patience",
        help="Epochs without improvement before pre-training ends; 0: never. The best epoch is kept in any case.",
        level="all",
        ge=0,
        le=100_000,
    )
    flip: Literal["auto", "on", "off"] = option(
        "auto",
        title="Mirror",
        help="Whether pictures may be mirrored left to right. auto: unless the backbone is for characters; choose off "
        "where a mirrored picture means something else.",
        level="all",
    )
    neighbours_of: int = option(
        5000,
        title="Pictures that vote",
        help="At most about so many training pictures are the neighbours whose vote is shown after each epoch.",
        level="all",
        ge=100,
        le=10_000_000,
    )
    compare: bool = option(
        True,
        title="Compare with random weights",
        help="Before it begins, the same probe and vote are computed for random weights, to be shown beside them.",
        level="all",
    )


class SupervisedOptions(PretrainingOptions):
    epochs: int = _epochs(60)
    batch_size: int = _batch(64)
    learning_rate: float = _rate(0.1, "Of SGD with Nesterov momentum 0.9, for 256 in a batch; scaled with the batch.")
    weight_decay: float = options.weight_decay(1e-4)
    warmup: float = option(
        0.08,
        title="Warm-up",
        help="Share of the steps over which the rate rises, 5 of 60 epochs; then it falls as a cosine.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Share of each label spread over all classes.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    choose_by: Literal["neighbours", "loss"] = _chosen_by("loss")


class AutoencoderOptions(PretrainingOptions):
    epochs: int = _epochs(50)
    batch_size: int = _batch(64)
    learning_rate: float = _rate(1e-3)
    weight_decay: float = options.weight_decay(0.01)
    corruption: Literal["noise", "mask", "none"] = option(
        "noise",
        title="Spoilt by",
        help="What the network sees is spoilt, what it must draw is not. noise: Gaussian. mask: some of 8×8 cells "
        "are blank. none: a plain autoencoder.",
    )
    sigma: float = option(
        0.15,
        title="Noise",
        help="Standard deviation of the noise, where the range of a pixel is 0 to 1.",
        level="all",
        only_if={"corruption": ("noise",)},
        gt=0.0,
        le=2.0,
    )
    hidden: float = option(
        0.25,
        title="Blank cells",
        help="Share of the 8×8 cells of a picture that are blank.",
        level="all",
        only_if={"corruption": ("mask",)},
        gt=0.0,
        lt=1.0,
    )
    choose_by: Literal["neighbours", "loss"] = _chosen_by("loss")


class MaskedOptions(PretrainingOptions):
    epochs: int = _epochs(200)
    batch_size: int = _batch(64)
    learning_rate: float = _rate(
        1.5e-4,
        "Of AdamW for 256 in a batch; scaled with the batch, as in the paper. Small transformers on few pictures take "
        "ten times as much.",
    )
    weight_decay: float = options.weight_decay(0.05)
    hidden: float = option(
        0.75,
        title="Hidden patches",
        help="Share of the patches that the transformer does not see.",
        gt=0.0,
        lt=1.0,
    )
    width: int = option(
        0,
        title="Decoder's width",
        help="Of the transformer that draws the hidden patches; 0: half of the backbone's, at most 512.",
        level="all",
        ge=0,
        le=4096,
    )
    depth: int = option(
        0, title="Decoder's depth", help="Its blocks; 0: 8 where it is 512 wide, else 2.", level="all", ge=0, le=48
    )
    choose_by: Literal["neighbours", "loss"] = _chosen_by("loss")


class AdversarialOptions(PretrainingOptions):
    epochs: int = _epochs(100)
    batch_size: int = _batch(64)
    learning_rate: float = _rate(2e-4, "Of Adam with β₁ 0.5, for both networks; it stays as it is.")
    spectral: bool = option(
        True,
        title="Spectral normalisation",
        help="The largest singular value of each of the discriminator's matrices is kept at most 1.",
        level="all",
    )
    choose_by: Literal["neighbours", "last"] = option(
        "neighbours",
        title="Best epoch by",
        help="neighbours: accuracy of the vote of the nearest neighbours on validation, where there are classes. "
        "last: the last epoch counts; neither network's loss says how good the features are.",
        level="all",
    )


class ContrastiveOptions(PretrainingOptions):
    epochs: int = _epochs(200)
    batch_size: int = _batch(
        256, "Pictures in a batch: each is told from all others in it, so that more are better; memory grows with it."
    )
    learning_rate: float = _rate(1e-3)
    weight_decay: float = options.weight_decay(1e-4)
    temperature: float = option(
        0.5,
        title="Temperature",
        help="t in the formula: 0.5 for small pictures and few data, 0.1 for pictures of 224 pixels and many.",
        gt=0.0,
        le=10.0,
    )
    hidden: int = option(
        0,
        title="Projector's width",
        help="Of its hidden layer; 0: as many as the backbone has features, from 512 to 2048.",
        level="all",
        ge=0,
        le=16_384,
    )
    projection: int = option(
        128, title="Projection", help="Numbers that views are compared by.", level="all", ge=2, le=4096
    )
    memory: int = option(
        0,
        title="Memory",
        help="Pictures are told from so many projections of earlier batches, too: where a large batch does not fit. 0: "
        "none; 4096 is usual.",
        level="all",
        ge=0,
        le=65_536,
    )
    choose_by: Literal["neighbours", "loss"] = _chosen_by("neighbours")
