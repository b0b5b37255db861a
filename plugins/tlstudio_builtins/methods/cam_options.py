"""What can be set in CAM transfer."""

from typing import Literal

from tlstudio.api import Options, option

PAIRED = {"variant": ("instance-paired", "missing-modality")}


class CamOptions(Options):
    variant: Literal["unpaired", "class-paired", "instance-paired", "missing-modality"] = option(
        "unpaired",
        title="Variant",
        help="unpaired: both networks see the sample. class-paired: the region is where the sample resembles the "
        "source's examples of the class that the target network believes in; needs a source data set with the same "
        "classes. instance-paired: the target network sees another modality of the same picture (edges, grey). "
        "missing-modality: likewise, and the source network is replaced by a student that needs that modality alone.",
    )
    derived: Literal["edges", "grey"] = option(
        "edges",
        title="Other modality",
        help="What the target network is shown of each picture: its edges (Sobel), or its grey values.",
        only_if=PAIRED,
    )
    attention: Literal["channel", "channel+spatial", "symmetric"] = option(
        "channel",
        title="Attention",
        help="channel: probabilities open and close channels, and the region is where their sum is high. "
        "channel+spatial: gates that look at the sample too, then a map of places of its own (CMRAN). symmetric: both "
        "networks gate each other and both answer (MMTM); for experts: probabilities reach the class beside the "
        "region, so that the region explains only a part. The controls show which.",
        level="all",
    )
    target_network: Literal["small", "copy"] = option(
        "small",
        title="Target network",
        help="small: a small convolutional network from scratch. copy: a copy of the backbone with its weights, "
        "trained at a tenth of the rate below its head.",
    )
    folds: int = option(
        5,
        title="Folds",
        help="The attention learns from probabilities of networks that never saw the sample: the target network is "
        "trained this many times, each time without one part, and once on everything.",
        ge=2,
        le=10,
    )
    target_epochs: int = option(
        30, title="Epochs, target network", help="Of each of the folds, and of the last one.", ge=1, le=10_000
    )
    target_rate: float = option(
        5e-3, title="Learning rate, target network", help="Of AdamW at its peak.", level="all", gt=0.0, le=10.0
    )
    attention_epochs: int = option(
        60, title="Epochs, attention", help="Over cached maps and probabilities: seconds.", ge=1, le=10_000
    )
    attention_rate: float = option(
        3e-3, title="Learning rate, attention", help="Of AdamW at its peak.", level="all", gt=0.0, le=10.0
    )
    source_epochs: int = option(
        10,
        title="Epochs, source network",
        help="Fine-tuning of the source network on the source data set, where one is given; 0: its weights as they "
        "are.",
        ge=0,
        le=10_000,
    )
    source_rate: float = option(
        1e-3,
        title="Learning rate, source network",
        help="Of its head; a third of it for the layers below.",
        level="all",
        gt=0.0,
        le=10.0,
    )
    joint_epochs: int = option(
        0,
        title="Epochs, all together",
        help="At the end everything may learn together, at a tenth of the rate for the networks: the loss on the "
        "source plus λ times that on the target. 0: not.",
        ge=0,
        le=10_000,
    )
    trade_off: float = option(
        1.0, title="λ", help="The weight of the target against the source.", level="all", ge=0.0, le=1000.0
    )
    level: Literal["auto", "last", "second-last", "third-last"] = option(
        "auto",
        title="Feature level",
        help="Whose maps are looked at. auto: the last stage of the source network with at least 5 places a side.",
        level="all",
    )
    pooling: Literal["ungated", "gated"] = option(
        "ungated",
        title="Pooling",
        help="ungated: probabilities decide where to look, never what is seen. gated: they change what is seen as "
        "well; then the class can be read off the gates, and the region explains nothing.",
        level="all",
        only_if={"attention": ("channel", "channel+spatial")},
    )
    smoothing: float = option(
        0.1,
        title="Label smoothing",
        help="Of the target network: share of each label that is spread over all classes.",
        level="all",
        ge=0.0,
        lt=1.0,
    )
    batch_size: int = option(32, title="Batch size", help="Samples in a batch.", ge=2, le=4096)
    augmentation: Literal["auto", "none", "characters", "light", "medium"] = option(
        "auto",
        title="Augmentation",
        help="For the networks. auto: light, or characters where a mirrored picture means something else.",
        level="all",
    )
    region_weight: float = option(
        0.5, title="Weight, region alone", help="Of the answer from the region alone.", level="all", ge=0.0, le=100.0
    )
    outside_weight: float = option(
        0.1, title="Weight, outside", help="Of saying nothing about the rest.", level="all", ge=0.0, le=100.0
    )
    entropy_weight: float = option(
        0.01, title="Weight, entropy", help="Of small regions.", level="all", ge=0.0, le=100.0
    )
    variation_weight: float = option(
        1e-3, title="Weight, variation", help="Of smooth regions.", level="all", ge=0.0, le=100.0
    )
    gate_weight: float = option(
        0.01, title="Weight, gates", help="Of gates that stay near 1.", level="all", ge=0.0, le=100.0
    )
    hint_weight: float = option(
        0.1,
        title="Weight, hints",
        help="Of the target network's maps resembling those of the source network (Gupta et al. 2016).",
        level="all",
        only_if=PAIRED,
        ge=0.0,
        le=100.0,
    )
    imbalance: Literal["auto", "none"] = option(
        "auto",
        title="Unequal classes",
        help="auto: where the largest class is more than 5 times the smallest, logit adjustment for one class a "
        "sample, weights for rare labels.",
        level="all",
    )
