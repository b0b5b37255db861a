"""One step of FixMatch, FlexMatch and self-training on a network that can be reckoned by hand."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from tlstudio.api import Batch, MethodContext, Options, Phase, Preprocessing, StepState, TaskInfo
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.registry import Registry
from tlstudio_builtins.methods.fixmatch import FixMatch, FlexMatch
from tlstudio_builtins.methods.fixmatch_losses import flexible_thresholds
from tlstudio_builtins.methods.fixmatch_options import FixMatchOptions, FlexMatchOptions
from tlstudio_builtins.methods.pseudo_label_set import LabelSet
from tlstudio_builtins.methods.self_training import SelfTraining
from tlstudio_builtins.methods.self_training_options import SelfTrainingOptions
from tlstudio_builtins.tasks.objectives import ClassObjective

FEATURES, CLASSES, POOL = 6, 3, 9
PROFILE = DatasetProfile(
    items=12, train_items=12, val_items=0, test_items=0, classes=3, smallest_class=4, largest_class=4
)


def context(options: Options) -> MethodContext:
    descriptor = dataclasses.replace(Registry.discover().backbone("glyphnet"), feature_dim=FEATURES)
    names = tuple("abc")
    return MethodContext(
        backbone=nn.Flatten(), descriptor=descriptor, preprocessing=Preprocessing(resize=2, crop=2), options=options,
        class_names=names, class_counts=(4, 4, 4), task="classification",
        profile=PROFILE, seed=0, unlabelled=POOL,
        objective=ClassObjective(TaskInfo(class_names=names, class_counts=(4, 4, 4)), {}),
    )  # fmt: skip


def built(method: Any, options: Options) -> tuple[Any, npt.NDArray[np.float64]]:
    """The method, and the weight matrix of its head, which is all that there is."""
    model = method.build(context(options))
    matrix = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(5)) * 2
    with torch.no_grad():
        model.head.linear.weight.copy_(matrix)
    return method, matrix.double().numpy()


def inputs(seed: int, count: int) -> torch.Tensor:
    return torch.randn(count, FEATURES, generator=torch.Generator().manual_seed(seed))


def batches() -> dict[str, Batch]:
    train = Batch(inputs(0, 4), torch.tensor([0, 1, 2, 0]), torch.arange(4), (inputs(1, 4),))
    pool = Batch(inputs(2, 6), torch.full((6,), -1), torch.tensor([8, 1, 5, 0, 3, 7]), (inputs(3, 6),))
    return {"train": train, "unlabelled": pool}


def state(name: str) -> StepState:
    return StepState(Phase(name=name, title="", epochs=1, groups=()), 0, 0, 1, torch.Generator())


def log_softmax(x: torch.Tensor, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    z = x.double().numpy() @ matrix.T
    found: npt.NDArray[np.float64] = z - np.log(np.exp(z).sum(1, keepdims=True))
    return found


def cross_entropy(x: torch.Tensor, matrix: npt.NDArray[np.float64], labels: Any, weights: Any = None) -> float:
    costs = -log_softmax(x, matrix)[np.arange(len(x)), np.asarray(labels)]
    return float((costs * (1 if weights is None else np.asarray(weights))).mean())


@pytest.mark.parametrize("flexible", [False, True])
def test_that_the_whole_loss_is_that_of_the_paper(flexible: bool) -> None:
    options: FixMatchOptions = (FlexMatchOptions if flexible else FixMatchOptions)(
        threshold=0.9, weight=0.7, strong_labelled=0.2
    )
    method, matrix = built(FlexMatch() if flexible else FixMatch(), options)
    thresholds = np.full(CLASSES, 0.9)
    if flexible:
        latest = torch.tensor([2, 2, 2, 2, 0, 0, 1, -1, -1], dtype=torch.int32)
        method.load_state_dict({"latest": latest})
        thresholds = flexible_thresholds(latest, CLASSES, 0.9).double().numpy()
    batch = batches()
    train, pool = batch["train"], batch["unlabelled"]
    output = method.step(batch, state("match"))
    q = np.exp(log_softmax(pool.inputs, matrix))
    guessed, sure = q.argmax(1), q.max(1)
    counts = sure >= thresholds[guessed]
    assert 0 < counts.sum() < len(counts)
    wanted = cross_entropy(train.inputs, matrix, train.targets)
    wanted += 0.2 * cross_entropy(train.views[0], matrix, train.targets)
    wanted += 0.7 * cross_entropy(pool.views[0], matrix, guessed, counts)
    assert float(output.loss.detach()) == pytest.approx(wanted, rel=1e-5)
    assert output.logs["used"] == pytest.approx(counts.mean())
    assert output.logs["above_threshold"] == pytest.approx((sure >= 0.9).mean())
    assert output.output is not None
    assert output.output.shape == (4, CLASSES)
    if flexible:
        after = method.state_dict()["latest"].tolist()
        expected = latest.tolist()
        for place, label, confidence in zip(pool.indices.tolist(), guessed, sure, strict=True):
            expected[place] = int(label) if confidence >= 0.9 else expected[place]
        assert after == expected


def test_that_without_a_pool_only_the_labels_are_learnt() -> None:
    method, matrix = built(FixMatch(), FixMatchOptions(strong_labelled=0.0))
    batch = batches()
    output = method.step({"train": batch["train"]}, state("match"))
    assert float(output.loss.detach()) == pytest.approx(
        cross_entropy(batch["train"].inputs, matrix, [0, 1, 2, 0]), rel=1e-5
    )


def test_that_new_labels_weigh_half_in_the_mean_over_all_samples() -> None:
    method, matrix = built(SelfTraining(), SelfTrainingOptions())
    accepted = LabelSet(torch.tensor([1, 3, 8]), torch.tensor([2, 2, 1]), torch.ones(3, dtype=torch.float64))
    method.load_state_dict(
        {**accepted.tensors("accepted"), **LabelSet.empty().tensors("proposed"), "vetoed": torch.tensor([5])}
    )
    positions, targets = method.relabel(None)
    assert (positions.tolist(), targets.tolist()) == ([1, 3, 8], [2, 2, 1])
    train, new = batches()["train"], Batch(inputs(4, 3), targets, positions)
    output = method.step({"train": train, "pseudo": new}, state("all-1"))
    ours, theirs = cross_entropy(train.inputs, matrix, train.targets), cross_entropy(new.inputs, matrix, targets)
    assert float(output.loss.detach()) == pytest.approx((12 * ours + 0.5 * 3 * theirs) / (12 + 0.5 * 3), rel=1e-5)
    assert method.state_dict()["vetoed"].tolist() == [5]
