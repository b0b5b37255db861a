"""What can be set in unsupervised domain adaptation. Rates and weights as in the Transfer-Learning-Library, lengths for
data sets of hundreds to thousands of samples.
"""

from typing import Literal

from tlstudio.api import Options, option

Criterion = Literal["source", "infomax", "snd", "entropy"]


def _criterion(default: Criterion) -> Criterion:
    chosen: Criterion = option(
        default,
        title="Choose the model by",
        help="The target's labels never choose. source: accuracy on the source's validation split. infomax: sure "
        "answers that use all classes (mutual information). snd: samples with many neighbours that are answered alike "
        "(soft neighbourhood density). entropy: the surest answers. The last three look at the target's validation "
        "samples without their labels.",
    )
    return chosen


class SourceOnlyOptions(Options):
    epochs: int = option(20, title="Epochs", help="Passes over the source's training samples.", ge=1, le=10_000)
    learning_rate: float = option(
        0.01, title="Learning rate", help="Of the head and of what is added; SGD with momentum 0.9.", gt=0.0, le=10.0
    )
    backbone_rate: float = option(
        0.1,
        title="Backbone rate",
        help="The backbone learns at this share of the head's rate; 1 for random weights.",
        unit="× head",
        gt=0.0,
        le=10.0,
    )
    weight_decay: float = option(
        1e-3, title="Weight decay", help="Not on biases and normalisation.", level="all", ge=0.0, le=10.0
    )
    batch_size: int = option(32, title="Batch size", help="Samples of each data set in a batch.", ge=4, le=4096)
    bottleneck: int = option(
        256,
        title="Bottleneck",
        help="Units between the backbone and the classifier, with batch norm and ReLU.",
        level="all",
        ge=2,
        le=16_384,
    )
    augmentation: Literal["auto", "none", "characters", "light", "medium"] = option(
        "auto",
        title="Augmentation",
        help="auto: light, or characters where a mirrored picture means something else.",
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Share of each of the source's labels that is spread over all classes.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    criterion: Criterion = _criterion("source")


class AdaBNOptions(SourceOnlyOptions):
    pass


class AdaptingOptions(SourceOnlyOptions):
    trade_off: float = option(
        1.0, title="Trade-off", help="Weight of what is minimised without labels.", level="all", ge=0.0, le=1000.0
    )
    batch_norm: Literal["shared", "domain"] = option(
        "shared",
        title="Batch norm",
        help="shared: one batch of both domains passes at once. domain: each domain has statistics of its own; the "
        "model keeps the target's.",
        level="all",
    )


class MCCOptions(AdaptingOptions):
    learning_rate: float = option(
        0.005, title="Learning rate", help="Of the head; SGD with momentum 0.9.", gt=0.0, le=10.0
    )
    batch_size: int = option(36, title="Batch size", help="Samples of each data set in a batch.", ge=4, le=4096)
    temperature: float = option(
        2.5, title="Temperature", help="T in the formula: the higher, the softer the answers.", gt=0.0, le=100.0
    )
    criterion: Criterion = _criterion("infomax")


class DANNOptions(AdaptingOptions):
    discriminator: int = option(
        1024, title="Discriminator", help="Units in each of its two hidden layers.", level="all", ge=2, le=16_384
    )
    criterion: Criterion = _criterion("infomax")


class CDANOptions(DANNOptions):
    product: int = option(
        1024,
        title="Products",
        help="Numbers that stand for all products of a feature and an answer.",
        level="all",
        ge=2,
        le=16_384,
    )


class MDDOptions(AdaptingOptions):
    learning_rate: float = option(
        0.004, title="Learning rate", help="Of the heads; SGD with momentum 0.9.", gt=0.0, le=10.0
    )
    weight_decay: float = option(
        5e-4, title="Weight decay", help="Not on biases and normalisation.", level="all", ge=0.0, le=10.0
    )
    bottleneck: int = option(
        1024,
        title="Bottleneck",
        help="Units between the backbone and the classifiers, with batch norm and ReLU.",
        level="all",
        ge=2,
        le=16_384,
    )
    margin: float = option(4.0, title="Margin", help="γ in the formula.", gt=0.0, le=100.0)
    reversal: float = option(
        0.1,
        title="Reversed gradient",
        help="What the reversed gradient is multiplied by at the end of the run.",
        level="all",
        gt=0.0,
        le=10.0,
    )
    criterion: Criterion = _criterion("infomax")
