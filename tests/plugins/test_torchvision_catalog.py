"""torchvision's networks as backbones: the catalog, the names, the stages and levels, the listing's cost."""

import json
import re
import subprocess
import sys

import pytest
import torch
import torchvision
from torch import nn
from torchvision import models

from tlstudio.api import BackboneDescriptor
from tlstudio_builtins.backbones import BACKBONES
from tlstudio_builtins.backbones import make_catalog as maker
from tlstudio_builtins.backbones.families import FAMILIES
from tlstudio_builtins.backbones.torchvision_models import build

ASKED_FOR = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_v2_s",
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
    "regnet_y_400mf",
    "regnet_y_1_6gf",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "densenet121",
    "vit_b_16",
    "swin_t",
    "swin_v2_t",
]
FAMILY = {name: family for family in FAMILIES for name in family.names}
KNOWN = {descriptor.id: descriptor for descriptor in BACKBONES}


def on_meta(name: str, make=build) -> nn.Module:
    """The backbone without data; RegNet computes its widths with tensors and is moved there afterwards."""
    arguments = (name, FAMILY[name].classifier) if make is build else (name,)
    if name.startswith("regnet"):
        return make(*arguments).to("meta")
    with torch.device("meta"):
        return make(*arguments)


@pytest.fixture(scope="module", params=ASKED_FOR)
def pair(request: pytest.FixtureRequest) -> tuple[BackboneDescriptor, nn.Module]:
    return KNOWN[request.param], on_meta(request.param)


def test_that_every_family_is_there_and_nothing_twice() -> None:
    names = [descriptor.id for descriptor in BACKBONES]
    assert set(ASKED_FOR) <= set(names)
    assert len(names) == len(set(names))


def test_that_the_catalog_says_what_the_installed_torchvision_says(pair) -> None:
    descriptor, network = pair
    catalog = {e["id"]: e for e in json.loads(maker.CATALOG.read_text(encoding="utf-8"))["backbones"]}
    fresh = maker.entry(FAMILY[descriptor.id], descriptor.id, network)
    assert json.loads(json.dumps(fresh)) == catalog[descriptor.id], torchvision.__version__


def test_that_the_names_are_the_published_ones_less_the_classifiers(pair) -> None:
    descriptor, network = pair
    full = on_meta(descriptor.id, lambda name: models.get_model(name, weights=None))
    published = full.state_dict()
    own = network.state_dict()
    assert own.keys() <= published.keys()
    assert all(key.startswith(descriptor.head_prefixes) for key in published.keys() - own.keys())
    assert not any(key.startswith(descriptor.head_prefixes) for key in own)
    assert all(own[key].shape == published[key].shape for key in own)
    assert sum(p.numel() for p in full.parameters()) == descriptor.parameters


def test_that_the_stages_name_every_parameter_exactly_once(pair) -> None:
    descriptor, network = pair
    entries = [entry for stage in descriptor.stages for entry in stage.modules]
    for name, _ in network.named_parameters():
        owners = [entry for entry in entries if name == entry or name.startswith(entry + ".")]
        assert len(owners) == 1, f"{name} belongs to {owners}"
    assert len(descriptor.stages) >= 4


def test_that_the_levels_have_the_declared_channels_strides_and_layout(pair) -> None:
    descriptor, network = pair
    size, seen = descriptor.input_size, {}
    for level in descriptor.levels:
        network.get_submodule(level.module).register_forward_hook(
            lambda _m, _i, out, name=level.name: seen.update({name: tuple(out.shape)})
        )
    features = network.eval()(torch.zeros(2, 3, size, size, device="meta"))
    assert tuple(features.shape) == (2, descriptor.feature_dim)
    for level in descriptor.levels:
        shape = seen[level.name]
        if level.layout == "tokens":
            assert shape == (2, (size // level.stride) ** 2 + 1, level.channels)
            continue
        channels, side = (shape[1], shape[2]) if level.layout == "nchw" else (shape[3], shape[1])
        assert channels == level.channels
        assert abs(side - size / level.stride) <= 1.5  # SqueezeNet does not pad


def test_that_published_weights_carry_their_checksum_licence_and_size() -> None:
    for name in ASKED_FOR:
        descriptor = KNOWN[name]
        assert descriptor.weights
        for weights in descriptor.weights:
            assert weights.url.endswith(".pth")
            assert re.fullmatch(r"[0-9a-f]{8,64}", weights.sha256)
            assert weights.sha256 in weights.url
            assert weights.size_bytes > 1_000_000
            assert weights.license
            assert 50 < weights.accuracy < 90
            assert weights.trained_on == "ImageNet-1K"


def test_that_weights_for_another_input_size_are_left_out_and_foreign_licences_are_said() -> None:
    by_id = {weights.id: weights for weights in KNOWN["vit_b_16"].weights}
    assert set(by_id) == {"IMAGENET1K_V1", "IMAGENET1K_SWAG_LINEAR_V1"}
    assert "SWAG" in by_id["IMAGENET1K_SWAG_LINEAR_V1"].license


def test_that_the_first_weights_of_resnet50_are_those_whose_labels_were_not_smoothed() -> None:
    assert [(w.id, w.smoothed) for w in KNOWN["resnet50"].weights] == [
        ("IMAGENET1K_V1", False),
        ("IMAGENET1K_V2", True),
    ]


def test_that_listing_the_backbones_imports_no_torch_and_is_cheap() -> None:
    code = (
        "import tlstudio.api, sys, time; start = time.perf_counter()\n"
        "from tlstudio_builtins.backbones import BACKBONES\n"
        "seconds = time.perf_counter() - start\n"
        "assert len(BACKBONES) >= 23 and seconds < 0.2, seconds\n"
        "assert not {'torch', 'torchvision', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
