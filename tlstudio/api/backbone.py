"""Backbones: pretrained networks, declared as data.

A backbone's factory takes no argument and returns an ``nn.Module`` with random weights, whose
``forward(x: [N, 3, H, W])`` (float, normalised as the weights ask) returns features ``[N, feature_dim]``. Its
``state_dict`` has the names of the published checkpoint, less the classifier's.
"""

import dataclasses
from typing import Literal

from tlstudio.api.descriptors import Descriptor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """From a decoded RGB picture to the network's input, in this order.

    ``resize``: shorter side in pixels; ``crop``: side of the central square in pixels; then /255, minus ``mean``,
    divided by ``std`` (per channel, in the range 0 to 1).
    """

    resize: int
    crop: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of published weights.

    ``resource`` is a path below the application's resources for bundled weights; otherwise ``url`` says where they
    are downloaded from. ``sha256`` may be a prefix, as in torchvision's file names. ``accuracy`` is top-1 in percent
    on the data they were trained on. ``smoothed`` is true where label smoothing or mixup took part in training,
    which tends to make frozen features weaker (Kornblith et al. 2019).
    """

    id: str
    trained_on: str
    preprocessing: Preprocessing
    url: str = ""
    resource: str = ""
    sha256: str = ""
    size_bytes: int = 0
    accuracy: float | None = None
    smoothed: bool = False
    license: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """Consecutive modules that share a learning rate and are unfrozen together; input side first.

    An entry of ``modules`` is the path of a module, or the full name of a parameter that belongs to no smaller
    module (a class token, a position embedding). Together the stages name every parameter exactly once.
    """

    name: str
    modules: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureLevel:
    """A named output inside the network. ``layout`` is how the module returns it; ``stride`` in input pixels."""

    name: str
    module: str
    channels: int
    stride: int
    layout: Literal["nchw", "nhwc", "tokens"] = "nchw"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackboneDescriptor(Descriptor):
    """A network architecture with the weights that are published for it.

    ``parameters`` counts those of the backbone with its published classifier, ``gflops`` are multiply-adds in 1e9
    for one picture of ``input_size``; ``head_prefixes`` are the names in published checkpoints that belong to the
    classifier and are left out; ``renames`` are (regular expression, replacement) pairs for names that earlier
    published checkpoints used for the same tensors. ``flip_safe`` is false where a mirrored input means something
    else (characters).
    """

    family: str
    parameters: int
    gflops: float
    input_size: int
    feature_dim: int
    stages: tuple[Stage, ...]
    levels: tuple[FeatureLevel, ...]
    head_prefixes: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    weights: tuple[Weights, ...] = ()
    modality: str = "image"
    license: str = ""
    flip_safe: bool = True
