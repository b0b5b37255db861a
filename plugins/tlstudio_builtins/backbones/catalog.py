"""Descriptors of torchvision's networks, from the file that ``make_catalog`` wrote."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tlstudio.api import BackboneDescriptor, FeatureLevel, Preprocessing, Stage, Weights, takes_pictures
from tlstudio_builtins.backbones.families import FAMILIES, Family

_LICENSE = "BSD-3-Clause"  # torchvision's, where the weights' metadata name no other
_TITLES = {
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3 small",
    "mobilenet_v3_large": "MobileNetV3 large",
    "efficientnet_b0": "EfficientNet-B0",
    "efficientnet_b1": "EfficientNet-B1",
    "efficientnet_b2": "EfficientNet-B2",
    "efficientnet_b3": "EfficientNet-B3",
    "efficientnet_v2_s": "EfficientNetV2-S",
    "convnext_tiny": "ConvNeXt tiny",
    "convnext_small": "ConvNeXt small",
    "convnext_base": "ConvNeXt base",
    "regnet_y_400mf": "RegNetY 400MF",
    "regnet_y_1_6gf": "RegNetY 1.6GF",
    "shufflenet_v2_x1_0": "ShuffleNetV2 1.0×",
    "squeezenet1_1": "SqueezeNet 1.1",
    "densenet121": "DenseNet-121",
    "vit_b_16": "ViT-B/16",
    "swin_t": "Swin-T",
    "swin_v2_t": "SwinV2-T",
}


def torchvision_backbones() -> list[BackboneDescriptor]:
    text = Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
    families = {name: family for family in FAMILIES for name in family.names}
    return [_descriptor(families[entry["id"]], entry) for entry in json.loads(text)["backbones"]]


def _descriptor(family: Family, entry: dict[str, Any]) -> BackboneDescriptor:
    return BackboneDescriptor(
        id=entry["id"],
        title=_TITLES[entry["id"]],
        description=family.description,
        factory=f"tlstudio_builtins.backbones.torchvision_models:{entry['id']}",
        supports=takes_pictures,
        family=family.title,
        parameters=entry["parameters"],
        gflops=entry["gflops"],
        input_size=entry["input_size"],
        feature_dim=entry["feature_dim"],
        stages=tuple(Stage(name=s["name"], modules=tuple(s["modules"])) for s in entry["stages"]),
        levels=tuple(FeatureLevel(**level) for level in entry["levels"]),
        head_prefixes=(family.head_prefix,),
        renames=family.renames,
        weights=tuple(_weights(weights) for weights in entry["weights"]),
        license=_LICENSE,
    )


def _weights(entry: dict[str, Any]) -> Weights:
    wanted = {field.name for field in dataclasses.fields(Weights)}
    known = {key: value for key, value in entry.items() if key in wanted}
    preset = entry["preprocessing"]
    preprocessing = Preprocessing(**{**preset, "mean": tuple(preset["mean"]), "std": tuple(preset["std"])})
    return Weights(**{**known, "preprocessing": preprocessing, "license": entry["license"] or _LICENSE})
