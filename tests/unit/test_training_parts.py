"""The small parts of the loop, each against its definition."""

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import Schedule, SolveData
from tlstudio.api.phases import BatchNorm
from tlstudio.training.averaging import WeightAverage
from tlstudio.training.batch_norm import freeze_all_but, set_training_modes
from tlstudio.training.modules import Classifier, StandardizedLinear
from tlstudio.training.schedule import factor
from tlstudio_builtins.methods.mixing import mix
from tlstudio_builtins.tasks.solvers import fit_logistic


def _network() -> Classifier:
    backbone = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    return Classifier(backbone, nn.Linear(8, 2))


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def _step(model: nn.Module) -> None:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    F.cross_entropy(model(torch.randn(16, 3, 8, 8)), torch.randint(0, 2, (16,))).backward()
    optimizer.step()


def test_that_a_frozen_backbone_keeps_its_parameters_and_its_buffers() -> None:
    model = _network()
    before = _state(model.backbone)
    freeze_all_but(model, {"head.weight", "head.bias"}, "train")
    set_training_modes(model, "frozen")
    _step(model)
    after = _state(model.backbone)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not model.backbone[3].training, "dropout of a frozen part stands still"


@pytest.mark.parametrize(
    ("policy", "statistics_move", "affine_moves"),
    [("frozen", False, False), ("stats", True, False), ("train", True, True)],
)
def test_that_batch_norm_does_what_its_policy_says(policy: str, statistics_move: bool, affine_moves: bool) -> None:
    model = _network()
    before = _state(model)
    freeze_all_but(model, {name for name, _ in model.named_parameters()}, policy)  # type: ignore[arg-type]
    set_training_modes(model, policy)  # type: ignore[arg-type]
    _step(model)
    after = _state(model)
    assert torch.equal(before["backbone.1.running_mean"], after["backbone.1.running_mean"]) != statistics_move
    assert torch.equal(before["backbone.1.weight"], after["backbone.1.weight"]) != affine_moves
    assert not torch.equal(before["backbone.0.weight"], after["backbone.0.weight"])


@pytest.mark.parametrize("policy", ["stats", "train"])
def test_that_batch_norm_of_a_frozen_stage_stands_still_though_it_is_no_part_of_its_own(policy: BatchNorm) -> None:
    stem = OrderedDict([("conv1", nn.Conv2d(3, 8, 3)), ("bn1", nn.BatchNorm2d(8)), ("relu", nn.ReLU())])
    layer = OrderedDict([("norm1", nn.BatchNorm2d(8)), ("conv1", nn.Conv2d(8, 8, 3)), ("bn1", nn.BatchNorm2d(8))])
    rest = [("layer1", nn.Sequential(layer)), ("pool", nn.AdaptiveAvgPool2d(1))]
    pooled = nn.Sequential(OrderedDict([*stem.items(), *rest]))
    model = Classifier(nn.Sequential(pooled, nn.Flatten()), nn.Linear(8, 2))
    freeze_all_but(model, {name for name, _ in model.named_parameters() if "layer1" in name or "head" in name}, policy)
    set_training_modes(model, policy)
    assert not pooled.get_submodule("bn1").training
    assert pooled.get_submodule("layer1.norm1").training
    assert pooled.get_submodule("layer1.bn1").training


def test_that_the_average_follows_its_recurrence_and_is_in_place_only_inside() -> None:
    model = nn.Linear(3, 1)
    average, expected = WeightAverage(model, 0.9), model.weight.detach().clone()
    for t in range(1, 30):
        with torch.no_grad():
            model.weight.add_(torch.randn_like(model.weight))
        average.update(model)
        decay = min(0.9, 1 - (1 + t) ** (-2 / 3))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    current = model.weight.detach().clone()
    with average.in_place(model):
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight.detach(), current)


def test_that_the_schedule_warms_up_and_follows_the_cosine() -> None:
    schedule = Schedule(kind="cosine", warmup=0.1, floor=0.0)
    values = [factor(schedule, step, 100) for step in range(100)]
    assert values[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert values[10] == 1.0
    assert values[55] == pytest.approx(0.5)
    assert values[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))


def test_that_the_logistic_head_reaches_the_optimum_of_its_formula() -> None:
    torch.manual_seed(0)
    features, targets = torch.randn(120, 6) * 3 + 1, torch.randint(0, 3, (120,))
    head = StandardizedLinear(6, 3)
    list(fit_logistic(head, SolveData((features, targets), (features[:0], targets[:0]), 0), l2=0.1))

    def objective(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        z = ((features - head.mean) / head.std).double()
        return F.cross_entropy(z @ weight.T + bias, targets) + 0.05 * weight.square().sum()

    weight = head.linear.weight.detach().double().requires_grad_()
    bias = head.linear.bias.detach().double().requires_grad_()
    gradient = torch.autograd.grad(objective(weight, bias), [weight, bias])
    assert max(float(g.abs().max()) for g in gradient) < 1e-3


def test_that_the_strength_of_l2_with_the_lowest_validation_loss_is_kept() -> None:
    torch.manual_seed(0)
    features, targets = torch.randn(60, 40), torch.randint(0, 2, (60,))
    features[:, 0] += 2 * targets
    head = StandardizedLinear(40, 2)
    reports = list(fit_logistic(head, SolveData((features[:30], targets[:30]), (features[30:], targets[30:]), 0)))
    kept = F.cross_entropy(head(features[30:]), targets[30:]).item()
    assert kept == pytest.approx(min(report["val_loss"] for report in reports), rel=1e-5)


def test_that_a_class_without_training_samples_is_never_predicted() -> None:
    features, targets = torch.randn(40, 5), torch.tensor([0, 2] * 20)
    head = StandardizedLinear(5, 4)
    list(fit_logistic(head, SolveData((features, targets), (features[:0], targets[:0]), 0)))
    assert set(head(torch.randn(500, 5)).argmax(1).tolist()) <= {0, 2}


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_that_mixed_pictures_hold_the_share_of_each_that_the_label_says(mixup: float, cutmix: float) -> None:
    inputs = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 16, 16).contiguous()
    targets = torch.arange(8)
    mixed = mix(inputs, targets, mixup, cutmix, torch.Generator().manual_seed(3))
    assert mixed is not None
    expected = mixed.share * targets + (1 - mixed.share) * mixed.partners
    torch.testing.assert_close(mixed.inputs.mean((1, 2, 3)), expected.float())
    again = mix(inputs, targets, mixup, cutmix, torch.Generator().manual_seed(3))
    assert again is not None
    assert torch.equal(again.inputs, mixed.inputs)


def test_that_nothing_is_mixed_when_both_are_off() -> None:
    assert mix(torch.zeros(2, 3, 4, 4), torch.zeros(2), 0.0, 0.0, torch.Generator()) is None
