"""The check that plugin authors run: it passes what keeps its promises, and names what does not."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import (
    Batch,
    MethodContext,
    MethodDescriptor,
    ParameterGroup,
    Phase,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio.registry import Registry
from tlstudio.testing import NotConforming, check_method
from tlstudio.training.modules import Classifier

OWN_GENERATOR = torch.Generator().manual_seed(0)


class Plain:
    """A linear head on pictures through a frozen backbone, and a running mean of the loss that weighs it."""

    def build(self, context: MethodContext) -> nn.Module:
        self._model = Classifier(context.backbone, nn.Linear(context.descriptor.feature_dim, len(context.class_names)))
        self._model.register_buffer("average", torch.ones(()))
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        names = ("head.weight", "head.bias")
        return [
            Phase(
                name="head",
                title="Head",
                epochs=2,
                groups=(ParameterGroup("head", names, 1e-3),),
                streams=(Stream(batch_size=8, augmentation="light"),),
            )
        ]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train = batch["train"]
        logits = self._model(train.inputs)
        loss = F.cross_entropy(logits, train.targets)
        self.remember(float(loss.detach()))
        return StepOutput(loss * self.weight(), logits, train.targets)

    def remember(self, loss: float) -> None:
        self._model.average.mul_(0.9).add_(0.1 * loss)

    def weight(self) -> float:
        return float(self._model.average)

    def predictor(self) -> nn.Module:
        return self._model


class Forgetful(Plain):
    """Keeps the mean where no checkpoint sees it."""

    mean = 1.0

    def remember(self, loss: float) -> None:
        self.mean = 0.9 * self.mean + 0.1 * loss

    def weight(self) -> float:
        return self.mean


class Mindful(Forgetful):
    """Likewise, but says so."""

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean = state["mean"]


class Random(Plain):
    """Draws from a generator of its own."""

    def weight(self) -> float:
        return 1 + float(torch.rand((), generator=OWN_GENERATOR))


class Unfreezing(Plain):
    """Moves a weight that it said is frozen."""

    def remember(self, loss: float) -> None:
        with torch.no_grad():
            next(self._model.backbone.parameters()).add_(1e-3)


def _descriptor(kind: type[Plain]) -> MethodDescriptor:
    return MethodDescriptor(
        id=f"test-{kind.__name__.lower()}",
        title=kind.__name__,
        description="For this test.",
        factory=f"{__name__}:{kind.__name__}",
    )


@pytest.mark.parametrize("kind", [Plain, Mindful])
def test_that_a_method_that_keeps_its_state_in_buffers_or_says_it_conforms(kind: type[Plain]) -> None:
    check_method(_descriptor(kind))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Forgetful, "interrupted took another course"),
        (Random, "Two runs differ"),
        (Unfreezing, "is frozen in phase 'head', and has changed"),
    ],
)
def test_that_a_promise_that_is_not_kept_is_named(kind: type[Plain], words: str) -> None:
    with pytest.raises(NotConforming, match=words):
        check_method(_descriptor(kind))


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("feature-extraction", {"head": "logistic"}),
        ("feature-extraction", {"head": "mlp", "epochs": 2}),
        ("fine-tuning", {"epochs": 2, "batch_size": 16}),
        ("fine-tuning", {"epochs": 2, "batch_size": 16, "stages": "one", "batch_norm": "train", "mixup": 0.2}),
        ("fine-tuning", {"epochs": 1, "batch_size": 8, "head_start": "gradient", "head_epochs": 2, "accumulate": 2}),
    ],
)
def test_that_the_built_in_methods_conform(method: str, options: dict[str, Any]) -> None:
    check_method(Registry.discover().method(method), options=options)
