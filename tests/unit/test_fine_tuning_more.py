"""Which layers learn, at which rates: decay by stages and by blocks, gradual unfreezing, biases alone."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.tuning_material import context_of
from tlstudio.api import Options, Phase, Schedule, Stage
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.schedule import factor
from tlstudio_builtins.backbones.glyphnet import glyphnet
from tlstudio_builtins.methods.bias_tuning import BiasTuning
from tlstudio_builtins.methods.bias_tuning_options import BiasTuningOptions
from tlstudio_builtins.methods.fine_tuning import FineTuning
from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions
from tlstudio_builtins.methods.layers import stage_groups


def phases_of(method: Any, options: Options) -> tuple[list[Phase], nn.Module]:
    context = context_of(glyphnet(), options)
    root = method.build(context)
    return method.phases(context), root


def rates(phase: Phase) -> dict[str, float]:
    return {group.name: group.lr for group in phase.groups if not group.name.endswith("undecayed")}


def test_that_every_stage_learns_at_four_fifths_of_the_next_ones_rate() -> None:
    phases, root = phases_of(FineTuning(), FineTuningOptions(learning_rate=1e-3, backbone_rate=0.5))
    found = rates(phases[-1])
    assert found == pytest.approx(
        {"head": 1e-3} | {f"stage{k}": 5e-4 * 0.8 ** (4 - k) for k in (4, 3, 2, 1)} | {"stem": 5e-4 * 0.8**4}
    )
    named = [name for group in phases[-1].groups for name in group.parameters]
    assert sorted(named) == sorted(name for name, _ in root.named_parameters())


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t"])
def test_that_a_transformers_rate_decays_by_block(name: str) -> None:
    """12 blocks each; what lies before them is a step of its own; every parameter in one group."""
    descriptor = Registry.discover().backbone(name)
    with torch.device("meta"):
        backbone = descriptor.load()()
    root = nn.ModuleDict({"backbone": backbone})
    groups = list(stage_groups(root, descriptor, rate=1.0))
    found = {group.name: group.lr for group in groups if not group.name.endswith("undecayed")}
    assert found == pytest.approx({f"block{12 - depth}": 0.75**depth for depth in range(12)} | {"embedding": 0.75**12})
    assert sorted(n for g in groups for n in g.parameters) == sorted(n for n, _ in root.named_parameters())
    by_stages = list(stage_groups(root, descriptor, rate=1.0, over="stages"))
    assert {g.lr for g in by_stages} == {0.8**depth for depth in range(len(descriptor.stages))}
    last = list(stage_groups(root, descriptor, rate=1.0, trained=1))
    stage: Stage = descriptor.stages[-1]
    places = tuple(f"backbone.{module}" for module in stage.modules)
    assert {n for g in last for n in g.parameters} == {n for n, _ in root.named_parameters() if n.startswith(places)}


def test_that_gradual_unfreezing_opens_one_more_stage_each_time() -> None:
    phases, _ = phases_of(
        FineTuning(), FineTuningOptions(unfreezing="gradual", unfreeze_epochs=2, epochs=7, batch_norm="stats")
    )
    assert [phase.name for phase in phases] == ["head", "last-1", "last-2", "last-3", "last-4", "all"]
    assert [phase.epochs for phase in phases[1:]] == [2, 2, 2, 2, 7]
    assert [len(rates(phase)) for phase in phases[1:]] == [2, 3, 4, 5, 6]
    assert {phase.batch_norm for phase in phases[1:]} == {"stats"}
    assert "last stage" in phases[1].title


def test_that_bias_tuning_trains_vectors_and_the_head_and_says_how_many() -> None:
    method = BiasTuning()
    phases, root = phases_of(method, BiasTuningOptions())
    named = dict(root.named_parameters())
    learning = {name for group in phases[-1].groups for name in group.parameters}
    assert learning == {n for n, p in named.items() if n.startswith("head.") or p.ndim <= 1}
    assert f"{sum(named[n].numel() for n in learning):,} of " in phases[-1].title
    assert phases[-1].batch_norm == "train"
    held, _ = phases_of(BiasTuning(), BiasTuningOptions(batch_norm="frozen"))
    assert f"{sum(p.numel() for n, p in named.items() if n.startswith('head.')):,} of " in held[-1].title


def test_that_sharpness_and_policy_reach_the_phase() -> None:
    phases, _ = phases_of(FineTuning(), FineTuningOptions(sam=2.0, sam_adaptive=True, bias_only=True))
    assert (phases[-1].sam, phases[-1].sam_adaptive, phases[-1].batch_norm) == (2.0, True, "train")


def test_that_the_inverse_schedule_is_ganins() -> None:
    schedule = Schedule(kind="inverse", warmup=0.1)
    assert factor(schedule, 4, 100) == pytest.approx(5 / 11)
    assert factor(schedule, 55, 100) == pytest.approx((1 + 10 * 0.5) ** -0.75)


def test_that_the_options_keep_their_former_address() -> None:
    from tlstudio_builtins.methods import options

    assert options.FineTuningOptions is FineTuningOptions


def test_that_a_run_of_bias_tuning_conforms_with_sharpness() -> None:
    """Two passes a step, and statistics of batch norm that move in one of them."""
    options = {"epochs": 1, "batch_size": 16, "stages": "one", "sam": 0.05}
    check_method(Registry.discover().method("bias-tuning"), options=options, interruptions=2)
