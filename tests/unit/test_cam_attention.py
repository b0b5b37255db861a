"""The attention of CAM transfer against NumPy in double precision, closed forms and gradients."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import TaskInfo, TrainingError
from tlstudio.training.modules import Classifier
from tlstudio_builtins.methods import cam_attention, cam_losses, cam_networks
from tlstudio_builtins.methods.cam_attention import Attention
from tlstudio_builtins.methods.cam_computing import Unseen
from tlstudio_builtins.methods.cam_networks import CamPredictor, Scale
from tlstudio_builtins.methods.cam_options import CamOptions
from tlstudio_builtins.tasks.objectives import ClassObjective

N, C, H, W, K = 3, 6, 4, 5, 3
OBJECTIVE = ClassObjective(TaskInfo(class_names=("a", "b", "c")), {})


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def attention(random: torch.Generator) -> Attention:
    """One that has learnt something, in double precision."""
    made = Attention(K, C).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return made


def maps_and_p(random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    maps = torch.randn(N, C, H, W, generator=random, dtype=torch.float64)
    return maps, torch.randn(N, K, generator=random, dtype=torch.float64).softmax(1)


def test_that_the_gates_are_one_at_the_beginning_whatever_the_probabilities() -> None:
    gates = cam_attention.ChannelGates(K, 1024)
    assert gates.first.out_features == 64
    assert cam_attention.ChannelGates(K, C).first.out_features == 32
    assert torch.equal(gates(torch.rand(4, K)), torch.ones(4, 1024))


def test_that_region_and_pooled_features_are_what_the_formula_says(random: torch.Generator) -> None:
    made, (maps, p) = attention(random), maps_and_p(random)
    looked = made(maps, p)
    named = {name: value.detach().numpy() for name, value in made.named_parameters()}
    f, q = maps.numpy(), p.numpy()
    hidden = np.maximum(q @ named["gates.first.weight"].T + named["gates.first.bias"], 0)
    a = 2 / (1 + np.exp(-(hidden @ named["gates.second.weight"].T + named["gates.second.bias"])))
    w = np.log1p(np.exp(named["v"]))
    w /= w.sum()
    expected = np.zeros((N, H, W))
    for n in range(N):
        for c in range(C):
            expected[n] += w[c] * a[n, c] * f[n, c]
    expected = np.maximum(expected, 0)
    share = (expected + 1e-3) / (expected + 1e-3).sum((1, 2), keepdims=True)
    z = np.array([[(share[n] * f[n, c]).sum() for c in range(C)] for n in range(N)])
    assert np.allclose(looked.gates.detach(), a, atol=1e-12)
    assert ((looked.gates > 0) & (looked.gates < 2)).all()
    assert np.allclose(looked.map.detach(), expected, atol=1e-12)
    assert np.allclose(looked.share.detach(), share, atol=1e-12)
    assert np.allclose(cam_attention.pooled(maps, looked.share).detach(), z, atol=1e-12)


def test_that_gates_linear_in_a_sure_class_make_it_class_activation_mapping(random: torch.Generator) -> None:
    """Section 15.1 of the definition: g(p) = W p, w = 1, p one-hot; Zhou et al. 2016, equation 2."""
    body, head = nn.Conv2d(3, C, 3, padding=1).double(), nn.Linear(C, K).double()
    network = Classifier(nn.Sequential(body, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), head)
    x = torch.randn(N, 3, H, W, generator=random, dtype=torch.float64)
    maps, logits = torch.relu(body(x)), network(x)
    for k in range(K):
        p = F.one_hot(torch.full((N,), k), K).double()
        gates = p @ head.weight  # g(p) = Wᵀ p, the class's own weights
        found = cam_attention.weighted(gates[:, :, None, None] * maps, torch.ones(C, dtype=torch.float64))
        activation = torch.stack([sum(head.weight[k, c] * maps[n, c] for c in range(C)) for n in range(N)])  # type: ignore[misc]
        assert torch.allclose(found, activation, atol=1e-12)
        assert torch.allclose(found.mean((1, 2)) + head.bias[k], logits[:, k], atol=1e-12)


def predictor(gated: bool, random: torch.Generator) -> CamPredictor:
    none: Any = nn.Identity()
    head = nn.Linear(C, K).double()
    return CamPredictor(none, none, Scale(C), attention(random), head, task="classification", gated=gated)


def test_that_probabilities_reach_the_classifier_by_way_of_the_region_alone(random: torch.Generator) -> None:
    """The first trap: where all places look alike the region means nothing, and so must p."""
    maps, p = maps_and_p(random)
    alike = maps[:, :, :1, :1].expand(-1, -1, H, W)
    for gated in (False, True):
        made = predictor(gated, random)
        one, other = made.look(alike, p), made.look(alike, p.roll(1, 0))
        same = torch.allclose(made.answer(alike, one), made.answer(alike, other), atol=1e-9)
        assert same is not gated


def test_that_of_several_labels_each_is_told_from_a_region_of_its_own(random: torch.Generator) -> None:
    """Section 15.4 of the definition: p = σ(u), and a region for each label, led by its own probability alone."""
    none: Any = nn.Identity()
    head, layer, (maps, _) = nn.Linear(C, K).double(), attention(random), maps_and_p(random)
    p = torch.rand(N, K, generator=random, dtype=torch.float64)
    made = CamPredictor(none, none, Scale(C), layer, head, task="multilabel")
    found = made.answer(maps, made.look(maps, p))
    for k in range(K):
        own = torch.zeros_like(p)
        own[:, k] = p[:, k]
        z = cam_attention.pooled(maps, layer(maps, own).share)
        assert torch.allclose(found[:, k], head(z)[:, k])
    other = p.clone()
    other[:, 0] = 1 - other[:, 0]
    changed = made.answer(maps, made.look(maps, other)) != found
    assert changed[:, 0].all()
    assert not changed[:, 1:].any()


def test_that_the_target_network_does_not_learn_by_way_of_the_map(random: torch.Generator) -> None:
    maps, p = maps_and_p(random)
    p.requires_grad_(True)
    made = attention(random)
    cam_attention.pooled(maps, made(maps, p).share).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    assert p.grad is None
    assert made.gates.second.weight.grad is not None


def test_that_the_region_is_where_the_map_is_at_least_half_its_maximum() -> None:
    found = torch.tensor([[[4.0, 2.0], [1.9, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    inside = cam_attention.region(found)
    assert inside.tolist() == [[[True, True], [False, False]], [[True, True], [True, True]]]
    share = cam_attention.shares(found)
    within, rest = cam_attention.restricted(share, inside), cam_attention.restricted(share, ~inside)
    assert torch.allclose(within.sum((1, 2)), torch.ones(2))
    assert torch.allclose(rest.sum((1, 2)), torch.tensor([1.0, 0.0]))
    assert within[0, 0, 0] == pytest.approx(4.001 / (4.001 + 2.001))
    assert not (within * rest).any()


def test_that_prototypes_are_correlated_with_the_maps(random: torch.Generator) -> None:
    maps, p = maps_and_p(random)
    prototypes = torch.randn(K, C, 3, 3, generator=random, dtype=torch.float64)
    weights = torch.rand(C, generator=random, dtype=torch.float64)
    padded = np.pad(maps.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros((N, H, W))
    for n in range(N):
        for i in range(H):
            for j in range(W):
                around = padded[n, :, i : i + 3, j : j + 3]
                for k in range(K):
                    alike = (weights.numpy()[:, None, None] * prototypes[k].numpy() * around).sum() / 9
                    expected[n, i, j] += p[n, k].item() * alike
    assert np.allclose(cam_attention.correlated(maps, weights, prototypes, p), expected, atol=1e-5)


def test_that_entropy_and_variation_are_what_they_are_in_closed_form() -> None:
    even = torch.full((2, 3, 4), 1 / 12)
    point = torch.zeros(1, 3, 4)
    point[0, 1, 1] = 1
    assert cam_losses.entropy(even) == pytest.approx(1)
    assert cam_losses.entropy(point.clamp(min=1e-30)) == pytest.approx(0, abs=1e-6)
    assert cam_losses.variation(even) == 0
    assert cam_losses.variation(point) == 4
    half = torch.tensor([[[0.5, 0.5], [0.0, 0.0]]]).clamp(min=1e-30)
    assert cam_losses.entropy(half) == pytest.approx(math.log(2) / math.log(4))


def test_that_saying_nothing_costs_nothing(random: torch.Generator) -> None:
    outputs = torch.randn(4, K, generator=random)
    q = outputs.softmax(1).numpy()
    expected = (1 / K * np.log(1 / K / q)).sum(1)
    assert np.allclose(cam_losses.against_uniform(outputs, "classification"), expected, atol=1e-6)
    shares = torch.sigmoid(outputs).numpy()
    coin = (0.5 * np.log(0.5 / shares) + 0.5 * np.log(0.5 / (1 - shares))).mean(1)
    assert np.allclose(cam_losses.against_uniform(outputs, "multilabel"), coin, atol=1e-6)
    for task in ("classification", "multilabel"):
        assert torch.allclose(cam_losses.against_uniform(torch.full((2, K), 0.7), task), torch.zeros(2), atol=1e-6) is (
            task == "classification"
        )


def test_that_smoothing_is_that_of_the_literature(random: torch.Generator) -> None:
    outputs, targets = torch.randn(5, K, generator=random), torch.tensor([0, 1, 2, 0, 1])
    found = cam_losses.smoothed(OBJECTIVE, outputs, targets, 0.1, "classification")
    assert found == pytest.approx(float(F.cross_entropy(outputs, targets, label_smoothing=0.1)), abs=1e-6)


def test_that_the_loss_of_the_attention_is_the_sum_of_its_terms(random: torch.Generator) -> None:
    made, (maps, p) = predictor(False, random), maps_and_p(random)
    head, targets, looked = made.head, torch.tensor([0, 1, 2]), made.look(maps, p)
    terms, outputs = cam_losses.attention_terms(
        lambda given: made.answer(maps, given), looked, targets, OBJECTIVE, "classification"
    )
    inside = looked.map >= 0.5 * looked.map.amax((1, 2), keepdim=True)

    def answer(where: torch.Tensor) -> torch.Tensor:
        share = looked.share * where
        logits: torch.Tensor = head(((share / share.sum((1, 2), keepdim=True))[:, None] * maps).sum((2, 3)))
        return logits

    assert torch.allclose(outputs, head((looked.share[:, None] * maps).sum((2, 3))))
    nothing = -math.log(K) - answer(~inside).log_softmax(1).mean()
    expected = (
        F.cross_entropy(outputs, targets)
        + 0.5 * F.cross_entropy(answer(inside), targets)
        + 0.1 * nothing
        + 0.01 * cam_losses.entropy(looked.share)
        + 1e-3 * cam_losses.variation(looked.share)
        + 1e-2 * ((looked.gates - 1) ** 2).mean()
    )
    assert cam_losses.attention_loss(terms, CamOptions()).item() == pytest.approx(expected.item(), abs=1e-6)


def test_that_the_gradients_of_the_attention_are_right(random: torch.Generator) -> None:
    made, (maps, p) = attention(random), maps_and_p(random)
    targets, weight = torch.tensor([0, 1, 2]), torch.randn(K, C, generator=random, dtype=torch.float64)

    def loss(v: torch.Tensor, second: torch.Tensor, linear: torch.Tensor) -> torch.Tensor:
        gates = 2 * torch.sigmoid(torch.relu(made.gates.first(p)) @ second.T)
        w = F.softplus(v) / F.softplus(v).sum()
        found = torch.relu(cam_attention.weighted(gates[:, :, None, None] * maps, w))
        share = cam_attention.shares(found)
        logits = cam_attention.pooled(maps, share) @ linear.T
        spread = cam_losses.entropy(share) + cam_losses.variation(share)
        return F.cross_entropy(logits, targets) + spread + cam_losses.against_uniform(logits, "classification").mean()

    given = [made.v, made.gates.second.weight, weight]
    assert torch.autograd.gradcheck(loss, [t.detach().clone().requires_grad_(True) for t in given], fast_mode=True)


def test_that_the_temperature_is_the_one_that_the_logits_were_multiplied_by(random: torch.Generator) -> None:
    logits = torch.randn(4000, K, generator=random)
    targets = torch.multinomial(logits.softmax(1), 1, generator=random).squeeze(1)
    found = cam_losses.fit_temperature(3 * logits, targets, OBJECTIVE)
    assert found == pytest.approx(3, rel=0.08)
    grid = [0.9 * found, found, 1.1 * found]
    losses = [float(OBJECTIVE.plain_loss(3 * logits / t, targets)) for t in grid]
    assert losses[1] == min(losses)
    assert cam_losses.fit_temperature(torch.zeros(0, K), torch.zeros(0, dtype=torch.int64), OBJECTIVE) == 1


def test_that_probabilities_of_a_network_that_has_seen_the_sample_are_refused() -> None:
    """The second trap."""
    unseen = Unseen(2)
    unseen.note(0, torch.tensor([0, 2, 5]))
    unseen.note(1, torch.tensor([1, 3]))
    unseen.keep(0, torch.tensor([1, 3]), torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    with pytest.raises(TrainingError, match="fold 2 was trained on a sample"):
        unseen.keep(1, torch.tensor([0, 3]), torch.ones(2, 2))
    found = unseen.of(torch.tensor([3, 0, 40]))
    assert torch.allclose(found[0], torch.tensor([0.2, 0.8]))
    assert torch.isnan(found[1:]).all()
    other = Unseen(2)
    other.load_state_dict(unseen.state_dict())
    with pytest.raises(TrainingError):
        other.keep(0, torch.tensor([5]), torch.ones(1, 2))


def test_that_edges_are_those_of_sobel() -> None:
    ramp = torch.arange(6.0).expand(1, 3, 5, 6) * 0.5  # a slope of 0.5 to the right
    found = cam_networks.edges(ramp)
    assert torch.allclose(
        found[0, 1, :, 1:-1], torch.full((5, 4), 1.0)
    )  # Sobel's weights add up to 8 over 2 places; / 4
    assert torch.allclose(found[0, 2], torch.zeros(5, 6), atol=1e-6)
    assert torch.allclose(found[0, 0], found[0, 1].abs(), atol=1e-3)
    film = torch.rand(2, 4, 3, 5, 6)
    assert cam_networks.derived(cam_networks.edges, film).shape == film.shape


def test_that_mimicry_counts_in_units_of_each_channels_spread(random: torch.Generator) -> None:
    teacher = torch.randn(8, 2, 3, 3, generator=random) * torch.tensor([1.0, 100.0])[:, None, None]
    assert cam_losses.mimicry(teacher, teacher) == 0
    means = teacher.mean((0, 2, 3), keepdim=True).expand_as(teacher)
    assert cam_losses.mimicry(means, teacher) == pytest.approx(0.75, abs=0.3)  # nearly 1 of a channel's variance
