"""LEEP, NCE and TransRate against brute force, and the classifiers that pretrained weights came with."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.tuning_material import moved
from tlstudio import weights
from tlstudio.api.errors import WeightsError
from tlstudio.control import Control
from tlstudio.ranking import scores
from tlstudio.registry import Registry
from tlstudio.weights import heads
from tlstudio.weights.importing import import_job


def example(items: int = 30, source: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a source's classes, and labels 0, 1 and 4: some classes never occur."""
    random = np.random.default_rng(4)
    logits = random.normal(size=(items, source)) * 2
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), random.choice([0, 1, 4], items)


def test_that_leep_is_the_mean_log_of_the_expected_empirical_predictor() -> None:
    theta, labels = example()
    total = 0.0
    for i in range(30):
        inner = 0.0
        for z in range(5):
            both = sum(theta[k, z] for k in range(30) if labels[k] == labels[i]) / 30
            alone = sum(theta[k, z] for k in range(30)) / 30
            inner += both / alone * theta[i, z]
        total += math.log(inner)
    assert scores.leep(theta, labels) == pytest.approx(total / 30, rel=1e-12)


def test_that_nce_is_the_conditional_entropy_of_labels_given_the_sources_classes() -> None:
    theta, labels = example()
    seen = theta.argmax(1)
    total = 0.0
    for y in set(labels):
        for z in set(seen):
            both = sum((labels == y) & (seen == z)) / 30
            if both:
                total += both * math.log(both / (sum(seen == z) / 30))
    assert scores.nce(seen, labels) == pytest.approx(total, rel=1e-12)


def test_that_both_are_nought_where_the_source_knows_the_labels_and_no_more_than_entropy_where_it_says_nothing() -> (
    None
):
    labels = np.repeat([0, 1, 2], 10)
    hot = np.eye(3)[[2, 0, 1]][labels]
    assert scores.leep(hot, labels) == pytest.approx(0.0, abs=1e-12)
    assert scores.nce(hot.argmax(1), labels) == pytest.approx(0.0, abs=1e-12)
    same = np.full((30, 4), 0.25)
    assert scores.leep(same, labels) == pytest.approx(-math.log(3))
    assert scores.nce(same.argmax(1), labels) == pytest.approx(-math.log(3))
    with_empty = np.hstack([same, np.zeros((30, 1))])
    assert scores.leep(with_empty, labels) == pytest.approx(-math.log(3))


@pytest.mark.parametrize(("items", "width"), [(60, 4), (12, 30)])
def test_that_transrate_is_the_coding_rate_less_that_within_classes(items: int, width: int) -> None:
    random = np.random.default_rng(items)
    features, labels = random.normal(size=(items, width)) + 3.0, np.arange(items) % 3

    def rate(rows: np.ndarray) -> float:
        covariance = np.eye(width) + rows.T @ rows / (len(rows) * 1e-4)
        return float(0.5 * np.log(np.linalg.eigvalsh(covariance)).sum())

    centred = features - features.mean(0)
    expected = rate(centred) - np.mean([rate(centred[labels == label]) for label in range(3)])
    assert scores.transrate(features, labels) == pytest.approx(expected, rel=1e-9)


def test_that_imported_weights_keep_their_classifier_and_its_logits(tmp_path: Path, registry: Registry) -> None:
    descriptor = registry.backbone("resnet20")
    network = moved(descriptor.load()())
    linear = torch.nn.Linear(descriptor.feature_dim, 10)
    published = {f"module.{n}": t for n, t in network.state_dict().items()}
    published |= {f"module.linear.{n}": t.detach() for n, t in linear.named_parameters()}
    torch.save({"state_dict": published}, tmp_path / "whole.pt")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "bare.pt")
    for name in ("whole", "bare"):
        list(import_job(Control(), "resnet20", str(tmp_path / f"{name}.pt"), name, registry=registry))
    head = heads.of(descriptor, weights.resolve(descriptor, "whole"))
    features = torch.rand(3, descriptor.feature_dim, dtype=torch.float64)
    assert torch.allclose(features @ head.weight.T + head.bias, linear.double()(features))
    with pytest.raises(WeightsError, match="not kept when the weights were imported"):
        heads.of(descriptor, weights.resolve(descriptor, "bare"))
    assert [entry.name for entry in weights.imported("resnet20")] == ["whole", "bare"]
    with pytest.raises(WeightsError, match="trained on no classes"):
        heads.of(descriptor, weights.resolve(descriptor, "none"))


@pytest.mark.parametrize(
    ("backbone", "names"),
    [
        ("resnet18", {"fc": (1000, 512)}),
        ("mobilenet_v3_large", {"classifier.0": (1280, 960), "classifier.3": (1000, 1280)}),
        ("vit_b_16", {"heads.head": (1000, 768), "encoder.layers.encoder_layer_0.mlp.0": (3072, 768)}),
    ],
)
def test_that_the_published_last_layer_is_found_among_other_linear_ones(
    registry: Registry, backbone: str, names: dict[str, tuple[int, int]]
) -> None:
    found = {f"{name}.{kind}": torch.zeros(shape[:last]) for name, shape in names.items() for kind, last in _KINDS}
    head = heads.linear_of(found, registry.backbone(backbone))
    assert head["weight"].shape == (1000, registry.backbone(backbone).feature_dim)
    assert head["bias"].shape == (1000,)


_KINDS = (("weight", 2), ("bias", 1))


def test_that_a_classifier_that_is_no_linear_layer_is_none(registry: Registry) -> None:
    convolution = {"classifier.1.weight": torch.zeros(1000, 512, 1, 1), "classifier.1.bias": torch.zeros(1000)}
    assert not heads.linear_of(convolution, registry.backbone("squeezenet1_1"))
    assert not heads.linear_of(convolution, registry.backbone("glyphnet"))
