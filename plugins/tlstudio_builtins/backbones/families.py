"""torchvision's classification families as data: which networks, where the classifier sits, what they
consist of.
"""

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class Family:
    """``classifier``: path of the published last layer, which the backbone goes without. ``inside``:
    modules whose children are units of their own, in forward order, with ``before`` and ``after`` around
    them; ``tail``: units behind the pooling. ``renames``: names in published files of before a change in
    torchvision.
    """

    title: str
    names: tuple[str, ...]
    description: str
    classifier: str
    head_prefix: str
    before: tuple[str, ...] = ()
    inside: str = "features"
    after: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    layout: Literal["nchw", "nhwc", "tokens"] = "nchw"
    renames: tuple[tuple[str, str], ...] = ()

    def units(self, network: "nn.Module") -> list[str]:
        """Paths of modules (and of parameters that belong to none of them), input side first."""
        parent = f"{self.inside}." if self.inside else ""
        children = [parent + name for name, _ in network.get_submodule(self.inside).named_children()]
        return [*self.before, *children, *self.after, *self.tail]


FAMILIES: tuple[Family, ...] = (
    Family(
        "ResNet",
        ("resnet18", "resnet34", "resnet50", "resnet101"),
        "Residual network: the well-understood standard, whose features transfer reliably (He et al. 2015).",
        classifier="fc",
        head_prefix="fc.",
        inside="",
    ),
    Family(
        "MobileNet",
        ("mobilenet_v2",),
        "Small and quick on ordinary processors: inverted residuals (Sandler et al. 2018).",
        classifier="classifier.1",
        head_prefix="classifier.",
    ),
    Family(
        "MobileNet",
        ("mobilenet_v3_small", "mobilenet_v3_large"),
        "The quickest here for its accuracy: found by search for phones (Howard et al. 2019).",
        classifier="classifier.3",
        head_prefix="classifier.3.",
        tail=("classifier.0",),
    ),
    Family(
        "EfficientNet",
        ("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_v2_s"),
        "High accuracy for few parameters; slower on processors than its size suggests (Tan and Le 2019, 2021).",
        classifier="classifier.1",
        head_prefix="classifier.",
    ),
    Family(
        "ConvNeXt",
        ("convnext_tiny", "convnext_small", "convnext_base"),
        "A convolutional network with the manners of a transformer; strong and large (Liu et al. 2022).",
        classifier="classifier.2",
        head_prefix="classifier.2.",
        tail=("classifier.0",),
    ),
    Family(
        "RegNet",
        ("regnet_y_400mf", "regnet_y_1_6gf"),
        "Regular stages with squeeze-and-excitation; a good bargain of speed and accuracy (Radosavovic et al. 2020).",
        classifier="fc",
        head_prefix="fc.",
        before=("stem",),
        inside="trunk_output",
    ),
    Family(
        "ShuffleNet",
        ("shufflenet_v2_x1_0",),
        "Very light: channel shuffles instead of dense layers (Ma et al. 2018).",
        classifier="fc",
        head_prefix="fc.",
        inside="",
    ),
    Family(
        "SqueezeNet",
        ("squeezenet1_1",),
        "The smallest file here; features of modest strength (Iandola et al. 2016).",
        classifier="classifier",
        head_prefix="classifier.",
    ),
    Family(
        "DenseNet",
        ("densenet121",),
        "Every layer sees all before it: few parameters, much memory (Huang et al. 2016).",
        classifier="classifier",
        head_prefix="classifier.",
        renames=((r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2"),),
    ),
    Family(
        "Vision Transformer",
        ("vit_b_16",),
        "A transformer over patches of 16 pixels; takes pictures of exactly 224 pixels (Dosovitskiy et al. 2020).",
        classifier="heads.head",
        head_prefix="heads.",
        before=("class_token", "conv_proj", "encoder.pos_embedding"),
        inside="encoder.layers",
        after=("encoder.ln",),
        layout="tokens",
        renames=((r"\.mlp\.linear_1\.", ".mlp.0."), (r"\.mlp\.linear_2\.", ".mlp.3.")),
    ),
    Family(
        "Swin Transformer",
        ("swin_t", "swin_v2_t"),
        "A transformer with shifted windows and feature maps of several sizes (Liu et al. 2021, 2022).",
        classifier="head",
        head_prefix="head.",
        after=("norm",),
        layout="nhwc",
    ),
)
