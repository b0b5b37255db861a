"""Features of several levels: what is pooled, how levels are named, and what the cache is told."""

import dataclasses

import pytest
import torch

from tlstudio.api import FeatureLevel, TrainingError
from tlstudio.registry import Registry
from tlstudio.training.modules import average_frames
from tlstudio_builtins.methods.multi_level import MultiLevel, chosen, pooled

GLYPHNET = Registry.discover(safe_mode=True).backbone("glyphnet")


def test_that_each_level_is_its_mean_over_the_picture_in_the_order_asked_for() -> None:
    torch.manual_seed(0)
    network, x = GLYPHNET.load()().eval(), torch.randn(2, 3, 40, 40)
    levels, own = chosen(GLYPHNET, "stage4, stage2, output")
    model = MultiLevel(network, levels, GLYPHNET.feature_dim if own else 0)
    found = model(x)
    grey = x.mean(1, keepdim=True)
    second = network.stage2(network.stage1(network.stem(grey)))
    last = network.stage4(network.stage3(second))
    expected = torch.cat([last.mean((2, 3)), second.mean((2, 3)), network(x)], 1)
    assert found.shape == (2, model.feature_dim) == (2, 192 + 64 + 192)
    assert torch.allclose(found, expected, atol=1e-6)
    assert model.feature_key == "levels:stage4+stage2+output"
    assert not any(module._forward_hooks for module in network.modules())


def test_that_channels_may_come_last_or_as_tokens_behind_a_class_token() -> None:
    x, maps = torch.zeros(2, 3, 32, 32), torch.randn(2, 5, 4, 4)
    level = FeatureLevel(name="l", module="m", channels=5, stride=8)
    last, tokens = (dataclasses.replace(level, layout=layout) for layout in ("nhwc", "tokens"))  # type: ignore[arg-type]
    expected = maps.mean((2, 3))
    assert torch.allclose(pooled(maps, level, x), expected, atol=1e-6)
    assert torch.allclose(pooled(maps.permute(0, 2, 3, 1), last, x), expected, atol=1e-6)
    behind = torch.cat([torch.full((2, 1, 5), 99.0), maps.flatten(2).transpose(1, 2)], 1)
    assert torch.allclose(pooled(behind, tokens, x), expected, atol=1e-6)


def test_that_levels_of_films_are_averaged_over_the_frames() -> None:
    torch.manual_seed(0)
    network, film = GLYPHNET.load()().eval(), torch.randn(2, 4, 3, 40, 40)
    levels, _ = chosen(GLYPHNET, "stage1")
    frames = MultiLevel(network, levels)(film.flatten(0, 1)).reshape(2, 4, -1).mean(1)
    average_frames(network, 4)
    assert torch.allclose(MultiLevel(network, levels)(film), frames, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "names", "own"),
    [
        ("", [], False),
        ("output", [], False),
        ("last 2", ["stage3", "stage4"], False),
        ("all", ["stem", "stage1", "stage2", "stage3", "stage4"], False),
        (" stage3 ,output, stage3", ["stage3"], True),
    ],
)
def test_that_levels_are_named_in_words(text: str, names: list[str], own: bool) -> None:
    levels, wanted = chosen(GLYPHNET, text)
    assert ([level.name for level in levels], wanted) == (names, own)


def test_that_unknown_levels_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(TrainingError, match=r"no feature level 'stage9'.*stem, stage1, stage2"):
        chosen(GLYPHNET, "stage1, stage9")
    with pytest.raises(TrainingError, match="asks for the last 9; the backbone 'glyphnet' has 5"):
        chosen(GLYPHNET, "last 9")
    with pytest.raises(TrainingError, match="names no feature levels"):
        chosen(dataclasses.replace(GLYPHNET, levels=()), "stage1")
