"""FixMatch and FlexMatch: masks, thresholds and gradients against their definitions; and they can be interrupted."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tlstudio.api import Preprocessing
from tlstudio.data.transforms import make_transform
from tlstudio.registry import Registry
from tlstudio.seeding import local_randomness
from tlstudio.testing import check_method
from tlstudio_builtins.methods.fixmatch import views_of
from tlstudio_builtins.methods.fixmatch_losses import flexible_thresholds, guess, masked_cross_entropy


def logits(seed: int, count: int = 64, classes: int = 5) -> torch.Tensor:
    return 3 * torch.randn(count, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.95, 1.0])
def test_that_the_loss_is_the_mean_over_all_of_what_the_sure_ones_cost(threshold: float) -> None:
    weak, strong = logits(0), logits(1)
    found = guess(weak)
    loss = masked_cross_entropy(strong, found.labels, found.confidence >= threshold)
    w, s = weak.numpy(), strong.numpy()
    q = np.exp(w) / np.exp(w).sum(1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    total = 0.0
    for row in range(len(q)):
        if q[row].max() >= threshold:
            total -= np.log(p[row, q[row].argmax()])
    assert float(loss) == pytest.approx(total / len(q), rel=1e-5, abs=1e-9)


def test_that_nothing_is_learnt_through_the_guess_and_nothing_from_unsure_ones() -> None:
    weak, strong = logits(2).requires_grad_(True), logits(3).requires_grad_(True)
    found = guess(weak)
    mask = found.confidence >= 0.9
    assert 0 < int(mask.sum()) < len(mask)
    masked_cross_entropy(strong, found.labels, mask).backward()
    assert weak.grad is None
    assert strong.grad is not None
    assert torch.count_nonzero(strong.grad[~mask]) == 0
    wanted = (strong.detach().softmax(1) - F.one_hot(found.labels, 5)) / len(mask)  # of cross-entropy, by hand
    assert torch.allclose(strong.grad[mask], wanted[mask], atol=1e-6)


@pytest.mark.parametrize("warm_up", [True, False])
def test_that_the_thresholds_follow_how_much_of_each_class_was_learnt(warm_up: bool) -> None:
    random = np.random.default_rng(4)
    for learnt in (0.0, 0.2, 0.7, 1.0):
        latest = [int(c) if random.random() < learnt else -1 for c in random.choice(4, 200, p=[0.6, 0.3, 0.1, 0.0])]
        found = flexible_thresholds(torch.tensor(latest, dtype=torch.int32), 4, 0.95, warm_up)
        sigma = [sum(1 for value in latest if value == c) for c in range(4)]
        largest = max(*sigma, len(latest) - sum(sigma)) if warm_up else max(sigma)
        for c in range(4):
            beta = sigma[c] / largest if largest else 0.0
            assert float(found[c]) == pytest.approx(0.95 * beta / (2 - beta), rel=1e-5, abs=1e-9)
        assert float(found.max()) <= 0.95 + 1e-6


def test_that_a_class_that_is_learnt_best_has_the_whole_threshold() -> None:
    found = flexible_thresholds(torch.tensor([0] * 6 + [1] * 3 + [2]), 3, 0.9)
    assert found.tolist() == pytest.approx([0.9, 0.9 * 0.5 / 1.5, 0.9 * (1 / 6) / (2 - 1 / 6)])


def test_that_each_modality_has_a_weak_and_a_strong_view() -> None:
    known = {modality.id: modality.augmentations for modality in Registry.discover().modalities()}
    for modality, offered in known.items():
        for safe in (True, False):
            weak, strong = views_of(modality, safe)
            assert weak != strong
            assert {weak, strong} <= {*offered, "none", "light", "characters", "strong", "strong-characters"}


@pytest.mark.parametrize("name", ["strong", "strong-characters"])
def test_that_strong_views_differ_from_draw_to_draw_and_not_from_run_to_run(name: Any) -> None:
    picture = torch.randint(0, 256, (3, 40, 50), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    transform = make_transform(Preprocessing(resize=32, crop=32), name, flip=False)

    def drawn(seed: int) -> torch.Tensor:
        with local_randomness(seed):
            return torch.as_tensor(transform(picture))

    assert torch.equal(drawn(1), drawn(1))
    assert len({drawn(seed).numpy().tobytes() for seed in range(8)}) == 8
    assert drawn(1).shape == (3, 32, 32)
    assert drawn(1).dtype == torch.uint8


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("fixmatch", {"epochs": 1, "batch_size": 8, "threshold": 0.5}),
        ("flexmatch", {"epochs": 2, "batch_size": 8, "threshold": 0.5, "batch_norm": "train"}),
    ],
)
def test_that_both_go_on_exactly_where_they_were_interrupted(method: str, options: dict[str, Any]) -> None:
    check_method(Registry.discover().method(method), options=options, interruptions=1)
