"""Unsupervised domain adaptation, trained for real: the target's labels teach nothing and choose nothing."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageOps

from tlstudio import runs
from tlstudio.api import Batch, MethodContext, Phase, StepState, TaskInfo, Tools
from tlstudio.api.errors import UsageError
from tlstudio.api.events import EpochDone, Event, Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import _draw, check_method
from tlstudio.training import sides
from tlstudio.training.restore import load_model
from tlstudio.training.spec import RunSpec, RuntimePreferences
from tlstudio.worker import events_of
from tlstudio_builtins.methods import adaptation
from tlstudio_builtins.methods.adaptation_conditional import RandomProduct
from tlstudio_builtins.methods.domain_norm import norms

PLAIN = RuntimePreferences(
    device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True, checkpoint_seconds=3600
)
OPTIONS: dict[str, dict[str, Any]] = {
    "source-only": {},
    "adabn": {},
    "mcc": {"batch_norm": "domain"},
    "dann": {"discriminator": 16},
    "cdan": {"discriminator": 16, "product": 64},
    "mdd": {},
}


@pytest.fixture(scope="module")
def two_domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures of three shapes; ``inverse`` are the same kinds of pictures as negatives."""
    folder = tmp_path_factory.mktemp("domains")
    _draw(folder / "plain", 0)
    _draw(folder / "inverse", 1)
    for file in (folder / "inverse").rglob("*.png"):
        ImageOps.invert(Image.open(file)).save(file)
    Project.create(folder / "p.tlproj").close()
    for name in ("plain", "inverse"):
        asked = {"project": str(folder / "p.tlproj"), "source": str(folder / name), "name": name}
        *_, last = events_of("import-data", asked, Control())
        assert isinstance(last, Finished), last
    return folder / "p.tlproj"


def train(path: Path, registry: Registry, method: str, **options: Any) -> tuple[int, list[Event]]:
    with Project.open(path) as project:
        run = runs.create_run(
            project,
            registry,
            dataset="inverse",
            source="plain",
            backbone="resnet8",
            method=method,
            options={"epochs": 2, "batch_size": 8, "bottleneck": 16, "backbone_rate": 1.0, **options},
            runtime=PLAIN,
        )
    events = list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
    last = events[-1]
    assert isinstance(last, Finished), last.sentence + last.traceback if isinstance(last, Failed) else last
    return run.id, events


def context(registry: Registry, method: str, **options: Any) -> MethodContext:
    descriptor, card = registry.backbone("resnet8"), registry.method(method)
    info = TaskInfo(class_names=("a", "b"))
    return MethodContext(
        backbone=descriptor.load()(),
        descriptor=descriptor,
        preprocessing=descriptor.weights[0].preprocessing if descriptor.weights else None,  # type: ignore[arg-type]
        options=card.options.model_validate(options),
        class_names=("a", "b"),
        class_counts=(),
        task="classification",
        profile=None,  # type: ignore[arg-type]
        seed=0,
        objective=registry.task("classification").load_objective()(info, {}),
    )


@pytest.mark.parametrize("method", ["adabn", "mcc", "cdan", "mdd"])
def test_that_a_run_that_is_interrupted_goes_on_as_if_it_had_not_been(method: str, registry: Registry) -> None:
    options = {"epochs": 1, "batch_size": 16, "bottleneck": 8, **OPTIONS[method]}
    check_method(registry.method(method), options=options, backbone="resnet8", interruptions=2)


def test_that_the_targets_training_labels_are_hidden_from_whatever_the_method_does(
    two_domains: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[int]] = {"source": set(), "target": set()}
    counts: list[tuple[int, ...]] = []
    step, build, validate = adaptation.MCC.step, adaptation.MCC.build, adaptation.MCC.validate

    def looking(self: adaptation.MCC, batch: dict[str, Batch], state: StepState) -> Any:
        for name, part in batch.items():
            seen[name] |= set(part.targets.tolist())
        return step(self, batch, state)

    def building(self: adaptation.MCC, given: MethodContext) -> Any:
        counts.append(given.class_counts)
        return build(self, given)

    def validating(self: adaptation.MCC, phase: Phase, tools: Tools) -> Any:
        found = yield from tools.outputs(self.predictor(), "train")
        seen["target"] |= set(found.targets.tolist())
        return (yield from validate(self, phase, tools))

    monkeypatch.setattr(adaptation.MCC, "step", looking)
    monkeypatch.setattr(adaptation.MCC, "build", building)
    monkeypatch.setattr(adaptation.MCC, "validate", validating)
    run, _ = train(two_domains, registry, "mcc")
    assert seen == {"source": {0, 1, 2}, "target": {-1}}
    with Project.open(two_domains) as project:
        source = sides.of_run(
            project,
            registry,
            RunSpec.load(project.run_dir(run)),
            registry.method("mcc"),
            registry.backbone("resnet8"),
            load_model(project, registry, run).subject.preprocessing,
            {},
        )["source"]
    assert counts[0] == source.subject.info.class_counts


@pytest.mark.parametrize("criterion", ["source", "entropy"])
def test_that_the_epoch_that_is_kept_is_the_best_by_what_was_chosen(
    criterion: str, two_domains: Path, registry: Registry
) -> None:
    _, events = train(two_domains, registry, "source-only", criterion=criterion, epochs=3)
    epochs = [event for event in events if isinstance(event, EpochDone)]
    name = adaptation.CRITERIA[criterion]
    values = [event.metrics[name.removeprefix("-")] * (-1 if name.startswith("-") else 1) for event in epochs]
    assert [event.best for event in epochs] == [
        all(value > before for before in values[:place]) for place, value in enumerate(values)
    ]
    assert any("choose nothing" in event.text for event in events if isinstance(event, Message))


def test_that_adabn_moves_the_statistics_alone_and_takes_them_from_the_target(
    two_domains: Path, registry: Registry
) -> None:
    plain, _ = train(two_domains, registry, "source-only")
    adapted, _ = train(two_domains, registry, "adabn")
    with Project.open(two_domains) as project:
        one, other = (load_model(project, registry, run).model for run in (plain, adapted))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    first, second = (next(iter(norms(model).values())).running_mean for model in (one, other))
    assert not torch.allclose(first, second, atol=1e-3)  # type: ignore[arg-type]
    assert other(torch.zeros(2, 3, 32, 32)).shape == (2, 3)  # made again from its file


def test_that_other_classes_in_the_source_are_refused_by_name(
    two_domains: Path, registry: Registry, tmp_path: Path
) -> None:
    _draw(tmp_path / "other", 2)
    (tmp_path / "other" / "bar").rename(tmp_path / "other" / "stroke")
    asked = {"project": str(two_domains), "source": str(tmp_path / "other"), "name": "strokes"}
    *_, last = events_of("import-data", asked, Control())
    assert isinstance(last, Finished)
    with Project.open(two_domains) as project:
        with pytest.raises(UsageError, match="stroke"):
            runs.create_run(
                project, registry, dataset="inverse", source="strokes", backbone="resnet8", method="mcc", options={}
            )
        with pytest.raises(UsageError, match="second data set"):
            runs.create_run(project, registry, dataset="inverse", backbone="resnet8", method="mcc", options={})


def test_that_a_pass_with_shared_statistics_is_one_batch_and_with_separate_ones_two(registry: Registry) -> None:
    torch.manual_seed(0)
    source, target = torch.randn(8, 3, 32, 32), torch.randn(8, 3, 32, 32) + 2
    for batch_norm in ("shared", "domain"):
        given = context(registry, "mcc", batch_norm=batch_norm, bottleneck=8)
        method = adaptation.MCC()
        model = method.build(given)
        model.train()
        features, outputs, other, others = method._both(source, target)
        assert features.shape == other.shape == (8, 8)
        assert outputs.shape == others.shape == (8, 2)
        tracked = next(iter(norms(method.predictor()).values())).num_batches_tracked
        assert tracked == 1  # the target's own statistics have seen one batch in either case
        assert ("statistics" in dict(model.named_children())) == (batch_norm == "domain")
        assert not any(name.startswith("statistics") for name, _ in model.named_parameters())


def test_that_a_backbone_without_batch_norm_is_told(registry: Registry) -> None:
    given = dataclasses.replace(context(registry, "adabn", bottleneck=8), backbone=torch.nn.Flatten())
    method = adaptation.AdaBN()
    method.build(given)
    said = next(iter(method.validate(Phase(name="statistics", title="", epochs=1, groups=()), None)))  # type: ignore[arg-type]
    assert isinstance(said, Message)
    assert "no batch norm" in said.text


def test_that_random_products_stand_for_all_products() -> None:
    torch.manual_seed(0)
    product = RandomProduct(6, 3, 60_000)
    f, g = torch.randn(2, 6), torch.softmax(torch.randn(2, 3), 1)
    found = product(f, g)
    outer = torch.einsum("nf,nc->nfc", f, g).flatten(1)
    assert found.shape == (2, 60_000)
    assert torch.allclose(found @ found.T, outer @ outer.T, atol=0.1)


def test_that_the_cards_say_what_they_are_for(registry: Registry) -> None:
    for method in OPTIONS:
        card = registry.method(method)
        assert card.needs == ("source",)
        assert card.same_classes
        assert not card.target_labels
        assert card.supports("classification", "audio", None) is None
        assert "one class" in str(card.supports("regression", "image", None))
        json.dumps(card.options().model_dump())
