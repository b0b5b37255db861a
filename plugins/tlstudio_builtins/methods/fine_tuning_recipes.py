"""Recipes for fine-tuning: values that others have published, and what of them is not the same here. No torch."""

import math
from typing import Any

from tlstudio.api import Recipe, RecipeFacts

_ONE = {"stages": "one", "backbone_rate": 1.0, "stage_decay": 1.0, "decay_over": "stages", "patience": 0}
_PLAIN = {"ema": False, "clip_norm": 0.0, "augmentation": "light"}
_BATCH = 32  # what is computed at once; larger batches are accumulated
_SMALL_BIT, _LARGE_BIT = 20_000, 500_000  # training items between which the rules of BiT differ
_SMALL_AREA = 96 * 96


def _batch(wanted: int) -> dict[str, Any]:
    """A power of two as batches of at most 32 that are accumulated."""
    batch = min(_BATCH, wanted)
    return {"batch_size": batch, "accumulate": wanted // batch}


def _epochs(facts: RecipeFacts, steps: int, batch: int) -> int:
    """That many optimizer steps, in whole passes over the training split."""
    each = max(1, math.ceil(facts.profile.train_items / batch))
    return min(10_000, max(1, round(steps / each)))


def _linear_batch(facts: RecipeFacts, most: int) -> int:
    """The largest power of two with which an epoch still has 16 steps."""
    each = max(16, facts.profile.train_items) // 16
    return min(most, max(16, 1 << (each.bit_length() - 1)))


def _fastai(facts: RecipeFacts) -> dict[str, Any]:
    even = 100 ** (-1 / max(1, len(facts.backbone.stages)))  # from the head's rate to a hundredth of it
    return {
        **_PLAIN,
        "stages": "two",
        "head_start": "gradient",
        "head_epochs": 1,
        "head_rate": 2e-3,
        "learning_rate": 1e-3,
        "backbone_rate": even,
        "stage_decay": even,
        "decay_over": "stages",
        "batch_size": 64,
        "batch_norm": "train",
        "schedule": "one-cycle",
        "warmup": 0.3,
        "patience": 0,
    }


def _lightning(_facts: RecipeFacts) -> dict[str, Any]:
    return {
        **_PLAIN,
        "stages": "two",
        "head_start": "gradient",
        "head_epochs": 10,
        "backbone_rate": 0.1,
        "backbone_growth": 2.0,
        "stage_decay": 1.0,
        "decay_over": "stages",
        "batch_norm": "train",
        "schedule": "constant",
        "warmup": 0.0,
        "patience": 0,
    }


def _tllib(facts: RecipeFacts) -> dict[str, Any]:
    return {
        **_ONE,
        **_PLAIN,
        "epochs": _epochs(facts, 20 * 500, 48),
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "backbone_rate": 0.1,
        "weight_decay": 5e-4,
        "batch_size": 48,
        "batch_norm": "train",
        "schedule": "steps",
        "first_drop": 0.6,
        "drop_every": 1.0,
        "warmup": 0.0,
    }


def _bit_steps(items: int) -> tuple[int, int, float, float]:
    """Steps, those of the warm-up, shares of the first drop and between drops."""
    if items < _SMALL_BIT:
        return 500, 100, 0.4, 0.2
    return (10_000 if items < _LARGE_BIT else 20_000), 500, 0.3, 0.3


def _bit(facts: RecipeFacts) -> dict[str, Any]:
    items = facts.profile.train_items
    steps, warmup, first, every = _bit_steps(items)
    return {
        **_ONE,
        **_PLAIN,
        **_batch(512),
        "epochs": _epochs(facts, steps, 512),
        "optimizer": "momentum",
        "learning_rate": 0.003,
        "weight_decay": 0.0,
        "schedule": "steps",
        "warmup": warmup / steps,
        "first_drop": first,
        "drop_every": every,
        "mixup": 0.1 if items >= _SMALL_BIT else 0.0,
    }


def _bit_remark(facts: RecipeFacts) -> str:
    steps, *_ = _bit_steps(facts.profile.train_items)
    words = f"{facts.profile.train_items:,} training items: {steps:,} steps of 512."
    if facts.picture is None:
        return words
    width, height = facts.picture
    resize, crop = (160, 128) if width * height < _SMALL_AREA else (512, 480)
    own = facts.preprocessing
    if (own.resize, own.crop) == (resize, crop):
        return words
    return (
        f"{words} For pictures of {width}×{height} the rule asks for {resize} pixels, cropped to {crop}; the "
        f"resolution of these weights stays, {own.resize} and {own.crop}."
    )


def _vit(facts: RecipeFacts) -> dict[str, Any]:
    batch = _linear_batch(facts, 1024)
    return {
        **_ONE,
        **_batch(batch),
        "epochs": 100,
        "learning_rate": 5e-4 * batch / 256,
        "backbone_rate": 0.65,
        "stage_decay": 0.65,
        "decay_over": "blocks",
        "weight_decay": 0.05,
        "warmup": 0.05,
        "label_smoothing": 0.1,
        "mixup": 0.8,
        "cutmix": 1.0,
        "augmentation": "medium",
        "ema": False,
        "clip_norm": 0.0,
    }


def _only_transformers(facts: RecipeFacts) -> str | None:
    return None if facts.transformer else f"It is for transformers, and {facts.backbone.title} is none."


def _kornblith(facts: RecipeFacts) -> dict[str, Any]:
    return {
        **_ONE,
        **_PLAIN,
        **_batch(256),
        "epochs": _epochs(facts, 20_000, 256),
        "optimizer": "sgd",
        "learning_rate": 10**-2.5,
        "weight_decay": 0.01,
        "batch_norm": "train",
        "warmup": 0.0,
    }


def _scratch(facts: RecipeFacts) -> dict[str, Any]:
    batch = _linear_batch(facts, 256)
    return {
        **_ONE,
        **_PLAIN,
        **_batch(batch),
        "epochs": 90,
        "optimizer": "momentum",
        "learning_rate": 0.1 * batch / 256,
        "weight_decay": 1e-4,
        "batch_norm": "train",
        "warmup": 5 / 90,
    }


def _only_random(facts: RecipeFacts) -> str | None:
    if not facts.pretrained:
        return None
    return "Its rate would spoil pretrained weights; it is for backbones with random ones."


def _strong(facts: RecipeFacts) -> dict[str, Any]:
    return {"augmentation": "medium", "mixup": 0.8 if facts.transformer else 0.2, "cutmix": 1.0}


RECIPES = (
    Recipe(
        id="strong-augmentation",
        title="Strong augmentation",
        description="The usual options with TrivialAugmentWide, erasing, mixup and CutMix: for many epochs, or "
        "pictures that are learnt by heart.",
        source="Müller and Hutter 2021 (TrivialAugment); mixup 0.2, for transformers 0.8; CutMix 1",
        options=_strong,
    ),
    Recipe(
        id="fastai",
        title="fastai",
        description="One epoch of the head, then all layers with one cycle, the first layers at a hundredth of the "
        "head's rate. Not the same: the head is linear and fitted on frozen features without augmentation; stages "
        "instead of three groups have rates in even multiples; momentum stays; lighter augmentation.",
        source="fastai, Learner.fine_tune: base_lr 2e-3, lr_mult 100, pct_start 0.3, div 5",
        options=_fastai,
    ),
    Recipe(
        id="lightning",
        title="Lightning-like",
        description="Ten epochs of the head, then the backbone at a tenth of its rate, doubled after each epoch until "
        "both are the same. Not the same: the ten epochs are on frozen features without augmentation; optimizer and "
        "rate, which Lightning leaves to you, are the usual ones here.",
        source="PyTorch Lightning, BackboneFinetuning: unfreeze_backbone_at_epoch 10, multiplicative, should_align",
        options=_lightning,
    ),
    Recipe(
        id="tllib-erm",
        title="TLlib ERM",
        description="10,000 steps of 48 with SGD from the first step, the backbone at a tenth of the head's rate, both "
        "a tenth from three fifths on. Not the same: the head begins at zero; biases and normalisation have no weight "
        "decay; the best epoch on validation is kept.",
        source="TLlib, examples/task_adaptation: erm.py: lr 0.01, 20 epochs of 500 iterations, decay at 12",
        options=_tllib,
    ),
    Recipe(
        id="bit-hyperrule",
        title="BiT-HyperRule",
        description="Steps, drops of the rate and mixup by the number of training items; a head that begins at zero; "
        "no weight decay. Not the same: the backbone keeps its resolution, its batch norm stays frozen (BiT has group "
        "norm), crops are of random size, steps are whole epochs.",
        source="Kolesnikov et al.: Big Transfer (BiT). ECCV 2020, section 3.3; google-research/big_transfer, "
        "bit_hyperrule.py",
        options=_bit,
        remark=_bit_remark,
    ),
    Recipe(
        id="vit-mae",
        title="ViT (MAE)",
        description="AdamW with layer decay 0.65, mixup and CutMix, 100 epochs; the rate is 5e-4 for 256 samples a "
        "batch, and the batch leaves 16 steps to an epoch. Not the same: no drop-path, TrivialAugmentWide instead of "
        "RandAugment, erasing 0.1 instead of 0.25.",
        source="He et al.: Masked Autoencoders Are Scalable Vision Learners. CVPR 2022, FINETUNE.md",
        options=_vit,
        supports=_only_transformers,
    ),
    Recipe(
        id="kornblith",
        title="Kornblith et al.",
        description="20,000 steps of 256 with Nesterov momentum and a cosine. The middle of their grid of seven rates "
        "(1e-4 to 0.1) and seven weight decays: sweep the rate, as they did. Not the same: momentum of the batch norm; "
        "the best epoch on validation is kept.",
        source="Kornblith, Shlens, Le: Do Better ImageNet Models Transfer Better? CVPR 2019, appendix A",
        options=_kornblith,
    ),
    Recipe(
        id="from-scratch",
        title="From scratch",
        description="SGD at 0.1 for 256 samples a batch, five epochs of warm-up, a cosine, 90 epochs: for random "
        "weights. Not the same: the batch leaves 16 steps to an epoch; biases and normalisation have no weight decay.",
        source="Goyal et al.: Accurate, Large Minibatch SGD. 2017, section 2.1; torchvision, references/classification",
        options=_scratch,
        supports=_only_random,
    ),
)
