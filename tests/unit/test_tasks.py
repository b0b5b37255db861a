"""Tasks: how labels are written down and become numbers; and what is minimised."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from torch.nn import functional as F

from tlstudio.api import DataError, Mask, Objective, SolveData, Task, TaskInfo
from tlstudio.registry import Registry
from tlstudio.training.modules import PixelHead, StandardizedLinear
from tlstudio_builtins.tasks import imbalance
from tlstudio_builtins.tasks.solvers import fit_labels, fit_logistic, fit_ridge

REGISTRY = Registry.discover(safe_mode=True)
NAMES = ("cat", "dog", "owl")


def task(identifier: str, names: tuple[str, ...] = NAMES) -> Task:
    made: Task = REGISTRY.task(identifier).load()(TaskInfo(class_names=names))
    return made


def objective(identifier: str, info: TaskInfo, **settings: object) -> Objective:
    made: Objective = REGISTRY.task(identifier).load_objective()(info, settings)
    return made


@given(st.lists(st.sampled_from(NAMES), max_size=6))
def test_that_equal_labels_have_equal_values_in_whatever_order_they_come(labels: list[str]) -> None:
    several = task("multilabel")
    value = several.value(tuple(labels))
    assert value == several.value(tuple(reversed(labels)))
    row = several.encode([value])[0]
    assert {name for name, there in zip(NAMES, row, strict=True) if there} == set(labels)


def test_that_each_task_refuses_the_labels_of_others_in_a_sentence() -> None:
    for identifier, wrong in (
        ("classification", ()), ("classification", (1.0,)), ("multilabel", (2.0,)), ("regression", ("many",)),
        ("regression", (float("nan"), 1.0, 2.0)), ("regression", (1.0,)), ("segmentation", "cat"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=r"^It(s| has).*\.$"):
            task(identifier).value(wrong)
    assert json.loads(task("segmentation").value(Mask(__import__("pathlib").Path("a/b.png"))))["mask"] == "a/b.png"


def test_that_strata_keep_rare_labels_and_the_range_of_numbers_apart() -> None:
    several = task("multilabel")
    values = [several.value(labels) for labels in (("cat",), ("cat",), ("cat", "owl"), ("cat", "dog"), ())]
    assert several.strata(values) == ["cat", "cat", "owl", "dog", ""]
    numbers = task("regression", ("n",))
    keys = numbers.strata([numbers.value((float(n),)) for n in range(100)])
    assert [keys.count(key) for key in sorted(set(keys), key=int)] == [10] * 10


def test_that_answers_are_decoded_by_task() -> None:
    assert task("classification").decode(np.array([0.0, 3.0, 1.0], np.float32), 2)["class"] == "dog"
    answer = task("multilabel").decode(np.array([2.0, -2.0, 0.1], np.float32), 3)
    assert answer["labels"] == ["cat", "owl"]
    assert answer["scores"][0]["class"] == "cat"
    assert task("regression", ("a", "b")).decode(np.array([1.5, -2.0], np.float32), 1)["values"] == {"a": 1.5, "b": -2}
    maps = np.zeros((3, 2, 2), np.float32)
    maps[1, 0] = 1
    assert task("segmentation").decode(maps, 1)["shares"] == {"cat": 0.5, "dog": 0.5, "owl": 0.0}


def test_that_lopsided_classes_are_noticed_answered_and_told() -> None:
    lopsided = objective("classification", TaskInfo(class_names=NAMES, class_counts=(600, 100, 100)), imbalance="auto")
    assert "6.0 times" in lopsided.notes[0]
    even = objective("classification", TaskInfo(class_names=NAMES, class_counts=(300, 100, 100)), imbalance="auto")
    assert not even.notes
    outputs, targets = torch.zeros(1, 3), torch.tensor([1])
    assert lopsided.loss(outputs, targets) == pytest.approx(-np.log(100 / 800), rel=1e-5)
    assert even.loss(outputs, targets) == pytest.approx(np.log(3), rel=1e-5)
    sampled = objective(
        "classification", TaskInfo(class_names=NAMES, class_counts=(600, 1, 1)), imbalance="auto", sampler="balanced"
    )
    assert not sampled.notes  # one remedy is enough


def test_that_taking_the_prior_off_the_biases_is_training_with_adjusted_logits() -> None:
    torch.manual_seed(0)
    targets = torch.tensor([0] * 160 + [1] * 30 + [2] * 10)
    features = torch.randn(200, 4) + torch.eye(3, 4)[targets]
    prior = imbalance.log_prior((160, 30, 10))
    head = StandardizedLinear(4, 3)
    list(fit_logistic(head, SolveData((features, targets), (features[:0], targets[:0]), 0), l2=0.1, prior=prior))
    z = ((features - head.mean) / head.std).double()
    weight = head.linear.weight.detach().double().requires_grad_()
    bias = head.linear.bias.detach().double().requires_grad_()
    loss = F.cross_entropy(z @ weight.T + bias + prior, targets) + 0.05 * weight.square().sum()
    assert max(float(g.abs().max()) for g in torch.autograd.grad(loss, [weight, bias])) < 1e-3
    plain = StandardizedLinear(4, 3)
    list(fit_logistic(plain, SolveData((features, targets), (features[:0], targets[:0]), 0), l2=0.1))
    found = [int((model(features).argmax(1)[targets == 2] == 2).sum()) for model in (plain, head)]
    assert found[1] > found[0]  # of the rare class, which the plain optimum neglects


def test_that_the_heads_of_several_labels_are_those_of_scikit_learn() -> None:
    torch.manual_seed(1)
    features = torch.randn(150, 5) * 2 + 3
    targets = (features[:, :3] + torch.randn(150, 3) > 3).float()
    head = StandardizedLinear(5, 3)
    list(fit_labels(head, SolveData((features, targets), (features[:0], targets[:0]), 0), l2=0.05))
    z = ((features - head.mean) / head.std).double().numpy()
    for k in range(3):
        theirs = LogisticRegression(C=1 / (0.05 * 150), tol=1e-8).fit(z, targets[:, k].numpy())
        np.testing.assert_allclose(head.linear.weight[k].detach().numpy(), theirs.coef_[0], atol=2e-3)


def test_that_the_ridge_is_that_of_scikit_learn_in_the_users_units() -> None:
    torch.manual_seed(2)
    features = torch.randn(80, 6)
    targets = torch.stack([1000 + 200 * features[:, 0], 3 * features[:, 1]], 1) + torch.randn(80, 2)
    mean, std = targets.mean(0).tolist(), targets.std(0, correction=0).tolist()
    head = StandardizedLinear(6, 2, std, mean)
    list(fit_ridge(head, SolveData((features, targets), (features[:0], targets[:0]), 0), l2=0.1))
    z = ((features - head.mean) / head.std).double().numpy()
    theirs = Ridge(alpha=0.1 * 80).fit(z, targets.double().numpy())
    np.testing.assert_allclose(head(features).detach().numpy(), theirs.predict(z), rtol=1e-3, atol=0.02)


def test_that_losses_for_labels_and_pixels_fall_where_the_answer_is_right() -> None:
    info = TaskInfo(class_names=NAMES, class_counts=(90, 50, 5))
    targets = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    right, wrong = (2 * targets - 1) * 4, (1 - 2 * targets) * 4
    for kind in ("none", "positive-weight", "asymmetric"):
        labels = objective("multilabel", info, imbalance=kind, items=100)
        assert labels.loss(right, targets) < 0.3 < labels.loss(wrong, targets), kind
    masks = torch.randint(0, 3, (2, 8, 8))
    good = F.one_hot(masks, 3).permute(0, 3, 1, 2) * 8.0
    ignored = masks.clone()
    ignored[:, :4] = 255
    for kind in ("none", "class-balanced", "focal"):
        pixels = objective("segmentation", info, imbalance=kind)
        assert pixels.loss(good, masks) < 0.1 < pixels.loss(-good, masks), kind
        broken = good.clone()
        broken[:, :, :4] *= -1  # wrong only where nothing counts
        assert pixels.loss(broken, ignored) < 0.1, kind


def test_that_numbers_are_learnt_in_units_of_their_spread() -> None:
    numbers = objective("regression", TaskInfo(class_names=("n",), mean=(500.0,), std=(100.0,)))
    assert numbers.loss(torch.tensor([[600.0]]), torch.tensor([[500.0]])) == pytest.approx(0.5)
    head = numbers.head(4)
    assert float(head(torch.randn(1, 4)).detach()) == pytest.approx(500.0)  # it starts at the mean


def test_that_a_head_for_pixels_answers_at_its_finest_level() -> None:
    head = PixelHead([8, 16, 32], 2)
    maps = [torch.randn(1, 8, 16, 16), torch.randn(1, 16, 8, 8), torch.randn(1, 32, 4, 4)]
    assert head(maps).shape == (1, 2, 16, 16)
