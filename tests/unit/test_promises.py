"""What a method hands over is looked at before anything is trained; what makes no sense ends in a sentence."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn

from tlstudio import runs
from tlstudio.api import (
    Batch,
    MethodContext,
    MethodDescriptor,
    ParameterGroup,
    Phase,
    PluginError,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio.api.events import EpochDone, Event, Failed, Finished, StepDone
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import _plugin
from tlstudio.training import promises
from tlstudio.training.evaluating import Collected
from tlstudio.training.finishing import collapsed
from tlstudio.training.modules import Classifier
from tlstudio.worker import events_of

GOOD = Phase(name="head", title="Head", epochs=1, groups=(ParameterGroup("head", ("weight",), 1e-3),))


def broken_by(phases: Any, method: Any = None) -> str:
    modality = Registry.discover(safe_mode=True).modality("image")
    with pytest.raises(PluginError) as raised:
        promises.check_phases("mine", method, nn.Linear(2, 2), phases, modality, {"target"})
    return str(raised.value)


def changed(**values: Any) -> list[Phase]:
    return [dataclasses.replace(GOOD, **values)]


def streaming(**values: Any) -> list[Phase]:
    return changed(streams=(Stream(**values),))


def test_that_a_phase_like_those_of_the_guide_is_taken() -> None:
    modality = Registry.discover(safe_mode=True).modality("image")
    promises.check_phases("mine", None, nn.Linear(2, 2), [GOOD], modality, {"target"})


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ([], "a list of at least one phase"),
        (None, "phases() gave nothing"),
        ([GOOD, GOOD], "2 of its phases are called 'head'"),
        (changed(groups=(ParameterGroup("head", ("wieght",), 1e-3),)), "no parameters wieght"),
        (changed(epochs=0), "must be at least 1"),
        (changed(streams=()), "no stream"),
        (changed(streams=(Stream(), Stream())), "two streams"),
        (changed(solve=True), "no method solve()"),
        (changed(predicts="nose"), "no such part"),
        (changed(predicts="-"), "must be about the predictor"),
        (changed(validate_on="source"), "was not given"),
        (streaming(batch_size=0), "batches of 0"),
        (streaming(split="test"), "cannot have"),
        (streaming(data="source"), "needs must name it"),
        (streaming(augmentation="bright"), "augmentation 'bright'"),
        (streaming(views=("bright",)), "augmentation 'bright'"),
        (streaming(fold=(5, 5)), "part 5 of 5"),
        (streaming(relabelled=True), "no relabel()"),
    ],
)
def test_that_phases_that_cannot_work_are_refused_with_the_reason(phases: Any, words: str) -> None:
    assert words in broken_by(phases)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, "step() gave nothing"),
        (torch.zeros(()), "a StepOutput is needed"),
        (StepOutput(torch.zeros(4)), "shape [4]"),
        (StepOutput(0.5), "is float"),  # type: ignore[arg-type]
        (StepOutput(torch.zeros(())), "is it detached?"),
    ],
)
def test_that_a_step_without_a_loss_that_can_be_minimised_is_refused(output: Any, words: str) -> None:
    with pytest.raises(PluginError) as raised:
        promises.check_step("mine", output, learns=True)
    assert words in str(raised.value)


class Plain:
    """A linear head on a frozen backbone."""

    more = 0

    def build(self, context: MethodContext) -> nn.Module:
        self._model = Classifier(context.backbone, nn.Linear(context.descriptor.feature_dim, 2 + self.more))
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        names = ("head.weight", "head.bias")
        return [Phase(name="head", title="Head", epochs=1, groups=(ParameterGroup("head", names, 1e-3),))]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        outputs = self._model(batch["train"].inputs)
        loss = nn.functional.cross_entropy(outputs, batch["train"].targets)
        logs: dict[str, Any] = {"a tensor": loss.detach(), "not a number": float("nan")}
        return StepOutput(loss, outputs, batch["train"].targets, logs)

    def predictor(self) -> nn.Module:
        return self._model


class Wide(Plain):
    more = 3


class Lost(Plain):
    """Trains well, and answers with NaN."""

    def predictor(self) -> nn.Module:
        return self._lost

    def build(self, context: MethodContext) -> nn.Module:
        model = super().build(context)
        self._lost = Nowhere(self._model)
        return model


class Nowhere(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x) / 0.0 * 0.0  # type: ignore[no-any-return]


def trained(project: Project, kind: type[Plain]) -> list[Event]:
    registry = Registry.discover(safe_mode=True)
    name = f"test-{kind.__name__.lower()}"
    described = MethodDescriptor(
        id=name, title=name, description="For this test.", factory=f"{__name__}:{kind.__name__}"
    )
    registry.register("under-test", _plugin(described))
    run = runs.create_run(project, registry, dataset="shades", backbone="glyphnet", method=name)
    return list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))


def of(events: Iterable[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_that_what_a_step_logs_becomes_plain_finite_numbers(shades_project: Project) -> None:
    events = trained(shades_project, Plain)
    assert isinstance(events[-1], Finished)
    assert all(
        set(step.logs) == {"a tensor"} and isinstance(step.logs["a tensor"], float) for step in of(events, StepDone)
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Wide, "the task needs 2 numbers for each sample"), (Lost, "is no number any more")],
)
def test_that_a_model_with_useless_answers_never_becomes_a_result(
    kind: type[Plain], words: str, shades_project: Project
) -> None:
    events = trained(shades_project, kind)
    assert isinstance(events[-1], Failed)
    assert words in events[-1].sentence
    assert not of(events, EpochDone)


@pytest.mark.parametrize(
    ("outputs", "targets", "is_collapsed"),
    [
        ([[3e8, -2.0], [4e8, -2.0], [5e8, -2.0]], [0, 1, 0], True),
        ([[0.0, 0.0], [0.0, 0.0]], [0, 1], True),
        ([[0.1, 0.2], [0.1, 0.3]], [0, 1], False),
        ([[0.1, 0.2], [0.1, 0.2]], [1, 1], False),
        ([[0.1, 0.2]], [1], False),
    ],
)
def test_that_a_model_that_tells_nothing_apart_is_known_as_such(
    outputs: list[list[float]], targets: list[int], is_collapsed: bool
) -> None:
    assert collapsed(Collected(torch.tensor(outputs), torch.tensor(targets), []), "class") == is_collapsed
