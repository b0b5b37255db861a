"""Co-Tuning: its formulas against NumPy in float64, the classifier it needs, and interruptions."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.tuning_material import context_of, moved
from tlstudio import runs, weights
from tlstudio.api import Batch, MethodContext, Phase, StepState, TrainingError
from tlstudio.api.errors import WeightsError
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.weights import heads
from tlstudio.weights.importing import import_job
from tlstudio_builtins.backbones.glyphnet import glyphnet
from tlstudio_builtins.methods import co_tuning_relationship as relations
from tlstudio_builtins.methods.co_tuning import CoTuning
from tlstudio_builtins.methods.co_tuning_options import CoTuningOptions


def example(items: int = 120, source: int = 7, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a source's classes that say something of the labels; the last class never occurs."""
    random = np.random.default_rng(5)
    labels = np.arange(items) % (classes - 1)
    return random.normal(size=(items, source)) + np.eye(classes, source)[labels], labels


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def as_tensors(logits: np.ndarray, labels: np.ndarray) -> relations.Labelled:
    return torch.from_numpy(logits), torch.from_numpy(labels)


def test_that_the_direct_relationship_is_the_mean_probability_of_each_class() -> None:
    logits, labels = example()
    given = softmax(logits / 1.7)
    wanted = np.stack([given[labels == y].mean(0) for y in range(3)] + [given.mean(0)])
    found = relations.direct(*as_tensors(logits, labels), 4, 1.7)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_that_the_reverse_relationship_is_bayes_rule_on_a_calibrated_regression() -> None:
    """p(s | y) p(y) = p(y | s) p(s), where p(y) is what both sides say when summed over s."""
    logits, labels = example()
    fit, held = as_tensors(logits[:80], labels[:80]), as_tensors(logits[80:], labels[80:])
    found = relations.reverse(fit, held, 4, 1.0).numpy()
    marginal = softmax(logits[:80]).mean(0)
    np.testing.assert_allclose(found[3], marginal, rtol=1e-12)
    ratio = found[:3] / marginal  # p(y | s) / p(y)
    for wanted in (0, 1, 2):
        assert ratio[wanted].argmax() == wanted
    prior = np.linalg.lstsq(ratio.T, np.ones(7), rcond=None)[0]  # Σ_y p(y | s) = 1 for each s
    np.testing.assert_allclose(ratio.T @ prior, 1, rtol=1e-6)


@pytest.mark.parametrize("which", ["direct", "reverse", "reverse, nothing held out", "reverse, two classes"])
def test_that_each_row_of_the_relationship_sums_to_one(which: str) -> None:
    logits, labels = example()
    if which.endswith("two classes"):
        labels = labels % 2
    fit = as_tensors(logits, labels)
    held = (fit[0][:0], fit[1][:0]) if "nothing" in which else fit
    found = relations.direct(*fit, 4, 1.0) if which == "direct" else relations.reverse(fit, held, 4, 1.0)
    assert found.shape == (4, 7)
    assert bool((found >= 0).all())
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)


def test_that_the_loss_and_its_gradient_are_those_of_the_formula() -> None:
    logits = example(12)[0]
    wanted = softmax(np.random.default_rng(1).normal(size=(12, 7)))
    leaf = torch.from_numpy(logits).requires_grad_(True)
    loss = relations.source_loss(leaf, torch.from_numpy(wanted))
    loss.backward()  # type: ignore[no-untyped-call]
    given = softmax(logits)
    assert float(loss.detach()) == pytest.approx(float(-(wanted * np.log(given)).sum(1).mean()), rel=1e-12)
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.numpy(), (given - wanted) / 12, atol=1e-15)
    half = relations.source_loss(torch.from_numpy(logits).half(), torch.from_numpy(wanted).float())
    assert half.dtype == torch.float32


def test_that_the_temperature_is_the_one_with_which_held_out_samples_are_told_best() -> None:
    logits, labels = example(200)
    fit, held = as_tensors(6 * logits[:100], labels[:100]), as_tensors(6 * logits[100:], labels[100:])
    best = relations.best_temperature(fit, held, 4)
    losses = {t: brute_force_loss(6 * logits, labels, t) for t in relations.TEMPERATURES}
    assert losses[best] == pytest.approx(min(losses.values()), rel=1e-9)
    assert best > 1, "logits that are six times too large must be made smaller"
    assert relations.best_temperature(fit, (fit[0][:0], fit[1][:0]), 4) == 1.0


def brute_force_loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    given = softmax(logits / temperature)
    joint = np.stack([given[:100][labels[:100] == y].sum(0) for y in range(3)])
    told = given[100:] @ (joint / joint.sum(0)).T
    return float(-np.log(told[np.arange(100), labels[100:]]).mean())


def context(**changes: Any) -> MethodContext:
    made = context_of(moved(glyphnet(), 0.02), CoTuningOptions(**changes))
    return dataclasses.replace(made, source_head=torch.nn.Linear(made.descriptor.feature_dim, 5))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_that_a_step_adds_the_source_heads_loss_and_that_both_heads_learn(mixup: float) -> None:
    method, given = CoTuning(), context(mixup=mixup)
    root = method.build(given)
    relationship = torch.rand(3, 5).softmax(1)
    method.source.relationship.copy_(relationship)
    phases = method.phases(given)
    assert [phase.name for phase in phases] == ["relationship", "head", "all"]
    named = [name for group in phases[-1].groups for name in group.parameters]
    assert sorted(named) == sorted(name for name, _ in root.named_parameters())
    pictures, labels = torch.rand(6, 3, 24, 24), torch.tensor([0, 1, 2, 0, 1, 2])
    root.eval()
    out = method.step({"train": Batch(pictures, labels, torch.arange(6))}, state(phases[-1]))
    out.loss.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in root.parameters())
    if mixup:
        return
    with torch.no_grad():
        features = method.network.backbone(pictures)
        told = method.source.head(features).log_softmax(1)
        np.testing.assert_allclose(told.exp().sum(1), 1, rtol=1e-5)
        own = torch.nn.functional.cross_entropy(method.network.head(features), labels)
        second = -(relationship[labels] * told).sum(1).mean()
    assert float(out.loss.detach()) == pytest.approx(float(own + 2.3 * second), rel=1e-5)


def state(phase: Phase) -> StepState:
    return StepState(phase=phase, epoch=1, step=0, steps=1, generator=torch.Generator().manual_seed(0))


def test_that_without_a_source_classifier_it_says_so() -> None:
    with pytest.raises(TrainingError, match="the classifier that the backbone's weights came with"):
        CoTuning().build(context_of(glyphnet(), CoTuningOptions()))


@pytest.fixture
def published(tmp_path: Path) -> str:
    """Weights of a small network with their classifier, imported."""
    registry = Registry.discover()
    torch.manual_seed(0)
    descriptor = registry.backbone("resnet20")
    tensors = {**descriptor.load()().state_dict()}
    linear = torch.nn.Linear(descriptor.feature_dim, 10)
    tensors |= {f"linear.{name}": parameter.detach() for name, parameter in linear.named_parameters()}
    torch.save(tensors, tmp_path / "whole.pt")
    list(import_job(Control(), "resnet20", str(tmp_path / "whole.pt"), "whole", registry=registry))
    return "resnet20:whole"


def test_that_it_conforms(published: str) -> None:
    options = {"epochs": 1, "batch_size": 16, "relationship": "reverse", "mixup": 0.3}
    check_method(Registry.discover().method("co-tuning"), options=options, backbone=published, interruptions=2)


def test_that_weights_without_a_classifier_are_refused_when_a_run_is_planned(
    tmp_path: Path, shades_project: Project, registry: Registry
) -> None:
    torch.save(registry.backbone("resnet20").load()().state_dict(), tmp_path / "bare.pt")
    list(import_job(Control(), "resnet20", str(tmp_path / "bare.pt"), "bare", registry=registry))
    for backbone, reason in (
        ("resnet20:none", "Random weights were trained on no classes"),
        ("resnet20:bare", "not kept when the weights were imported"),
        ("glyphnet", "come without their classifier"),
    ):
        with pytest.raises(WeightsError, match=reason) as caught:
            runs.plan_run(shades_project, registry, dataset="shades", backbone=backbone, method="co-tuning")
        assert "or fine-tuning." in str(caught.value)


@pytest.mark.parametrize(("kind", "refused"), [("standardized-linear", False), ("mlp", True), ("method", True)])
def test_that_a_run_with_a_linear_head_has_a_classifier(
    tmp_path: Path, registry: Registry, kind: str, refused: bool
) -> None:
    descriptor = registry.backbone("resnet20")
    (tmp_path / "model.json").write_text(json.dumps({"task": "classification", "head": {"kind": kind}}))
    random = weights.resolve(descriptor, "none")
    assert bool(heads.missing(descriptor, dataclasses.replace(random, id="run:3", path=tmp_path / "m"))) == refused
