"""LoRA: no change at the start, the same network merged and unmerged, and what learns is what is said."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.tuning_material import INFO, context_of, moved
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.modules import Classifier
from tlstudio_builtins.backbones.glyphnet import glyphnet
from tlstudio_builtins.methods.lora import LoRA
from tlstudio_builtins.methods.lora_layers import adapt, merge
from tlstudio_builtins.methods.lora_options import LoRAOptions
from tlstudio_builtins.tasks.objectives import ClassObjective


class Attending(nn.Module):
    """Self-attention and a linear layer: ``[N, P, D]`` to the same."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.after = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended: torch.Tensor = self.after(self.attention(x, x, x)[0])
        return attended


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(12, 20), (3, 12)),
    "attention": (Attending(), (2, 5, 16)),
    "pointwise": (nn.Conv2d(24, 16, 1), (2, 24, 5, 5)),
    "kernel": (nn.Conv2d(16, 16, 3, padding=1), (2, 16, 6, 6)),
    "grouped": (nn.Conv2d(32, 32, 3, groups=2, padding=1), (2, 32, 6, 6)),
    "strided": (nn.Conv2d(16, 24, (3, 5), stride=(2, 1)), (2, 16, 9, 9)),
    "dilated": (nn.Conv2d(16, 16, 3, dilation=2, padding="same", padding_mode="circular"), (2, 16, 8, 8)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_that_nothing_changes_at_first_and_merged_equals_adapted(kind: str) -> None:
    torch.manual_seed(0)
    plain, shape = LAYERS[kind]
    merged, adapted, x = copy.deepcopy(plain), copy.deepcopy(plain), torch.randn(shape)
    assert adapt(adapted, 2, 16.0)
    assert torch.equal(adapted(x), plain(x))
    after = moved(adapted)(x)
    assert not torch.allclose(after, plain(x), atol=1e-3)
    merge(adapted, merged)
    torch.testing.assert_close(merged(x), after, rtol=1e-5, atol=1e-5)


def test_that_a_kernel_changes_by_a_pointwise_convolution_and_one_of_its_size() -> None:
    """α/r up(down(x)): the branch that the change of the weight stands for."""
    torch.manual_seed(1)
    layer = nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False)
    adapt(layer, 4, 8.0)
    moved(layer)
    parametrizations: Any = layer.parametrizations
    plain, change = parametrizations.weight.original, parametrizations.weight[0]
    x = torch.randn(2, 8, 7, 7)
    low = torch.nn.functional.conv2d(x, change.down[:, :, None, None])
    branch = torch.nn.functional.conv2d(low, change.up, stride=2, padding=1)
    expected = torch.nn.functional.conv2d(x, plain, stride=2, padding=1) + 8.0 / 4 * branch
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_that_layers_that_would_not_get_smaller_are_left_alone() -> None:
    depthwise = nn.Conv2d(16, 16, 3, groups=16)
    assert adapt(nn.Sequential(depthwise), 2, 16.0) == []


def test_that_what_learns_is_said_and_the_rest_is_frozen() -> None:
    method, context = LoRA(), context_of(glyphnet(), LoRAOptions(rank=2))
    root = method.build(context)
    phase = method.phases(context)[-1]
    named = dict(root.named_parameters())
    learning = [named[name] for group in phase.groups for name in group.parameters]
    count = sum(parameter.numel() for parameter in learning)
    assert f"{count:,} parameters learn beside" in phase.title
    assert count < 0.1 * sum(p.numel() for p in context.backbone.parameters())
    assert all(n.endswith((".down", ".up")) or n.startswith("head.") for g in phase.groups for n in g.parameters)


def test_that_the_predictor_is_a_plain_classifier_that_answers_as_the_adapted_one() -> None:
    method = LoRA()
    root = method.build(context_of(glyphnet(), LoRAOptions(rank=2))).eval()
    names = set(Classifier(glyphnet(), ClassObjective(INFO, {}).head(192)).state_dict())
    moved(root)
    merged = method.predictor().eval()
    assert set(merged.state_dict()) == names
    x = torch.randn(2, 3, 24, 24)
    torch.testing.assert_close(merged(x), root(x), rtol=1e-4, atol=1e-5)


def test_that_a_run_of_it_conforms() -> None:
    check_method(
        Registry.discover().method("lora"),
        options={"epochs": 1, "batch_size": 16, "head_start": "gradient", "head_epochs": 1},
        interruptions=2,
    )
