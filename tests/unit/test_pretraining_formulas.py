"""The formulas of pre-training against plain NumPy, closed forms and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F

from tlstudio.api import FeatureLevel, Preprocessing, TrainingError
from tlstudio.registry import Registry
from tlstudio_builtins.methods import pretraining_decoder as decoding
from tlstudio_builtins.methods.pretraining_gan import NOISE, Generator, Spectral, adversarial_losses
from tlstudio_builtins.methods.pretraining_losses import (
    hinge_discriminator,
    hinge_generator,
    masked_error,
    neighbour_accuracy,
    neighbour_votes,
    nt_xent,
)
from tlstudio_builtins.methods.pretraining_mae import (
    HeldOutError,
    MaskedAutoencoder,
    MaskedDecoder,
    check_transformer,
    draw_mask,
    patches_of,
)
from tlstudio_builtins.methods.pretraining_memory import Memory

HALF = Preprocessing(resize=20, crop=20, mean=(0.5,) * 3, std=(0.25,) * 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- contrast


def brute_force(first: np.ndarray, second: np.ndarray, t: float) -> float:
    """Equation 1 of Chen et al. 2020, word for word, in float64."""
    views = [row / np.linalg.norm(row) for pair in zip(first, second, strict=True) for row in pair]

    def loss(i: int, j: int) -> float:
        s = [float(np.dot(views[i], view)) for view in views]
        return -math.log(math.exp(s[j] / t) / sum(math.exp(s[k] / t) for k in range(len(views)) if k != i))

    pairs = range(0, len(views), 2)
    return sum(loss(k, k + 1) + loss(k + 1, k) for k in pairs) / len(views)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_that_the_contrastive_loss_is_that_of_the_paper(temperature: float) -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(5, 7)), random.normal(size=(5, 7))
    found = nt_xent(torch.tensor(first), torch.tensor(second), temperature)
    assert float(found) == pytest.approx(brute_force(first, second, temperature), rel=1e-12)


def test_that_the_contrastive_loss_is_right_where_it_is_known() -> None:
    same = torch.ones(3, 4)
    assert float(nt_xent(same, same, 0.5)) == pytest.approx(math.log(5))  # six views alike: five others to choose from
    apart = torch.eye(3)
    e = math.exp(1 / 0.5)
    assert float(nt_xent(apart, apart, 0.5)) == pytest.approx(-math.log(e / (e + 4)))
    assert float(nt_xent(apart[:1], -apart[:1], 0.5)) == 0.0  # nobody else to be confused with


def remembered(first: np.ndarray, second: np.ndarray, past: np.ndarray, counts: np.ndarray, t: float) -> float:
    """Equation 1 with the rows of ``past`` that count for a pair in the denominator of both of its views."""
    views = np.concatenate([first, second])
    views = views / np.linalg.norm(views, axis=1, keepdims=True)
    total, n = 0.0, len(first)
    for i in range(2 * n):
        own = np.exp(views @ views[i] / t)
        others = np.exp(past[counts[i % n]] @ views[i] / t).sum()
        total -= math.log(own[(i + n) % (2 * n)] / (own.sum() - own[i] + others))
    return total / (2 * n)


def test_that_the_contrastive_loss_counts_what_is_remembered_and_so_does_its_gradient() -> None:
    random = np.random.default_rng(2)
    first, second, past = random.normal(size=(4, 6)), random.normal(size=(4, 6)), random.normal(size=(9, 6))
    past /= np.linalg.norm(past, axis=1, keepdims=True)
    counts = random.random((4, 9)) < 0.7
    leaf = torch.tensor(first, requires_grad=True)
    loss = nt_xent(leaf, torch.tensor(second), 0.3, (torch.tensor(past), torch.tensor(counts)))
    assert float(loss.detach()) == pytest.approx(remembered(first, second, past, counts, 0.3), rel=1e-12)
    loss.backward()  # type: ignore[no-untyped-call]
    step = np.zeros_like(first)
    step[1, 2] = 1e-6
    slope = remembered(first + step, second, past, counts, 0.3) - remembered(first - step, second, past, counts, 0.3)
    assert leaf.grad is not None
    assert float(leaf.grad[1, 2]) == pytest.approx(slope / 2e-6, rel=1e-6)
    none = torch.zeros(4, 9, dtype=torch.bool)
    plain = nt_xent(torch.tensor(first), torch.tensor(second), 0.3)
    assert float(nt_xent(torch.tensor(first), torch.tensor(second), 0.3, (torch.tensor(past), none))) == float(plain)


def test_that_the_memory_forgets_the_oldest_first_and_knows_a_picture_again() -> None:
    memory = Memory(5, 2)
    rows = torch.arange(1.0, 15).reshape(7, 2)
    assert len(memory.others(torch.tensor([3]))[0]) == 0
    memory.add(rows[:3], torch.tensor([10, 11, 12]))
    memory.add(rows[3:], torch.tensor([13, 11, 15, 16]))
    kept, counts = memory.others(torch.tensor([11, 12]))
    assert sorted(memory.pictures.tolist()) == [11, 12, 13, 15, 16]
    assert torch.allclose(kept.norm(dim=1), torch.ones(5))
    assert counts.sum(1).tolist() == [4, 4]
    memory.add(torch.ones(8, 2), torch.arange(8))
    assert sorted(memory.pictures.tolist()) == [3, 4, 5, 6, 7]
    assert len(memory.state_dict()) == 3, "a checkpoint holds all of it"


def test_that_order_scale_and_the_names_of_the_views_do_not_matter_to_the_contrastive_loss() -> None:
    first, second = torch.randn(2, 6, 4, generator=seeded())
    loss, order = nt_xent(first, second, 0.5), torch.randperm(6, generator=seeded())
    for other in (
        nt_xent(second, first, 0.5),
        nt_xent(first[order], second[order], 0.5),
        nt_xent(3 * first, second / 7, 0.5),
    ):
        assert torch.allclose(loss, other)


def test_that_the_gradient_of_the_contrastive_loss_is_right() -> None:
    first, second = torch.randn(2, 4, 3, generator=seeded(), dtype=torch.float64).requires_grad_().unbind()
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.5), (first, second))


# ---- neighbours


def test_that_the_neighbours_vote_as_in_scikit_learn() -> None:
    random = np.random.default_rng(2)
    known, asked = random.normal(size=(60, 5)).astype("float32"), random.normal(size=(30, 5)).astype("float32")
    labels = random.integers(0, 4, 60)
    reference = KNeighborsClassifier(20, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.1)).fit(known, labels)
    votes = neighbour_votes(torch.tensor(known), torch.tensor(labels), torch.tensor(asked), 4)
    np.testing.assert_allclose((votes / votes.sum(1, keepdim=True)).numpy(), reference.predict_proba(asked), rtol=1e-3)


def test_that_rows_without_labels_count_on_neither_side() -> None:
    rows = torch.eye(3)
    labels, nobody = torch.tensor([0, 1, -1]), torch.tensor([-1, -1, -1])
    assert neighbour_accuracy(rows, labels, rows, torch.tensor([0, 1, -1]), 2) == 1.0
    assert neighbour_accuracy(rows, labels, rows[:2], torch.tensor([1, 0]), 2) == 0.0
    assert math.isnan(neighbour_accuracy(rows, labels, rows, nobody, 2))


# ---- autoencoder


@pytest.mark.parametrize("size", [(21, 21), (33, 47), (40, 40)])
def test_that_pictures_of_any_side_are_drawn_from_the_coarsest_level(size: tuple[int, int], registry: Registry) -> None:
    descriptor = registry.backbone("glyphnet")
    level = decoding.coarsest(descriptor)
    assert level.stride == 16
    network, decoder = descriptor.load()().eval(), decoding.Decoder(level.channels, level.stride)
    x = torch.randn(2, 3, *size, generator=seeded())
    assert decoder(decoding.map_of(network, level, x), size).shape == x.shape
    assert decoding.Reconstruction(network, decoder, level)(x).shape == (2, 1)


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tokens"])
def test_that_levels_of_every_layout_become_the_same_map(layout: str) -> None:
    expected = torch.randn(2, 5, 3, 4, generator=seeded())
    given = {
        "nchw": expected,
        "nhwc": expected.permute(0, 2, 3, 1),
        "tokens": torch.cat([torch.zeros(2, 1, 5), expected.flatten(2).transpose(1, 2)], dim=1),  # a class token first
    }[layout]
    network = nn.ModuleDict({"inner": nn.Identity()})
    network.forward = lambda _x: network["inner"](given)
    level = FeatureLevel(name="l", module="inner", channels=5, stride=2, layout=layout)  # type: ignore[arg-type]
    assert torch.equal(decoding.map_of(network, level, torch.zeros(2, 3, 6, 8)), expected)


def test_that_a_network_without_levels_is_refused_in_a_sentence(registry: Registry) -> None:
    with pytest.raises(TrainingError, match="names no feature levels"):
        decoding.coarsest(registry.backbone("text-cnn"))


def test_that_noise_is_measured_in_the_range_of_pixels_and_blank_cells_are_counted() -> None:
    x = torch.zeros(4, 3, 40, 40)
    noisy = decoding.add_noise(x, 0.1, HALF, seeded())
    assert float(noisy.std()) == pytest.approx(0.1 / 0.25, rel=0.02)
    hidden = decoding.hide_cells(torch.ones(4, 3, 40, 40), 0.25, seeded())
    assert torch.equal((hidden == 0).flatten(1).float().mean(1), torch.full((4,), 0.25))
    assert not torch.equal(hidden[0], hidden[1])
    assert torch.equal(decoding.add_noise(x, 0.1, HALF, seeded()), noisy)  # the generator alone decides


# ---- masked autoencoder


class Small(nn.Module):
    """The least that a masked autoencoder needs of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import VisionTransformer

        made = VisionTransformer(image_size=16, patch_size=4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8)
        self.conv_proj, self.encoder, self.class_token = made.conv_proj, made.encoder, made.class_token
        nn.init.normal_(self.conv_proj.weight)


def test_that_exactly_the_asked_for_share_of_patches_is_hidden() -> None:
    seen, mask = draw_mask(7, 16, 0.75, seeded())
    assert torch.equal(mask.sum(1), torch.full((7,), 12.0))
    assert float(mask.gather(1, seen).sum()) == 0.0
    assert torch.equal(seen, seen.sort(1).values)
    assert draw_mask(1, 4, 0.99, seeded())[0].shape == (1, 1)  # something is seen
    assert draw_mask(1, 4, 0.01, seeded())[0].shape == (1, 3)  # and something is not


def test_that_patches_are_cut_row_by_row() -> None:
    x = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    patches = patches_of(x, 2)
    assert patches.shape == (2, 6, 12)
    assert torch.equal(patches[1, 4].reshape(3, 2, 2), x[1, :, 2:4, 2:4])


def test_that_only_hidden_patches_count_and_each_is_standardised() -> None:
    random = np.random.default_rng(3)
    predicted, patches = random.normal(size=(2, 4, 6)), random.normal(size=(2, 4, 6))
    mask = np.array([[1, 0, 1, 0], [0, 0, 0, 1.0]])
    target = (patches - patches.mean(-1, keepdims=True)) / np.sqrt(patches.var(-1, keepdims=True, ddof=1) + 1e-6)
    expected = [((predicted - target) ** 2)[i][mask[i] == 1].mean() for i in range(2)]
    found = masked_error(torch.tensor(predicted), torch.tensor(patches), torch.tensor(mask))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    changed = predicted + 5 * (1 - mask[..., None])
    assert torch.equal(masked_error(torch.tensor(changed), torch.tensor(patches), torch.tensor(mask)), found)


def test_that_the_transformer_sees_nothing_of_the_hidden_patches() -> None:
    network = Small().eval()
    masked = MaskedAutoencoder(network, nn.Identity(), 0.75)
    assert (masked.side, masked.patches) == (4, 16)
    x = torch.randn(2, 3, 16, 16, generator=seeded())
    seen, mask = draw_mask(2, 16, 0.75, seeded())
    spoilt = torch.where(
        F.interpolate(mask.view(2, 1, 4, 4), size=(16, 16)) == 1, torch.randn(x.shape, generator=seeded(1)), x
    )
    assert torch.equal(masked.encode(x, seen), masked.encode(spoilt, seen))
    assert masked.encode(x, seen).shape == (2, 5, 8)


def test_that_the_masked_error_trains_transformer_and_decoder_and_repeats_itself() -> None:
    network, decoder = Small(), MaskedDecoder(8, 16, 4, width=8, depth=1)
    x = torch.randn(2, 3, 16, 16, generator=seeded())
    MaskedAutoencoder(network, decoder, 0.75).errors(x, seeded()).mean().backward()
    assert all(p.grad is not None for p in [*network.parameters(), *decoder.parameters()])
    held_out = HeldOutError(network, decoder, 0.75).eval()
    assert torch.equal(held_out(x), held_out(x))


def test_that_only_plain_transformers_are_taken_and_the_others_are_told_which(registry: Registry) -> None:
    descriptor = registry.backbone("vit_tiny")
    check_transformer(descriptor.load()(), descriptor)
    for name in ("glyphnet", "text-cnn"):
        descriptor = registry.backbone(name)
        with pytest.raises(TrainingError, match=r"only a plain vision transformer .* ViT-B/16 and|Choose ViT-B/16"):
            check_transformer(descriptor.load()(), descriptor)


# ---- adversarial


def test_that_the_hinge_losses_are_those_of_the_papers() -> None:
    real, made = torch.tensor([[2.0], [0.5], [-1.0]]), torch.tensor([[-2.0], [0.0], [3.0]])
    assert float(hinge_discriminator(real, made)) == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 4) / 3)
    assert float(hinge_generator(made)) == pytest.approx(-1 / 3)


def test_that_each_adversary_is_trained_by_its_own_loss_alone() -> None:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    judge, drawing = nn.Linear(4, 1), Generator(12, HALF)
    real, noise = torch.randn(6, 3, 12, 12), torch.randn(6, NOISE)
    opponent, deceiver = adversarial_losses(drawing, trunk, judge, real, noise)
    of_d, of_g = [*trunk.parameters(), *judge.parameters()], list(drawing.parameters())
    d = torch.autograd.grad(opponent, [*of_d, *of_g], retain_graph=True, allow_unused=True)
    g = torch.autograd.grad(deceiver, [*of_d, *of_g], retain_graph=True, allow_unused=True)
    assert all(x is not None for x in d[: len(of_d)])
    assert all(x is None for x in d[len(of_d) :])
    assert all(x is None for x in g[: len(of_d)])
    assert all(x is not None for x in g[len(of_d) :])
    (opponent + deceiver).backward()
    for parameter, own in zip([*of_d, *of_g], [*d[: len(of_d)], *g[len(of_d) :]], strict=True):
        assert torch.allclose(parameter.grad, own)


def test_that_the_statistics_of_the_discriminator_are_those_of_real_pictures() -> None:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.BatchNorm2d(3, momentum=1.0), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    real = torch.randn(6, 3, 12, 12) + 7
    adversarial_losses(Generator(12, HALF), trunk, nn.Linear(3, 1), real, torch.randn(6, NOISE))
    assert torch.allclose(trunk[0].running_mean, real.mean((0, 2, 3)))  # type: ignore[arg-type]  # a tensor
    assert trunk[0].momentum == 1.0


@pytest.mark.parametrize("size", [5, 21, 40, 64])
def test_that_the_generator_draws_normalised_pictures_of_the_asked_for_side(size: int) -> None:
    drawn = Generator(size, HALF)(torch.randn(3, NOISE, generator=seeded()))
    assert drawn.shape == (3, 3, size, size)
    assert float(drawn.detach().abs().max()) <= 2.0  # pixels of 0 and 1 are -2 and 2


def test_that_singular_values_come_down_to_one_and_smaller_ones_stay() -> None:
    torch.manual_seed(0)
    network = nn.ModuleDict({"large": nn.Conv2d(3, 8, 3), "small": nn.Linear(4, 5)})
    with torch.no_grad():
        network["large"].weight.mul_(20)
        network["small"].weight.mul_(0.1)
    before = network["small"].weight.detach().clone()
    Spectral(network).bound(network, rounds=50)
    largest = torch.linalg.matrix_norm(network["large"].weight.flatten(1), ord=2)
    assert float(largest.detach()) == pytest.approx(1.0, abs=1e-3)
    assert torch.equal(network["small"].weight, before)
