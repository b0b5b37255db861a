"""What can be set for Co-Tuning."""

from typing import Literal

from tlstudio.api import option
from tlstudio_builtins.methods import options
from tlstudio_builtins.methods.fine_tuning_options import Beginning, Layers, Training


class Relation(Beginning):
    source_strength: float = option(
        2.3,
        title="Strength, source classes",
        help="λ: how much it counts that the backbone's own classes are answered as those of your class usually are.",
        ge=0.0,
        le=1000.0,
    )
    relationship: Literal["direct", "reverse"] = option(
        "direct",
        title="Relationship",
        help="Between the backbone's classes and yours. direct: the mean answer of the backbone for each of your "
        "classes. reverse: a linear classifier from its answers to your classes, turned round by Bayes' rule.",
        level="all",
    )
    temperature: float = option(
        0.0,
        title="Temperature",
        help="By which the backbone's own logits are divided before the relationship is learnt. 0: the one with which "
        "held-out samples are told best.",
        level="all",
        ge=0.0,
        le=100.0,
    )


class CoTuningOptions(Training, Layers, Relation):
    backbone_rate: float = options.backbone_rate(0.1)
