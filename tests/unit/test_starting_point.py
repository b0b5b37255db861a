"""L2-SP and DELTA: their terms against the formulas in NumPy, and channels tried one by one."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.unit.tuning_material import context_of, moved
from tlstudio.api import Batch, FeatureLevel, StepState
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.batch_norm import freeze_all_but
from tlstudio.training.modules import recorded
from tlstudio_builtins.backbones.glyphnet import glyphnet
from tlstudio_builtins.methods.delta import Delta
from tlstudio_builtins.methods.delta_maps import attention_of, channels_first, distance, increases
from tlstudio_builtins.methods.delta_options import DeltaOptions
from tlstudio_builtins.methods.l2_sp import L2SP
from tlstudio_builtins.methods.l2_sp_options import L2SPOptions

LEVEL = FeatureLevel(name="map", module="0", channels=5, stride=1)


class Small(nn.Module):
    """``[N, 3, H, W]`` to ``[N, 4]`` through one level of five channels."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.head(self.backbone(x))
        return outputs


def batch_of(count: int = 6) -> dict[str, Batch]:
    drawn = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 3, 24, 24, generator=drawn)
    return {"train": Batch(inputs, torch.arange(count) % 3, torch.arange(count))}


def step_of(method: Any, context: Any, name: str) -> Any:
    phase = next(phase for phase in method.phases(context) if phase.name == name)
    freeze_all_but(method.root, {n for g in phase.groups for n in g.parameters}, phase.batch_norm)
    state = StepState(phase, 0, 0, 1, torch.Generator().manual_seed(0))
    return method.step(batch_of(), state)


def test_that_l2_sp_adds_half_the_squared_distance_from_the_start_and_of_the_head() -> None:
    backbone = glyphnet()
    start = {name: p.detach().double().numpy().copy() for name, p in backbone.named_parameters()}
    context = context_of(backbone, L2SPOptions(backbone_strength=0.3, head_strength=0.7, batch_norm="train"))
    method = L2SP()
    moved(method.build(context)).eval()
    output = step_of(method, context, "all")
    now = {name: p.detach().double().numpy() for name, p in backbone.named_parameters()}
    apart = 0.15 * sum(float(((now[name] - start[name]) ** 2).sum()) for name in start)
    weight: Any = method.network.head
    size = 0.35 * float((weight.linear.weight.detach().double() ** 2).sum())
    assert output.logs["distance from the start"] == pytest.approx(apart, rel=1e-4)
    assert output.logs["size of the head"] == pytest.approx(size, rel=1e-4)
    network: Any = method.network
    plain = F.cross_entropy(network(batch_of()["train"].inputs), batch_of()["train"].targets)
    assert output.loss.item() == pytest.approx(plain.item() + apart + size, rel=1e-4)


def test_that_the_pull_to_the_start_is_its_gradient_and_spares_what_is_frozen() -> None:
    backbone = glyphnet()
    stem = backbone.get_parameter("stem.0.weight")
    start = stem.detach().clone()
    context = context_of(backbone, L2SPOptions(train_stages=1, backbone_strength=0.3, batch_norm="train"))
    method = L2SP()
    moved(method.build(context)).eval()
    step_of(method, context, "all")
    last: Any = backbone.stage4.conv1.weight
    before = method.start._start["stage4.conv1.weight"]
    (0.5 * 0.3 * method.start.squared_distance()).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(last.grad, 0.3 * (last.detach() - before), rtol=1e-4, atol=1e-6)
    assert stem.grad is None
    assert not torch.equal(stem, start)


def test_that_the_distance_of_maps_is_that_of_the_formula() -> None:
    """C/P Σ_c a_c ½ ‖FM_c - FM⁰_c‖², the mean over the batch, in NumPy and float64; and its gradient."""
    drawn = np.random.default_rng(0)
    maps, start = drawn.normal(size=(2, 3, 4, 5, 2))[..., 0], drawn.normal(size=(2, 3, 4, 5, 2))[..., 1]
    maps, start = maps.reshape(2, 3, 20), start.reshape(2, 3, 20)
    attention = np.array([0.2, 0.5, 0.3])
    expected = np.mean([3 / 20 * sum(attention[c] * 0.5 * ((m - s)[c] ** 2).sum() for c in range(3))
                        for m, s in zip(maps, start, strict=True)])  # fmt: skip
    given = torch.from_numpy(maps).float(), torch.from_numpy(start).float(), torch.from_numpy(attention).float()
    assert float(distance(*given)) == pytest.approx(float(expected), rel=1e-5)
    ours = given[0].clone().requires_grad_()
    distance(ours, given[1], given[2]).backward()  # type: ignore[no-untyped-call]
    by_hand = 3 / 20 / 2 * attention[None, :, None] * (maps - start)
    torch.testing.assert_close(ours.grad, torch.from_numpy(by_hand).float())


def test_that_attention_is_a_softmax_of_the_standardised_increase() -> None:
    increase = np.array([0.5, 0.1, -0.2, 3.0])
    standard = (increase - increase.mean()) / increase.std() / 5
    expected = np.exp(standard) / np.exp(standard).sum()
    found = attention_of(torch.from_numpy(increase))
    np.testing.assert_allclose(found.numpy(), expected)
    assert attention_of(torch.zeros(4)).tolist() == [0.25] * 4


def test_that_each_channel_is_tried_without_the_others() -> None:
    """Against a brute force that zeroes the filter itself."""
    torch.manual_seed(0)
    network, inputs, targets = Small(), torch.randn(6, 3, 8, 8), torch.arange(6) % 4
    found = increases(
        network,
        network.backbone,
        LEVEL,
        inputs,
        lambda outputs: F.cross_entropy(outputs, targets),
        5,
        at_once=2,
    )
    plain = F.cross_entropy(network(inputs), targets).detach()
    for channel in range(5):
        without = copy.deepcopy(network)
        convolution: Any = without.backbone[0]
        with torch.no_grad():
            convolution.weight[channel] = 0
            convolution.bias[channel] = 0
        expected = F.cross_entropy(without(inputs), targets).detach() - plain
        assert float(found[channel]) == pytest.approx(float(expected), abs=1e-6)


def test_that_maps_of_every_layout_have_their_channels_first() -> None:
    output = torch.randn(2, 5, 3, 4)
    plain = channels_first(output, LEVEL)
    last = channels_first(output.permute(0, 2, 3, 1), dataclasses.replace(LEVEL, layout="nhwc"))
    tokens = channels_first(output.flatten(2).transpose(1, 2), dataclasses.replace(LEVEL, layout="tokens"))
    assert plain.shape == (2, 5, 12)
    assert torch.equal(plain, last)
    assert torch.equal(plain, tokens)
    network = Small()
    with recorded(network.backbone, [LEVEL], channels_first) as maps:
        network(torch.randn(2, 3, 6, 6))
    assert maps["map"].shape == (2, 5, 16)


def test_that_delta_holds_maps_near_those_of_the_start() -> None:
    backbone = glyphnet()
    context = context_of(backbone, DeltaOptions(attention_samples=4, batch_norm="train"))
    method = Delta()
    method.build(context).eval()
    with torch.no_grad():
        nn.init.normal_(method.network.head.linear.weight)  # type: ignore[union-attr,arg-type]
    assert [phase.name for phase in method.phases(context)] == ["head", "attention", "all"]
    step_of(method, context, "attention")
    assert method._tried == 4
    assert all(bool(increase.abs().sum() > 0) for increase in method._increase.values())
    assert step_of(method, context, "all").logs["distance of feature maps"] == 0
    moved(backbone).eval()
    output = step_of(method, context, "all")
    assert output.logs["distance of feature maps"] > 0
    output.loss.backward()
    assert all(parameter.grad is None for parameter in method.parts.start.parameters())


@pytest.mark.parametrize(
    ("method", "options"),
    [("l2-sp", {"stages": "one"}), ("delta", {"attention_samples": 20, "levels": 1})],
)
def test_that_runs_of_them_conform(method: str, options: dict[str, Any]) -> None:
    check_method(
        Registry.discover().method(method), options={"epochs": 1, "batch_size": 16, **options}, interruptions=2
    )
