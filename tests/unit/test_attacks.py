"""Attacks and corruptions, against what can be worked out on paper."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from tlstudio.robustness import attacks, checking
from tlstudio.robustness.corruptions import CORRUPTIONS, SEVERITIES
from tlstudio_builtins.methods.adversarial import Attacked, divergence, in_eval_mode

EPS = 8 / 255


class Linear(nn.Module):
    """Two classes, ``z = (w·x, -w·x)``: the strongest attack is known in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = (x * self.weight).sum((1, 2, 3))
        return torch.stack([z, -z], 1)


@pytest.fixture
def pictures() -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.rand(6, 3, 4, 4, generator=random, dtype=torch.float64) * 0.8 + 0.1  # ε away from 0 and 1


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32, 5)).double().eval()


def moved(made: torch.Tensor, x: torch.Tensor, norm: str) -> torch.Tensor:
    delta = (made - x).flatten(1)
    return delta.abs().amax(1) if norm == "linf" else delta.norm(dim=1)


def test_that_one_signed_step_is_the_best_against_a_linear_network(pictures: torch.Tensor) -> None:
    linear, targets = Linear(), torch.zeros(6, dtype=torch.int64)
    made = attacks.fgsm(linear, pictures, targets, EPS)
    assert torch.allclose(made, pictures - EPS * linear.weight.sign())
    for attack in (attacks.pgd, attacks.apgd):
        random = torch.Generator().manual_seed(3)
        found = attack(linear, pictures, targets, EPS, generator=random)
        assert torch.allclose(found, made, atol=1e-9), attack


def test_that_in_l2_the_best_goes_straight_along_the_weight(pictures: torch.Tensor) -> None:
    linear, targets = Linear(), torch.ones(6, dtype=torch.int64)
    most = 0.05 * linear.weight.norm()  # by how much the first output can grow
    for attack in (attacks.pgd, attacks.apgd):
        found = attack(linear, pictures, targets, 0.05, norm="l2", generator=torch.Generator().manual_seed(3))
        grown = (linear(found) - linear(pictures))[:, 0]
        assert (grown <= most + 1e-9).all()
        assert (grown > 0.95 * most).all(), attack


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", [attacks.pgd, attacks.apgd])
def test_that_no_attack_leaves_its_ball_or_the_pixels(attack: object, norm: str, network: nn.Module) -> None:
    x = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64).round(decimals=1)
    targets = torch.arange(5)
    made = attack(network, x, targets, EPS, norm=norm, steps=12, generator=torch.Generator().manual_seed(5))  # type: ignore[operator]
    assert (moved(made, x, norm) <= EPS + 1e-9).all()
    assert made.min() >= 0
    assert made.max() <= 1


def test_that_more_work_finds_a_higher_loss(network: nn.Module, pictures: torch.Tensor) -> None:
    targets = network(pictures).argmax(1)
    losses = [
        attacks.cross_entropy(network(made), targets).mean().item()
        for made in (
            pictures,
            attacks.noise(pictures, EPS, torch.Generator().manual_seed(0)),
            attacks.fgsm(network, pictures, targets, EPS),
            attacks.apgd(network, pictures, targets, EPS, steps=50, generator=torch.Generator().manual_seed(0)),
        )
    ]
    assert losses[0] < losses[2] <= losses[3] + 1e-9
    assert losses[1] < losses[2]


def test_that_a_point_where_the_network_errs_counts_more_than_a_higher_loss() -> None:
    """Three outputs over one pixel t: near its lower end class 1 is ahead by a little; at its upper end nothing is, but
    the probability of the true class is lower there."""

    class Bent(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            t = x[:, 0, 0, 0] - 0.5
            low, high = (-10 * t).relu(), (20 * t).relu()
            own = 1 - high
            return torch.stack(
                [own, torch.where(t < 0, 1 + 0.5 * low, own - 0.01), torch.where(t < 0, -9, own - 0.02)], 1
            )

    x, y = torch.full((1, 3, 1, 1), 0.5), torch.tensor([0])
    for attack in (attacks.pgd, attacks.apgd):
        for loss in (attacks.cross_entropy, attacks.dlr):
            random = torch.Generator().manual_seed(0)
            found = attack(Bent(), x - 0.01, y, 0.1, steps=20, generator=random, loss=loss, fool=True)
            assert Bent()(found).argmax() == 1


def test_that_a_picture_is_attacked_alike_whoever_is_beside_it(network: nn.Module, pictures: torch.Tensor) -> None:
    targets = torch.arange(6) % 5
    together = attacks.apgd(network, pictures, targets, EPS, steps=20)
    alone = torch.cat([attacks.apgd(network, pictures[i : i + 1], targets[i : i + 1], EPS, steps=20) for i in range(6)])
    assert torch.allclose(together, alone, atol=1e-9)


def test_that_the_ratio_of_logits_is_that_of_the_paper_and_ignores_scale() -> None:
    z = np.random.default_rng(0).normal(size=(7, 5))
    y = np.arange(7) % 5
    expected = []
    for row, label in zip(z, y, strict=True):
        order = np.sort(row)[::-1]
        other = max(value for k, value in enumerate(row) if k != label)
        expected.append(-(row[label] - other) / (order[0] - order[2]))
    targets = torch.from_numpy(y)
    assert np.allclose(attacks.dlr(torch.from_numpy(z), targets).numpy(), expected)
    assert np.allclose(attacks.dlr(torch.from_numpy(9 * z), targets).numpy(), expected)


def test_that_divergence_is_that_of_kullback_and_leibler() -> None:
    random = torch.Generator().manual_seed(0)
    outputs, reference = (torch.randn(4, 3, generator=random, dtype=torch.float64) for _ in range(2))
    p = np.exp(reference.numpy()) / np.exp(reference.numpy()).sum(1, keepdims=True)
    q = np.exp(outputs.numpy()) / np.exp(outputs.numpy()).sum(1, keepdims=True)
    assert np.allclose(divergence(outputs, reference).numpy(), (p * np.log(p / q)).sum(1))
    assert torch.autograd.gradcheck(divergence, (outputs.requires_grad_(), reference))


def test_that_an_attacked_network_is_left_as_it_was(pictures: torch.Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)).double().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    place = attacks.InPixels(network, (0.4, 0.5, 0.6), (0.2, 0.2, 0.3)).double()
    with in_eval_mode(network), torch.inference_mode():
        outputs = Attacked(place, EPS, 3)((pictures - place.mean) / place.std)
    assert outputs.shape == (6, 3)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(part.training for part in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.allclose(place.pixels_of((pictures - place.mean) / place.std), pictures)


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_that_a_corruption_grows_and_can_be_repeated(name: str) -> None:
    place = torch.linspace(-1, 1, 64)
    disc = (place[:, None] ** 2 + place**2 < 0.4).float()
    smooth = torch.stack([0.6 * disc + 0.2, 0.25 * (place + 1) + 0.3 * disc.flip(0), 0.8 - 0.5 * disc])[None].repeat(
        2, 1, 1, 1
    )
    harm = []
    for severity in SEVERITIES:
        once, again = (CORRUPTIONS[name](smooth, severity, torch.Generator().manual_seed(1)) for _ in range(2))
        assert torch.equal(once, again)
        assert once.shape == smooth.shape
        assert once.min() >= 0
        assert once.max() <= 1
        harm.append(float((once - smooth).square().mean()))
    assert harm == sorted(harm)
    assert harm[0] > 0


def row(accuracy: float, eps: float = 4.0) -> dict[str, float]:
    return {"eps": eps, "accuracy": accuracy, "accuracy_low": 0.0, "accuracy_high": 1.0}


def test_that_a_network_that_hides_its_gradients_is_found_out() -> None:
    honest = {"n": 50, "clean": row(0.9), "attacks": {"fgsm": [row(0.4)], "pgd": [row(0.1)]}, "huge": row(0.0, 128),
              "noise": row(0.85), "corruptions": {}}  # fmt: skip
    assert all(check["passed"] for check in checking.checks(honest, 10))
    masked = {**honest, "attacks": {"fgsm": [row(0.4)], "pgd": [row(0.8)]}, "huge": row(0.7, 128), "noise": row(0.3)}
    found = {check["id"]: check["passed"] for check in checking.checks(masked, 10)}
    assert found == {"unbounded": False, "steps": False, "noise": False}
    said = checking.sentences({**masked, "checks": checking.checks(masked, 10)})
    assert said[0].startswith("The figures under attack cannot be relied upon")


def test_that_steps_of_apgd_are_looked_back_upon_as_in_the_paper() -> None:
    found = sorted(attacks._checkpoints(100))
    assert found[:4] == [22, 41, 58, 70]  # 0.22, 0.41 and 0.57 (a little more in binary), 0.70, then ever closer
    assert all(later - sooner >= 6 for sooner, later in itertools.pairwise(found))
