"""The other attention layers of CAM transfer, CMRAN's and MMTM's, against NumPy in double precision."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tlstudio.api import TaskInfo
from tlstudio_builtins.methods import cam_fusion, cam_losses
from tlstudio_builtins.methods.cam_networks import CamPredictor, Scale
from tlstudio_builtins.tasks.objectives import ClassObjective

N, C, H, W, K = 3, 6, 4, 5, 3
OBJECTIVE = ClassObjective(TaskInfo(class_names=("a", "b", "c")), {})


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def learnt(kind: str, random: torch.Generator) -> Any:
    """A layer that has learnt something, in double precision."""
    made = cam_fusion.attention(kind, K, C, "classification").double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return made


def maps_and_p(random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    maps = torch.randn(N, C, H, W, generator=random, dtype=torch.float64)
    return maps, torch.randn(N, K, generator=random, dtype=torch.float64).softmax(1)


def in_numpy(made: nn.Module) -> dict[str, Any]:
    return {name: value.detach().numpy() for name, value in made.named_parameters()}


def layer(x: Any, named: dict[str, Any], name: str) -> Any:
    return x @ named[f"{name}.weight"].T + named.get(f"{name}.bias", 0)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def predictor(made: nn.Module, random: torch.Generator, gated: bool = False) -> CamPredictor:
    none: Any = nn.Identity()
    head = nn.Linear(C, K).double()
    with torch.no_grad():
        head.weight.copy_(torch.randn(K, C, generator=random, dtype=torch.float64))
    return CamPredictor(none, none, Scale(C), made, head, task="classification", gated=gated)


def test_that_guided_attention_is_that_of_the_relation_aware_networks(random: torch.Generator) -> None:
    made, (maps, p) = learnt("channel+spatial", random), maps_and_p(random)
    looked, named = made(maps, p), in_numpy(made)
    for n in range(N):
        seen = maps[n].numpy().reshape(C, -1).T  # [HW, C]
        q = p[n].numpy()
        both = (np.maximum(layer(q, named, "ask"), 0) * np.maximum(layer(seen, named, "see"), 0)).mean(0)
        a = 1 + sigmoid(layer(np.maximum(layer(both, named, "narrow"), 0), named, "gate"))
        asked = np.maximum(layer(q, named, "ask_where"), 0) * np.maximum(layer(a * seen, named, "see_where"), 0)
        power = np.exp(np.tanh(layer(asked, named, "place")[:, 0]))
        assert np.allclose(looked.gates[n].detach(), a, atol=1e-5)
        assert np.allclose(looked.share[n].detach().reshape(-1), power / power.sum(), atol=1e-5)
    assert torch.equal(looked.map, looked.share)
    assert (looked.share.amax((1, 2)) / looked.share.amin((1, 2)) <= np.exp(2) + 1e-4).all()


def test_that_joint_gates_are_those_of_the_multimodal_transfer_module(random: torch.Generator) -> None:
    made, (maps, p) = learnt("symmetric", random), maps_and_p(random)
    assert made.gates.joint.out_features == 2 * (C + K) // 4
    looked, named = made(maps, p), in_numpy(made)
    joint = layer(np.concatenate([maps.numpy().mean((2, 3)), p.numpy()], 1), named, "gates.joint")
    a, b = (2 * sigmoid(layer(np.maximum(joint, 0), named, f"gates.{name}")) for name in ("of_maps", "of_p"))
    w = np.log1p(np.exp(named["v"]))
    expected = np.maximum(np.einsum("c,nc,nchw->nhw", w / w.sum(), a, maps.numpy()), 0)
    assert np.allclose(looked.gates.detach(), a, atol=1e-5)
    assert np.allclose(looked.own.detach(), b * np.log(p.numpy()), atol=1e-5)
    assert np.allclose(looked.map.detach(), expected, atol=1e-5)
    asked = predictor(made, random, gated=True)
    z = np.einsum("nhw,nc,nchw->nc", looked.share.detach().numpy(), a, maps.numpy())
    answer = z @ asked.head.weight.detach().numpy().T + asked.head.bias.detach().numpy() + b * np.log(p.numpy())  # type: ignore[operator]  # a Linear
    assert np.allclose(asked.answer(maps, looked).detach(), answer, atol=1e-4)


def test_that_at_the_beginning_guided_attention_looks_everywhere_evenly(random: torch.Generator) -> None:
    maps, p = maps_and_p(random)
    made = cam_fusion.GuidedAttention(K, C).double()
    looked = made(maps, p)
    assert torch.equal(looked.gates, torch.full((N, C), 1.5))
    asked = predictor(made, random)
    assert torch.allclose(asked.answer(maps, looked), asked.head(maps.mean((2, 3))), atol=1e-6)
    terms, _ = cam_losses.attention_terms(
        lambda given: asked.answer(maps, given), looked, torch.tensor([0, 1, 2]), OBJECTIVE, "classification"
    )
    assert terms["gates"] == 0
    assert terms["entropy"].item() == pytest.approx(1)


def test_that_at_the_beginning_symmetric_fusion_says_what_the_target_network_says(random: torch.Generator) -> None:
    maps, p = maps_and_p(random)
    made = cam_fusion.SymmetricAttention(K, C, "classification").double()
    looked = made(maps, p)
    assert torch.equal(looked.gates, torch.ones(N, C))
    asked: Any = predictor(made, random, gated=True)
    nn.init.zeros_(asked.head.weight)
    nn.init.zeros_(asked.head.bias)
    assert torch.allclose(asked.answer(maps, looked).softmax(1), p, atol=1e-6)
    several = cam_fusion.SymmetricAttention(K, C, "multilabel").double()
    assert torch.allclose(several(maps, p).own.sigmoid(), p, atol=1e-6)


def test_that_probabilities_reach_the_class_by_the_region_alone_unless_the_fusion_is_symmetric(
    random: torch.Generator,
) -> None:
    maps, p = maps_and_p(random)
    alike = maps[:, :, :1, :1].expand(-1, -1, H, W)
    for kind in ("channel", "channel+spatial", "symmetric"):
        made = learnt(kind, random)
        asked = predictor(made, random, gated=kind == "symmetric")
        one, other = (asked.answer(alike, made(alike, q)) for q in (p, p.roll(1, 0)))
        assert torch.allclose(one, other, atol=1e-5) is (kind != "symmetric")
        led = p.clone().requires_grad_(True)
        asked.answer(maps, made(maps, led)).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        assert led.grad is None
        moved = {name for name, q in made.named_parameters() if q.grad is not None and bool(q.grad.abs().max() > 0)}
        assert moved == {name for name, _ in made.named_parameters()}


def test_that_several_labels_are_told_of_batches_of_any_size_when_exported() -> None:
    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=(2, 3))[:, :K]

    maps: Any = nn.Identity()
    layer = cam_fusion.attention("channel", K, C, "multilabel")
    made = CamPredictor(maps, Mean(), Scale(C), layer, nn.Linear(C, K), task="multilabel").eval()
    sizes = {"x": {0: torch.export.Dim("batch", min=1, max=64)}}
    program = torch.export.export(made, (torch.randn(2, C, H, W),), dynamic_shapes=sizes).module()
    for size in (1, 5):
        x = torch.randn(size, C, H, W)
        assert torch.allclose(program(x), made(x), atol=1e-6)
