"""The nearest neighbours as a head: votes, the choice of their number, and its way through files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.unit import weights_material
from tlstudio.api import SolveData, TrainingError
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.worker import events_of
from tlstudio_builtins.methods import knn


def weights_of(x: np.ndarray, bank: np.ndarray, k: int, temperature: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of the k nearest and their normalised weights, for each sample, in float64."""
    unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
    found = []
    for one in x:
        cosine = unit @ one / np.linalg.norm(one)
        rows = np.argsort(-cosine)[:k]
        weights = np.exp(cosine[rows] / temperature)
        found.append((rows, weights / weights.sum()))
    return found


@pytest.fixture
def numbers() -> np.random.Generator:
    return np.random.default_rng(0)


def test_that_votes_are_those_of_the_formula(numbers: np.random.Generator) -> None:
    bank, x, labels = numbers.normal(size=(30, 8)), numbers.normal(size=(6, 8)), numbers.integers(0, 3, 30)
    head = knn.make_head("classification", 8, 3, temperature=0.2)
    head.remember(torch.tensor(bank), F.one_hot(torch.tensor(labels), 3))
    head.choose(7)
    shares = head(torch.tensor(x).float()).softmax(1).numpy()
    for share, (rows, weights) in zip(shares, weights_of(x, bank, 7, 0.2), strict=True):
        votes = np.bincount(labels[rows], weights, 3)
        assert share == pytest.approx(0.99 * votes + 0.01 / 3, abs=1e-5)


def test_that_labels_get_shares_and_numbers_a_mean(numbers: np.random.Generator) -> None:
    bank, x = numbers.normal(size=(20, 5)), numbers.normal(size=(4, 5))
    labels, values = numbers.integers(0, 2, (20, 3)).astype(float), numbers.normal(50, 9, (20, 2))
    several, mean = knn.make_head("multilabel", 5, 3, 0.1), knn.make_head("regression", 5, 2, 0.1)
    several.remember(torch.tensor(bank), torch.tensor(labels))
    mean.remember(torch.tensor(bank), torch.tensor(values))
    for head in (several, mean):
        head.choose(4)
    for row, (rows, weights) in enumerate(weights_of(x, bank, 4, 0.1)):
        given = several(torch.tensor(x).float())[row].sigmoid().numpy()
        assert given == pytest.approx(0.99 * weights @ labels[rows] + 0.005, abs=1e-4)
        assert mean(torch.tensor(x).float())[row].numpy() == pytest.approx(weights @ values[rows], rel=1e-4)


def noisy(numbers: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two directions, every fourth label wrong: one neighbour alone errs often."""
    truth = torch.arange(count) % 2
    rows = torch.tensor(numbers.normal(0, 0.4, (count, 4))).float()
    rows[:, 0] += 2 * truth - 1
    return rows, torch.where(torch.tensor(numbers.random(count) < 0.25), 1 - truth, truth)


def test_that_the_number_of_neighbours_is_the_best_on_validation(numbers: np.random.Generator) -> None:
    train, (x, truth) = noisy(numbers, 200), noisy(numbers, 100)
    head = knn.make_head("classification", 4, 2, 0.1)
    data = SolveData(train=train, val=(x, truth), seed=0)
    reports = list(knn.fit(head, data, F.cross_entropy))
    assert [int(report["neighbours"]) for report in reports] == list(knn.CANDIDATES)
    best = min(reports, key=lambda report: (-report["val_accuracy"], report["val_loss"]))
    assert head.neighbours == best["neighbours"] > 1
    assert float((head(x).argmax(1) == truth).float().mean()) == pytest.approx(best["val_accuracy"])
    many = head(x.repeat(4, 1))  # more than are compared at once
    assert torch.allclose(many, head(x).repeat(4, 1), atol=1e-5)


def test_that_without_validation_twenty_vote_and_of_many_samples_some_are_remembered(
    numbers: np.random.Generator,
) -> None:
    head = knn.make_head("classification", 4, 2, 0.1)
    nothing = (torch.empty(0, 4), torch.empty(0, dtype=torch.int64))
    (report,) = knn.fit(head, SolveData(train=noisy(numbers, 200), val=nothing, seed=0), F.cross_entropy, most=50)
    assert (report["neighbours"], head.neighbours, len(head.bank)) == (20, 20, 50)


def test_that_a_rare_class_can_weigh_as_much_as_a_frequent_one() -> None:
    rows = F.normalize(torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [1.0, 0.0]]), dim=1)
    data = SolveData(train=(rows, torch.tensor([0, 0, 0, 1])), val=(rows[:1], torch.tensor([0])), seed=0)
    plain, fair = (knn.make_head("classification", 2, 2, 10.0) for _ in range(2))
    list(knn.fit(plain, data, F.cross_entropy, neighbours=4))
    list(knn.fit(fair, data, F.cross_entropy, neighbours=4, class_weights=[1 / 3, 1.0]))
    assert plain(rows[:1]).softmax(1)[0, 1] == pytest.approx(0.25, abs=0.02)
    assert fair(rows[:1]).softmax(1)[0, 1] == pytest.approx(0.5, abs=0.02)


def test_that_a_stored_head_of_any_size_is_loaded_into_a_new_one(numbers: np.random.Generator) -> None:
    head, again = (knn.make_head("classification", 4, 2, temperature) for temperature in (0.3, 0.1))
    list(knn.fit(head, SolveData(train=noisy(numbers, 60), val=noisy(numbers, 20), seed=0), F.cross_entropy))
    again.load_state_dict(head.state_dict())
    x = torch.randn(5, 4)
    assert again.neighbours == head.neighbours
    assert torch.equal(again(x), head(x))


def test_that_neighbours_on_several_levels_survive_interruptions() -> None:
    options = {"head": "knn", "levels": "stage2, output", "views": 1}
    check_method(Registry.discover().method("feature-extraction"), options=options, interruptions=2)


def test_that_a_model_of_neighbours_leaves_as_a_file_that_says_the_same(tmp_path: Path) -> None:
    with Project.open(weights_material.copied_to(tmp_path)) as project:
        options = {"head": "knn", "levels": "last 2", "views": 1}
        run, result, _ = weights_material.train(project, "feature-extraction", options)
        asked = {"project": str(project.path), "run": run}
        (project.run_dir(run) / "predictions" / "test.npz").unlink()
        *_, evaluated = events_of("evaluate", {**asked, "split": "test"}, Control())
        out = {**asked, "format": "onnx", "out": str(tmp_path / "model.onnx")}
        *_, exported = events_of("export", out, Control())
    assert isinstance(evaluated, Finished)
    assert isinstance(exported, Finished), exported.sentence if isinstance(exported, Failed) else exported
    test = result["metrics"]["test"]["accuracy"]
    assert evaluated.result["metrics"]["accuracy"] == test > 0.6
    assert exported.result["class_agreement"] == 1.0


def test_that_votes_on_another_task_are_refused_in_a_sentence() -> None:
    with pytest.raises(TrainingError, match="cannot vote on the task 'segmentation'"):
        knn.make_head("segmentation", 4, 2, 0.1)
