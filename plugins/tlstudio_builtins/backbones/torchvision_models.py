"""Factories ``resnet18() ...`` of torchvision's networks without their classifiers.

Each returns the network with random weights, whose ``forward`` gives features ``[N, feature_dim]`` and whose
``state_dict`` has torchvision's names less the classifier's.
"""

import functools
from collections.abc import Callable
from typing import Any

from torch import nn
from torchvision import models

from tlstudio_builtins.backbones.families import FAMILIES


def build(name: str, classifier: str) -> nn.Module:
    network: nn.Module = models.get_model(name, weights=None)
    parent, _, attribute = classifier.rpartition(".")
    # SqueezeNet's classifier is a convolution and a pooling; the features need the pooling.
    instead = nn.AdaptiveAvgPool2d(1) if name.startswith("squeezenet") else nn.Identity()
    setattr(network.get_submodule(parent), attribute, instead)
    return network


_CLASSIFIERS = {name: family.classifier for family in FAMILIES for name in family.names}


def __getattr__(name: str) -> Callable[[], Any]:
    if name not in _CLASSIFIERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return functools.partial(build, name, _CLASSIFIERS[name])
