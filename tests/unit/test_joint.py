"""The joint objective: its terms by closed forms, its ties by what is shared, and the gain by what it says."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tlstudio import runs
from tlstudio.api import Batch, MethodContext, Outputs, SourceData, StepState, TaskInfo
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import EpochDone, Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import _draw, check_method
from tlstudio.training.restore import load_model
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of
from tlstudio_builtins.methods.joint import Joint
from tlstudio_builtins.methods.joint_terms import gain, pull, weights

PROFILE = DatasetProfile(
    items=20, train_items=14, val_items=3, test_items=3, classes=2, smallest_class=10, largest_class=10
)
PLAIN = RuntimePreferences(
    device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True, checkpoint_seconds=3600
)


def context(registry: Registry, source_task: str = "classification", **options: Any) -> MethodContext:
    """A target with two classes, a source with three outputs."""
    descriptor, card = registry.backbone("resnet8"), registry.method("joint")
    torch.manual_seed(0)
    other = TaskInfo(class_names=("x", "y", "z"), class_counts=(5, 5, 5))
    source = SourceData(
        dataset="other",
        objective=registry.task(source_task).load_objective()(other, {}),
        class_names=other.class_names,
        class_counts=other.class_counts,
        task=source_task,
        modality="image",
        profile=PROFILE,
    )
    return MethodContext(
        backbone=descriptor.load()(),
        descriptor=descriptor,
        preprocessing=None,  # type: ignore[arg-type]  # nothing here reads pictures
        options=card.options.model_validate(options),
        class_names=("a", "b"),
        class_counts=(10, 10),
        task="classification",
        profile=PROFILE,
        seed=0,
        objective=registry.task("classification").load_objective()(TaskInfo(class_names=("a", "b")), {}),
        source=source,
    )


def batches() -> dict[str, Batch]:
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(4, 3, 32, 32, generator=generator) for _ in range(2))
    return {
        "target": Batch(x, torch.tensor([0, 1, 0, 1]), torch.arange(4)),
        "source": Batch(y, torch.tensor([0, 1, 2, 2]), torch.arange(4)),
    }


def state(method: Joint, given: MethodContext, name: str, step: int = 0, steps: int = 5) -> StepState:
    phase = next(phase for phase in method.phases(given) if phase.name == name)
    return StepState(phase, 0, step, steps, torch.Generator())


def test_that_the_weights_take_their_courses() -> None:
    assert [weights("constant", 2.0, step, 5) for step in (0, 4)] == [(1.0, 2.0), (1.0, 2.0)]
    assert [weights("linear", 2.0, step, 5) for step in (0, 2, 4)] == [(1.0, 0.0), (1.0, 1.0), (1.0, 2.0)]
    assert [weights("source-decay", 2.0, step, 5) for step in (0, 2, 4)] == [(1.0, 2.0), (0.5, 2.0), (0.0, 2.0)]
    assert weights("linear", 1.0, 0, 1) == (1.0, 0.0)


def test_that_the_pull_is_half_the_squared_distance() -> None:
    one, other = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    squares = [((a - b) ** 2).sum() for a, b in zip(one.parameters(), other.parameters(), strict=True)]
    found = pull(one, other)
    assert float(found.detach()) == pytest.approx(0.5 * float(torch.stack(squares).sum().detach()))
    found.backward()  # type: ignore[no-untyped-call]
    difference = (one.weight - other.weight).detach()
    assert torch.allclose(one.weight.grad, difference)  # type: ignore[arg-type]
    assert torch.allclose(other.weight.grad, -difference)  # type: ignore[arg-type]


def test_that_a_hard_tie_shares_its_storage_and_a_soft_one_begins_equal(registry: Registry) -> None:
    for tie in ("hard", "sequential", "soft"):
        method = Joint()
        method.build(context(registry, tie=tie))
        pairs = list(zip(method._target.backbone.parameters(), method._source().backbone.parameters(), strict=True))
        shared = [one.data_ptr() == other.data_ptr() for one, other in pairs]
        assert all(shared) if tie != "soft" else not any(shared)
        assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("batch_norm", ["domain", "shared", "frozen"])
def test_that_the_loss_is_the_weighted_sum_of_both_tasks(batch_norm: str, registry: Registry) -> None:
    given = context(registry, batch_norm=batch_norm, weight=3.0, baseline="none")
    method = Joint()
    method.build(given).train()
    output = method.step(batches(), state(method, given, "joint"))
    expected = output.logs["source_loss"] + 3.0 * output.logs["target_loss"]
    assert float(output.loss.detach()) == pytest.approx(expected, rel=1e-6)
    assert output.output is not None
    assert output.output.shape == (4, 2)


def test_that_a_soft_tie_adds_mu_times_the_pull(registry: Registry) -> None:
    given = context(registry, tie="soft", mu=0.5, baseline="none")
    method = Joint()
    method.build(given)
    with torch.no_grad():
        next(method._source().backbone.parameters()).add_(0.1)
    output = method.step(batches(), state(method, given, "joint"))
    squared = next(method._source().backbone.parameters()).numel() * 0.01
    expected = output.logs["source_loss"] + output.logs["target_loss"] + 0.25 * squared
    assert float(output.loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert output.logs["distance"] == pytest.approx(squared**0.5, rel=1e-5)


def test_that_the_targets_statistics_do_not_move_by_the_source(registry: Registry) -> None:
    given = context(registry, baseline="none")
    method = Joint()
    method.build(given).train()
    both, after = batches(), []
    for shift in (0.0, 50.0):  # of the source's pictures alone
        method = Joint()
        method.build(context(registry, baseline="none")).train()
        moved = {**both, "source": Batch(both["source"].inputs + shift, both["source"].targets, torch.arange(4))}
        method.step(moved, state(method, given, "joint"))
        after.append({name: buffer.clone() for name, buffer in method.predictor().named_buffers()})
    assert all(torch.equal(after[0][name], after[1][name]) for name in after[0])


def test_that_the_second_stage_of_a_sequence_is_fine_tuning_from_the_source(registry: Registry) -> None:
    given = context(registry, tie="sequential")
    method = Joint()
    method.build(given).train()
    names = [phase.name for phase in method.phases(given)]
    assert names == ["heads", "baseline", "source", "head", "target", "gain"]
    both = batches()
    alone = method.step({"target": both["target"]}, state(method, given, "target"))
    outputs = method.predictor()(both["target"].inputs)
    expected = given.objective.loss(outputs, both["target"].targets)
    assert float(alone.loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    first = method.step({"source": both["source"]}, state(method, given, "source"))
    first.loss.backward()  # type: ignore[no-untyped-call]
    assert next(method._target.backbone.parameters()).grad is not None  # what the target goes on from
    baseline, target = (next(p for p in method.phases(given) if p.name == n) for n in ("baseline", "target"))
    assert (baseline.epochs, baseline.schedule, baseline.streams) == (target.epochs, target.schedule, target.streams)
    assert [g.lr for g in baseline.groups] == [g.lr for g in target.groups]


def test_that_the_source_may_have_several_labels_or_numbers_but_no_masks(registry: Registry) -> None:
    for task, targets in (("multilabel", torch.ones(4, 3)), ("regression", torch.zeros(4, 3))):
        given = context(registry, task, baseline="none")
        method = Joint()
        method.build(given).train()
        both = batches()
        both["source"] = Batch(both["source"].inputs, targets, torch.arange(4))
        assert torch.isfinite(method.step(both, state(method, given, "joint")).loss)
    given = context(registry, "segmentation")
    method = Joint()
    method.build(given)
    with pytest.raises(TrainingError, match="masks"):
        method.phases(given)
    assert "each pixel" in str(registry.method("joint").supports("segmentation", "image", None))


def test_that_negative_transfer_is_told_with_its_interval() -> None:
    truth = torch.arange(200) % 2
    good = torch.nn.functional.one_hot(truth, 2).float()
    bad = good.clone()
    bad[:40] = bad[:40].flip(1)
    one, other = (Outputs(rows, truth, torch.arange(200)) for rows in (bad, good))

    def score(found: Outputs) -> dict[str, float]:
        return {"accuracy": float((found.rows.argmax(1) == found.targets).float().mean()), "loss": 1.0}

    found = gain(score, one, other, "classification", 0)
    assert found.value == pytest.approx(-0.2)
    assert found.low == pytest.approx(-0.2 - 1.96 * 0.0283, abs=0.01)
    assert found.high == pytest.approx(-0.2 + 1.96 * 0.0283, abs=0.01)
    assert found.sentence("alone").startswith("Negative transfer")
    assert gain(score, other, one, "classification", 0).sentence("alone").startswith("The accuracy")
    assert gain(score, one, one, "classification", 0).value == 0
    fewer = Outputs(good[10:], truth[10:], torch.arange(10, 200))
    assert gain(score, one, fewer, "classification", 0).value == pytest.approx(-30 / 190)
    by_loss = gain(lambda found: {"loss": float(-found.rows.std())}, one, other, "unheard-of", 0)
    assert by_loss.metric == "loss"


def test_that_an_interrupted_run_goes_on_as_if_it_had_not_been(registry: Registry) -> None:
    options = {"epochs": 1, "baseline": "probe", "augmentation": "none"}
    check_method(registry.method("joint"), options=options, backbone="resnet8", interruptions=2)


def test_that_a_run_tells_both_domains_and_the_gain_and_leaves_a_plain_model(
    tmp_path: Path, registry: Registry
) -> None:
    Project.create(tmp_path / "p.tlproj").close()
    for seed, name in enumerate(("target", "source")):
        _draw(tmp_path / name, seed)
        if name == "source":
            (tmp_path / name / "bar").rename(tmp_path / name / "stroke")
        asked = {"project": str(tmp_path / "p.tlproj"), "source": str(tmp_path / name), "name": name}
        *_, last = events_of("import-data", asked, Control())
        assert isinstance(last, Finished)
    with Project.open(tmp_path / "p.tlproj") as project:
        run = runs.create_run(
            project, registry, dataset="target", source="source", backbone="resnet8", method="joint",
            options={"epochs": 2, "batch_size": 8}, runtime=PLAIN,
        )  # fmt: skip
        events = list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
        last = events[-1]
        assert isinstance(last, Finished), last.sentence + last.traceback if isinstance(last, Failed) else last
        told: dict[str, float] = {}
        for event in events:
            told |= event.metrics if isinstance(event, EpochDone) else {}
        assert {"source_accuracy", "val_accuracy", "probe_accuracy", "source_probe_accuracy"} <= told.keys()
        assert told["transfer_gain_low"] <= told["transfer_gain"] <= told["transfer_gain_high"]
        assert any("transfer" in event.text for event in events if isinstance(event, Message))
        kept = load_model(project, registry, run.id)
        assert kept.rebuild["head"]["kind"] == "standardized-linear"  # no plugin is needed for it
        assert (run.dir / "controls.json").exists()
