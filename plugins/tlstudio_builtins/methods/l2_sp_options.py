"""What can be set for L2-SP."""

from tlstudio.api import option
from tlstudio_builtins.methods.fine_tuning_options import Beginning, Layers, Training


class Start(Beginning):
    backbone_strength: float = option(
        0.01,
        title="Strength, backbone",
        help="μ: how strongly the backbone is held near its pretrained weights.",
        ge=0.0,
        le=1000.0,
    )
    head_strength: float = option(
        0.01,
        title="Strength, head",
        help="β: how strongly the head's weights are held near zero.",
        level="all",
        ge=0.0,
        le=1000.0,
    )


def weight_decay() -> float:
    chosen: float = option(
        0.0,
        title="Weight decay",
        help="Not on biases and normalisation. It would pull the backbone to zero, away from where it began.",
        level="all",
        ge=0.0,
        le=10.0,
    )
    return chosen


class L2SPOptions(Training, Layers, Start):
    weight_decay: float = weight_decay()
