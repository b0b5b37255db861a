"""The networks themselves: features at several sizes, equal to torchvision's own; glyphnet's declaration."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from tlstudio_builtins.backbones import BACKBONES, glyphnet_card, torchvision_models

KNOWN = {descriptor.id: descriptor for descriptor in BACKBONES}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 64),
        ("mobilenet_v2", 96),
        ("mobilenet_v3_small", 64),
        ("efficientnet_b0", 64),
        ("regnet_y_400mf", 64),
        ("shufflenet_v2_x1_0", 96),
        ("squeezenet1_1", 100),
        ("densenet121", 64),
        ("swin_t", 96),
    ],
)
def test_that_features_come_out_at_another_input_size(name: str, size: int) -> None:
    backbone = KNOWN[name].load()().eval()
    with torch.inference_mode():
        features = backbone(torch.randn(2, 3, size, size))
    assert features.shape == (2, KNOWN[name].feature_dim)
    assert torch.isfinite(features).all()


def test_that_every_weights_crop_of_the_vision_transformer_is_its_fixed_size() -> None:
    assert {weights.preprocessing.crop for weights in KNOWN["vit_b_16"].weights} == {224}


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_that_the_published_classifier_on_the_features_gives_the_published_output(name: str) -> None:
    torch.manual_seed(0)
    full = models.get_model(name, weights=None).eval()
    backbone = KNOWN[name].load()().eval()
    backbone.load_state_dict({k: v for k, v in full.state_dict().items() if k in backbone.state_dict()})
    last = full.classifier[-1] if hasattr(full, "classifier") else full.fc
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(last(backbone(x)), full(x))


def test_that_an_unknown_network_is_no_attribute_of_the_factories() -> None:
    with pytest.raises(AttributeError, match="alexnet"):
        _ = torchvision_models.alexnet


def test_that_glyphnet_declares_what_it_is() -> None:
    glyphnet = KNOWN["glyphnet"]
    network = glyphnet.load()().eval()
    size, seen = glyphnet.input_size, {}
    for level in glyphnet.levels:
        network.get_submodule(level.module).register_forward_hook(
            lambda _m, _i, out, name=level.name: seen.update({name: tuple(out.shape)})
        )
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        assert network(torch.zeros(1, 3, size, size)).shape == (1, glyphnet.feature_dim)
    assert counter.get_total_flops() / 2e9 == pytest.approx(glyphnet_card.GFLOPS, rel=0.02)
    assert sum(p.numel() for p in network.parameters()) == glyphnet.parameters <= 1_500_000
    for level in glyphnet.levels:
        assert seen[level.name][1] == level.channels
        assert abs(seen[level.name][2] - size / level.stride) < 1
    entries = [entry for stage in glyphnet.stages for entry in stage.modules]
    for name, _ in network.named_parameters():
        assert sum(name.startswith(entry + ".") for entry in entries) == 1
    assert not glyphnet.flip_safe
    assert glyphnet.weights[0].size_bytes <= 6_000_000
