"""Adaptation methods, declared without importing torch."""

from tlstudio.api import MethodDescriptor, supports_everything
from tlstudio_builtins.methods import (
    adaptation_card,
    cam_card,
    distillation_card,
    finetune_more_card,
    joint_card,
    pretraining_card,
    robustness_card,
    unlabelled_card,
    weight_space_card,
)
from tlstudio_builtins.methods.feature_extraction_options import FeatureExtractionOptions
from tlstudio_builtins.methods.fine_tuning_recipes import RECIPES
from tlstudio_builtins.methods.options import FineTuningOptions

_FIRST = [
    MethodDescriptor(
        id="feature-extraction",
        title="Feature extraction",
        description="The backbone stays as it is: each sample passes through it once, then a head learns in seconds.",
        factory="tlstudio_builtins.methods.feature_extraction:FeatureExtraction",
        options=FeatureExtractionOptions,
        supports=supports_everything,
        formula="min over W, b of mean cross-entropy(softmax(W z + b), y) + λ/2 ‖W‖², where z are the backbone's "
        "standardised features and λ is chosen on the validation split",
        source="Kornblith, Shlens, Le: Do Better ImageNet Models Transfer Better? CVPR 2019, section 3",
    ),
    MethodDescriptor(
        id="fine-tuning",
        title="Fine-tuning",
        description="First the head alone, then every layer at lower rates: usually best from 20 labels a class.",
        factory="tlstudio_builtins.methods.fine_tuning:FineTuning",
        options=FineTuningOptions,
        supports=supports_everything,
        formula="min over θ, W of mean cross-entropy(h_W(f_θ(x)), y), started from the head that is best for the "
        "pretrained θ",
        source="Kumar et al.: Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution. "
        "ICLR 2022 (LP-FT)",
        recipes=RECIPES,
    ),
]

METHODS = [
    *_FIRST,
    *finetune_more_card.CARDS,
    *weight_space_card.CARDS,
    *distillation_card.CARDS,
    *joint_card.CARDS,
    *adaptation_card.CARDS,
    *unlabelled_card.CARDS,
    *cam_card.CARDS,
    *pretraining_card.CARDS,
    *robustness_card.CARDS,
]
