"""What can be set for DELTA."""

from typing import Literal

from tlstudio.api import option
from tlstudio_builtins.methods.fine_tuning_options import Layers, Training
from tlstudio_builtins.methods.l2_sp_options import Start, weight_decay


class Features(Start):
    feature_strength: float = option(
        0.05,
        title="Strength, feature maps",
        help="α: how strongly the feature maps are held near those of the pretrained network, on the mean over a "
        "batch. 0.5 is what others take; where your data are unlike those of pretraining, that holds too much.",
        ge=0.0,
        le=1000.0,
    )
    levels: int = option(
        3,
        title="Feature levels",
        help="How many of the backbone's last feature levels are held.",
        level="all",
        ge=1,
        le=100,
    )
    attention: Literal["removal", "even"] = option(
        "removal",
        title="Channel attention",
        help="removal: a channel counts by how much the loss grows without it, each tried in turn. even: all channels "
        "count the same, and nothing is tried; so it is for masks in any case.",
        level="all",
    )
    attention_samples: int = option(
        32,
        title="Samples for attention",
        help="On how many training samples the channels are tried.",
        level="all",
        only_if={"attention": ("removal",)},
        ge=2,
        le=100_000,
    )


class DeltaOptions(Training, Layers, Features):
    weight_decay: float = weight_decay()
