"""Scores and intervals against scikit-learn, brute force and known coverage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from tlstudio.api import DataError, MetricDescriptor, TaskInfo
from tlstudio.evaluation import (
    evaluate_predictions,
    intervals,
    load_predictions,
    load_results,
    save_predictions,
    write_results,
)
from tlstudio_builtins.metrics import METRICS
from tlstudio_builtins.tasks import TASKS


def _scored(
    outputs: np.ndarray, targets: np.ndarray, names: Sequence[str], metrics: Sequence[MetricDescriptor]
) -> dict[str, Any]:
    return evaluate_predictions(
        outputs, targets, task=TASKS[0], info=TaskInfo(class_names=tuple(names)), metrics=metrics
    )


def _sample(count: int, classes: int, seed: int = 0, signal: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    logits = random.normal(size=(count, classes)).astype(np.float32)
    logits[np.arange(count), targets] += signal
    return logits, targets.astype(np.int64)


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_that_every_metric_equals_scikit_learn() -> None:
    logits, targets = _sample(400, 5)
    predicted, names = logits.argmax(1), [f"c{i}" for i in range(5)]
    values = _scored(logits, targets, names, METRICS)["metrics"]
    one_hot = np.eye(5)[targets]
    expected = {
        "accuracy": sk.accuracy_score(targets, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(targets, predicted),
        "precision_macro": sk.precision_score(targets, predicted, average="macro"),
        "recall_macro": sk.recall_score(targets, predicted, average="macro"),
        "f1_macro": sk.f1_score(targets, predicted, average="macro"),
        "roc_auc_macro": sk.roc_auc_score(targets, _softmax(logits), multi_class="ovr"),
        "pr_auc_macro": sk.average_precision_score(one_hot, _softmax(logits), average="macro"),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    for name in expected:
        assert values[f"{name}_low"] <= values[name] <= values[f"{name}_high"]


def test_that_the_confusion_matrix_has_truth_in_rows_and_the_table_agrees() -> None:
    logits, targets = _sample(200, 3, seed=2)
    entry = _scored(logits, targets, ["a", "b", "c"], METRICS)
    assert entry["confusion"] == sk.confusion_matrix(targets, logits.argmax(1)).tolist()
    precision, recall, f1, support = sk.precision_recall_fscore_support(targets, logits.argmax(1))
    for i, row in enumerate(entry["per_class"]):
        assert (row["precision"], row["recall"], row["f1"]) == pytest.approx((precision[i], recall[i], f1[i]))
        assert row["support"] == support[i]


def test_that_wilson_equals_the_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263 gives 0.2553 to 0.3662.
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(20, 20)[0] < 0.9
    assert intervals.wilson(20, 20)[1] == 1.0


@pytest.mark.parametrize("name", ["balanced_accuracy", "precision_macro", "f1_macro", "roc_auc_macro", "pr_auc_macro"])
def test_that_the_fast_bootstrap_agrees_with_drawing_pictures_again_and_again(name: str) -> None:
    logits, targets = _sample(150, 4, seed=3)
    entry = _scored(logits, targets, list("abcd"), METRICS)["metrics"]
    descriptor = next(d for d in METRICS if d.id == name)
    random, drawn = np.random.default_rng(9), []
    for _ in range(400):
        rows = random.integers(0, 150, 150)
        metric = descriptor.load()(4)
        metric.update(torch.from_numpy(logits[rows]), torch.from_numpy(targets[rows]))
        drawn.append(float(metric.compute()))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert entry[f"{name}_low"] == pytest.approx(low, abs=0.02)
    assert entry[f"{name}_high"] == pytest.approx(high, abs=0.02)


def test_that_a_class_without_pictures_is_left_out_and_nothing_is_nan() -> None:
    logits, targets = _sample(60, 4, seed=4)
    targets[targets == 3] = 0
    entry = _scored(logits, targets, list("abcd"), METRICS)
    assert all(np.isfinite(value) for value in entry["metrics"].values())
    assert entry["per_class"][3]["recall"] is None
    recalls = [row["recall"] for row in entry["per_class"][:3]]
    assert entry["metrics"]["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_that_a_split_with_one_class_says_what_is_not_defined() -> None:
    logits, targets = _sample(12, 3)
    entry = _scored(logits, np.zeros_like(targets), list("abc"), METRICS)
    assert "roc_auc_macro" not in entry["metrics"]
    assert any("ROC-AUC" in note for note in entry["notes"])


class SharpShare:
    """A third-party metric: share of pictures whose largest logit exceeds one."""

    def __init__(self, classes: int) -> None:
        self.reset()

    def reset(self) -> None:
        self._hits = self._count = 0

    def update(self, logits: torch.Tensor, targets: torch.Tensor) -> None:
        self._hits += int((logits.max(1).values > 1).sum())
        self._count += len(targets)

    def compute(self) -> float:
        return self._hits / self._count


class Raising(SharpShare):
    def compute(self) -> float:
        raise RuntimeError("no")


def test_that_a_third_party_metric_gets_an_interval_and_a_raising_one_is_named() -> None:
    logits, targets = _sample(200, 3)
    plugins = [
        MetricDescriptor(id="sharp", title="Sharp", description="", factory=f"{__name__}:SharpShare"),
        MetricDescriptor(id="bad", title="Bad", description="", factory=f"{__name__}:Raising"),
    ]
    entry = _scored(logits, targets, list("abc"), [*METRICS, *plugins])
    share = float((logits.max(1) > 1).mean())
    half = 1.96 * np.sqrt(share * (1 - share) / 200)
    assert entry["metrics"]["sharp_low"] == pytest.approx(share - half, abs=0.03)
    assert entry["metrics"]["sharp_high"] == pytest.approx(share + half, abs=0.03)
    assert "bad" not in entry["metrics"]
    assert any("'bad'" in note for note in entry["notes"])


def test_that_predictions_and_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    logits, targets = _sample(10, 3)
    save_predictions(tmp_path, "val", logits, targets, list(range(10)))
    stored = load_predictions(tmp_path, "val")
    assert np.array_equal(stored["outputs"], logits)
    assert stored["item_ids"].tolist() == list(range(10))
    assert load_results(tmp_path)["splits"] == {}
    write_results(tmp_path, {"schema_version": 1, "splits": {"val": {"n": 10}}})
    assert load_results(tmp_path)["splits"]["val"]["n"] == 10


def test_that_damaged_predictions_are_a_sentence_and_no_pickle_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not been scored"):
        load_predictions(tmp_path, "test")
    (tmp_path / "predictions").mkdir()
    np.savez(tmp_path / "predictions" / "test.npz", logits=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="cannot be read"):
        load_predictions(tmp_path, "test")
