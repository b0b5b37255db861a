"""One optimizer step: sharpness-aware minimisation against its formula, parts, and phases that train nothing."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tlstudio.api import Batch, Optimizer, ParameterGroup, Phase, Schedule, StepOutput, StepState
from tlstudio.training.averaging import WeightAverage
from tlstudio.training.batch_norm import set_training_modes
from tlstudio.training.optimizers import NamedOptimizer
from tlstudio.training.runtime import Runtime
from tlstudio.training.sharpness import ascent, moved_by
from tlstudio.training.stepping import Stepper, split

CPU = Runtime(torch.device("cpu"), "CPU", "float32", torch.contiguous_format, 0, 1, "")


class Counting:
    """Counts no hits."""

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        return None


class Regression:
    """½ of the mean squared error of ``model``, with noise on the inputs from every generator that a step may use."""

    def __init__(self, model: nn.Module, noise: float = 0.0) -> None:
        self.model, self.noise, self.losses = model, noise, list[float]()

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train = batch["train"]
        inputs = train.inputs
        if self.noise:
            drawn = torch.randn(inputs.shape) + torch.randn(inputs.shape, generator=state.generator)
            inputs = inputs + self.noise * drawn
        loss = 0.5 * (self.model(inputs).squeeze(-1) - train.targets).square().mean()
        self.losses.append(float(loss.detach()))
        return StepOutput(loss)


def phase_of(model: nn.Module, lr: float = 0.1, **changes: Any) -> Phase:
    group = ParameterGroup("all", tuple(name for name, _ in model.named_parameters()), lr)
    values = {"groups": (group,), "batch_norm": "train", "optimizer": Optimizer(kind="sgd", momentum=0.0)}
    return Phase(name="p", title="P", epochs=1, schedule=Schedule(kind="constant"), **{**values, **changes})


def stepper_of(model: nn.Module, phase: Phase, noise: float = 0.0) -> Stepper:
    method: Any = Regression(model, noise)
    counting: Any = Counting()
    return Stepper(method, counting, phase, NamedOptimizer(model, phase), CPU, seed=3, steps=10)


def _fail_beside(model: nn.Linear, before: torch.Tensor) -> None:
    assert not torch.equal(model.weight.detach(), before)
    raise MemoryError


def batches(count: int, size: int = 6, features: int = 4) -> list[dict[str, Batch]]:
    drawn = torch.Generator().manual_seed(5)
    return [
        {
            "train": Batch(
                torch.randn(size, features, generator=drawn),
                torch.randn(size, generator=drawn),
                torch.arange(size),
            )
        }
        for _ in range(count)
    ]


def gradient(matrix: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(matrix.T @ (matrix @ weight - targets) / len(targets))


@pytest.mark.parametrize("adaptive", [False, True])
def test_that_a_step_goes_down_the_gradient_at_the_worst_neighbour(adaptive: bool) -> None:
    """On a quadratic: w' = w - lr X^T(X(w + ε) - y) / n, in NumPy and float64."""
    model = nn.Linear(4, 1, bias=False).double()
    group = [
        {
            "train": dataclasses.replace(
                b["train"], inputs=b["train"].inputs.double(), targets=b["train"].targets.double()
            )
        }
        for b in batches(1)
    ]
    matrix, targets = group[0]["train"].inputs.numpy(), group[0]["train"].targets.numpy()
    weight = model.weight.detach().numpy()[0].copy()
    rho = 0.5
    g = gradient(matrix, targets, weight)
    scale = np.abs(weight) + 0.01 if adaptive else np.ones(4)
    epsilon = rho * scale**2 * g / np.linalg.norm(scale * g)
    expected = weight - 0.1 * gradient(matrix, targets, weight + epsilon)
    stepper_of(model, phase_of(model, sam=rho, sam_adaptive=adaptive)).step(group, 0, 0)
    np.testing.assert_allclose(model.weight.detach().numpy()[0], expected, rtol=1e-9)


def test_that_the_loss_that_is_told_is_the_one_at_the_weights() -> None:
    model = nn.Linear(4, 1)
    plain = stepper_of(copy.deepcopy(model), phase_of(model)).step(batches(1), 0, 0)
    sharp = stepper_of(model, phase_of(model, sam=0.5)).step(batches(1), 0, 0)
    assert torch.equal(plain.loss, sharp.loss)


def test_that_both_passes_see_the_same_noise() -> None:
    model = nn.Linear(4, 1)
    stepper = stepper_of(model, phase_of(model, lr=0.0, sam=1e-9), noise=1.0)
    stepper.step(batches(1), 0, 0)
    method: Any = stepper._method
    assert method.losses[0] == pytest.approx(method.losses[1], rel=1e-6)


def test_that_batches_and_parts_add_up_to_one_sharp_step() -> None:
    """Accumulated batches, cut in parts, with clipping: the same as one whole batch."""
    model = nn.Linear(4, 1)
    whole, cut = copy.deepcopy(model), copy.deepcopy(model)
    group = batches(2)
    trains = [b["train"] for b in group]
    both = {
        "train": Batch(
            torch.cat([t.inputs for t in trains]),
            torch.cat([t.targets for t in trains]),
            torch.cat([t.indices for t in trains]),
        )
    }
    changes = {"sam": 0.3, "clip_norm": 0.05}
    stepper_of(whole, phase_of(whole, **changes)).step([both], 0, 0)
    stepper = stepper_of(cut, phase_of(cut, accumulate=2, **changes))
    stepper.parts = 3
    stepper.step(group, 0, 0)
    torch.testing.assert_close(cut.weight, whole.weight, rtol=1e-5, atol=1e-7)


def test_that_batch_statistics_move_in_the_first_pass_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))
    sharp, plain = copy.deepcopy(model), copy.deepcopy(model)
    for network, phase in ((sharp, phase_of(model, sam=0.5)), (plain, phase_of(model))):
        set_training_modes(network, phase.batch_norm)
        stepper_of(network, phase).step(batches(1), 0, 0)
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, sharp.get_buffer(name)), name
    assert not torch.equal(plain.get_parameter("1.weight"), sharp.get_parameter("1.weight"))


def test_that_the_weights_stand_where_they_stood_even_after_an_error() -> None:
    model = nn.Linear(4, 1)
    before = model.weight.detach().clone()
    model(torch.randn(3, 4)).sum().backward()
    steps = ascent(list(model.parameters()), 0.3, False)
    with pytest.raises(MemoryError), moved_by(steps):
        _fail_beside(model, before)
    assert torch.equal(model.weight.detach(), before)


def test_that_a_step_that_runs_out_of_memory_in_its_second_pass_is_taken_again_in_parts() -> None:
    model = nn.Linear(4, 1)
    whole = copy.deepcopy(model)
    stepper_of(whole, phase_of(whole, sam=0.3)).step(batches(1), 0, 0)
    stepper = stepper_of(model, phase_of(model, sam=0.3))
    method: Any = stepper._method
    inner, calls = method.step, 0

    def short_of_memory(batch: dict[str, Batch], state: StepState) -> StepOutput:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise MemoryError
        output: StepOutput = inner(batch, state)
        return output

    method.step = short_of_memory
    stepper.step(batches(1), 0, 0)
    torch.testing.assert_close(model.weight, whole.weight)
    assert stepper.parts == 2
    assert len(stepper.notes) == 1


def test_that_views_are_cut_like_the_samples_that_they_are_of() -> None:
    inputs = torch.arange(10.0).view(5, 2)
    batch = {"train": Batch(inputs, torch.arange(5), torch.arange(5), (inputs + 100, inputs + 200))}
    parts = split(batch, 2)
    assert [len(part["train"].targets) for part in parts] == [3, 2]
    for part in (p["train"] for p in parts):
        assert torch.equal(part.views[0], part.inputs + 100)
        assert torch.equal(part.views[1], part.inputs + 200)


def test_that_a_phase_without_groups_makes_forward_passes_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    phase = phase_of(model, groups=(), batch_norm="stats", sam=0.5, clip_norm=1.0)
    optimizer = NamedOptimizer(model, phase)
    average = WeightAverage(model, 0.9)
    set_training_modes(model, phase.batch_norm)
    assert not model[2].training
    stepper = stepper_of(model, phase)
    for step in range(3):
        assert torch.isfinite(stepper.step(batches(1), 0, step).loss)
        average.update(model)
    assert not optimizer.names
    assert optimizer.tensors() == {}
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"0.running_mean", "0.running_var", "0.num_batches_tracked"}
    assert all(parameter.grad is None for parameter in model.parameters())
