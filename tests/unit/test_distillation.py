"""Distillation as a method: what it minimises, who learns, what is refused, and whole runs for every task."""

import dataclasses
from typing import Any

import pytest
import torch

from tlstudio.api import (
    Batch,
    DatasetProfile,
    MethodContext,
    Outputs,
    Preprocessing,
    StepState,
    TaskInfo,
    Teacher,
    TrainingError,
)
from tlstudio.registry import Registry
from tlstudio.training.batch_norm import freeze_all_but, set_training_modes
from tlstudio.training.modules import Classifier, Segmenter
from tlstudio_builtins.methods import distillation_losses as losses
from tlstudio_builtins.methods import distillation_teacher as teachers
from tlstudio_builtins.methods.distillation import Distillation
from tlstudio_builtins.methods.distillation_card import CARDS, refusal
from tlstudio_builtins.methods.distillation_options import DistillationOptions

KINDS = {card.id: card for card in CARDS}
STUDENT, TEACHER = "resnet8", "glyphnet"
SMALL = Preprocessing(resize=32, crop=32)
LARGER = Preprocessing(resize=40, crop=40, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
PROFILE = DatasetProfile(
    items=40, train_items=30, val_items=5, test_items=5, classes=4, smallest_class=10, largest_class=10
)
TARGETS = {
    "classification": torch.tensor([0, 1, 2, 3, 0, 1]),
    "multilabel": torch.tensor([[1.0, 0.0, 1.0, 0.0]] * 6),
    "regression": torch.linspace(-5, 20, 24).view(6, 4),
    "segmentation": torch.randint(0, 4, (6, 32, 32), generator=torch.Generator().manual_seed(0)),
}
STD = (2.0, 5.0, 1.0, 10.0)


def info(task: str) -> TaskInfo:
    scale = {"mean": (1.0, 2.0, 3.0, 4.0), "std": STD} if task == "regression" else {}
    counts = () if task == "regression" else (10, 10, 10, 10)
    return TaskInfo(class_names=("a", "b", "c", "d"), class_counts=counts, **scale)


def made(registry: Registry, task: str, **options: Any) -> tuple[Distillation, torch.nn.Module]:
    """A built method whose student and teacher both know four outputs, with random weights."""
    torch.manual_seed(0)
    objective = registry.task(task).load_objective()(info(task), {})
    small, large = registry.backbone(STUDENT), registry.backbone(TEACHER)
    network = large.load()()
    if objective.pixels:
        taught: torch.nn.Module = Segmenter(network, large.levels, objective.outputs)
    else:
        taught = Classifier(network, objective.head(large.feature_dim))
        torch.nn.init.normal_(taught.head.linear.weight, std=0.1)
    teacher = Teacher(title="run 3", module=taught.eval(), descriptor=large, preprocessing=LARGER)
    context = MethodContext(
        backbone=small.load()(), descriptor=small, preprocessing=SMALL, options=DistillationOptions(**options),
        class_names=("a", "b", "c", "d"), class_counts=info(task).class_counts, task=task, profile=PROFILE, seed=0,
        objective=objective, teacher=teacher, pretrained=False,
    )  # fmt: skip
    method = Distillation()
    model = method.build(context)
    method.phases(context)
    return method, model


def learning(method: Distillation, step: int = 50) -> StepState:
    phase = next(p for p in method.phases(method._context) if p.name == "all")
    return StepState(phase, 0, step, 100, torch.Generator().manual_seed(0))


def batch(task: str) -> dict[str, Batch]:
    side = 32 if task == "segmentation" else 40
    inputs = torch.randn(6, 3, side, side, generator=torch.Generator().manual_seed(1))
    return {"train": Batch(inputs, TARGETS[task], torch.arange(6))}


def soft(task: str, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    if task == "segmentation":
        return losses.soft_pixels(s, t, TARGETS[task], 4.0)
    if task == "multilabel":
        return losses.soft_labels(s, t, 4.0)
    return losses.same_numbers(s, t, torch.tensor(STD)) if task == "regression" else losses.soft_cross_entropy(s, t, 4)


@pytest.mark.parametrize("task", TARGETS)
def test_that_a_step_weighs_labels_and_teacher_as_the_formula_says(registry: Registry, task: str) -> None:
    method, model = made(registry, task, alpha=0.3)
    model.eval()
    given = batch(task)
    found = method.step(given, learning(method))
    view = given["train"].inputs
    with torch.no_grad():
        s, t = (
            method.predictor()(method._view.for_student(view)),
            method._teacher.module(method._view.for_teacher(view)),
        )
        expected = 0.7 * method._context.objective.loss(s, TARGETS[task]) + 0.3 * soft(task, s, t)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(found.logs) == {"labels_loss", "teacher_loss"}


def test_that_the_teachers_share_depends_on_what_the_student_knows(registry: Registry) -> None:
    method, _ = made(registry, "classification")
    assert method._soften.share == 0.9
    known = dataclasses.replace(method._context, pretrained=True)
    again = Distillation()
    again.build(known)
    assert again._soften.share == 0.5
    assert [phase.name for phase in again.phases(known)] == ["teacher", "head", "all", "comparison"]


def test_that_dkd_begins_with_the_labels_alone(registry: Registry) -> None:
    method, model = made(registry, "classification", loss="dkd", dkd_warmup=0.5)
    model.eval()
    parts = {step: method.step(batch("classification"), learning(method, step)) for step in (0, 25, 60)}
    for step, share in ((0, 0.0), (25, 0.5), (60, 1.0)):
        logs = parts[step].logs
        assert parts[step].loss.item() == pytest.approx(logs["labels_loss"] + share * logs["teacher_loss"], rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "logits", "features": "hints", "mixup": 0.4},
        {"loss": "none", "features": "attention"},
        {"loss": "dist"},
    ],
    ids=["hints", "attention", "dist"],
)
def test_that_only_the_student_learns_and_the_teachers_buffers_stand_still(
    registry: Registry, options: dict[str, Any]
) -> None:
    method, model = made(registry, "classification", **options)
    state = learning(method)
    names = {name for group in state.phase.groups for name in group.parameters}
    assert not any(name.startswith("teacher.") for name in names)
    freeze_all_but(model, names, "train")
    set_training_modes(model, "train")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        method.step(batch("classification"), state).loss.backward()
        optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("teacher.") for name in changed)
    assert {"student.backbone.conv1.weight", "student.backbone.bn1.running_mean"} <= changed
    assert any(name.startswith("projectors.") for name in changed) == (options.get("features") == "hints")
    assert not method._teacher.module.training


def test_that_samples_without_labels_are_taught_by_the_teacher_alone(registry: Registry) -> None:
    method, model = made(registry, "classification", alpha=1.0)
    model.eval()
    labelled = batch("classification")
    pool = Batch(torch.randn(4, 3, 40, 40), torch.full((4,), -1), torch.arange(4))
    found = method.step({**labelled, "unlabelled": pool}, learning(method))
    both = torch.cat([labelled["train"].inputs, pool.inputs])
    with torch.no_grad():
        s, t = method.predictor()(method._view.for_student(both)), method._teacher.module(both)
    assert found.loss.item() == pytest.approx(losses.soft_cross_entropy(s, t, 4.0).item(), rel=1e-5)
    assert found.output is not None
    assert len(found.output) == 6


@pytest.mark.parametrize(
    ("unlabelled", "count", "streams"),
    [
        ("teach", 13, ["unlabelled", "train"]),
        ("teach", 11, ["train", "unlabelled"]),
        ("leave", 13, ["train"]),
    ],
)
def test_that_an_epoch_is_a_pass_over_the_larger_of_labelled_samples_and_pool_unless_that_is_left_out(
    registry: Registry, unlabelled: str, count: int, streams: list[str]
) -> None:
    method, _ = made(registry, "classification", unlabelled=unlabelled)
    context = dataclasses.replace(method._context, unlabelled=count, class_counts=(3, 3, 3, 3))
    learnt = next(phase for phase in method.phases(context) if phase.name == "all")
    assert [stream.name for stream in learnt.streams] == streams  # the first one sets the pace


def test_that_a_teacher_that_answers_once_leaves_the_students_view_augmented(registry: Registry) -> None:
    method, _ = made(registry, "classification", augmentation="light", answers="once")
    learnt = next(phase for phase in method.phases(method._context) if phase.name == "all")
    assert [(s.name, s.augmentation, s.made) for s in learnt.streams] == [
        ("train", "light", False),
        ("teacher/train", "none", True),
    ]
    assert learnt.streams[0].preprocessing == SMALL


@pytest.mark.parametrize("other", [{"features": "hints"}, {"mixup": 0.2}])
def test_that_a_teacher_that_is_needed_in_every_step_cannot_answer_once(
    registry: Registry, other: dict[str, Any]
) -> None:
    with pytest.raises(TrainingError, match="Set 'answers' to view"):
        made(registry, "classification", augmentation="light", answers="once", **other)


@pytest.mark.parametrize(
    ("loss", "features", "task", "modality", "words"),
    [
        ("dkd", "none", "multilabel", "image", "right class"),
        ("dist", "none", "regression", "image", "regression"),
        ("cwd", "none", "classification", "image", "picture"),
        ("none", "none", "classification", "image", "both are set to none"),
        ("logits", "hints", "classification", "text", "feature maps"),
        ("logits", "none", "counting", "image", "counting"),
    ],
)
def test_that_what_makes_no_sense_is_refused_with_the_reason(
    loss: Any, features: Any, task: str, modality: str, words: str
) -> None:
    reason = refusal(loss, features, task, modality, 4)
    assert reason is not None
    assert words in reason


def test_that_every_kind_says_for_which_tasks_it_is() -> None:
    tasks = ("classification", "multilabel", "regression", "segmentation")
    fits = {
        name: [task for task in tasks if card.supports(task, "image", PROFILE) is None] for name, card in KINDS.items()
    }
    assert fits == {
        "distillation": list(tasks),
        "distillation-dkd": ["classification"],
        "distillation-dist": ["classification"],
        "distillation-hints": list(tasks),
        "distillation-attention": list(tasks),
    }
    two = dataclasses.replace(PROFILE, classes=2)
    assert "two classes" in str(KINDS["distillation-dkd"].supports("classification", "image", two))
    for card in CARDS:
        assert card.supports("classification", "image", None) is None
        assert card.options().alpha == 0.0


def test_that_a_student_that_cannot_have_the_loss_is_refused_before_anything_is_trained(registry: Registry) -> None:
    with pytest.raises(TrainingError, match="where in a picture"):
        made(registry, "classification", loss="cwd")


def rows(task: str) -> Outputs:
    if task == "segmentation":
        return Outputs(
            torch.tensor([[[8.0, 1.0], [2.0, 5.0]], [[4.0, 0.0], [1.0, 3.0]]]), torch.zeros(2), torch.arange(2)
        )
    targets = {
        "classification": torch.tensor([0, 0, 0, 1]),
        "multilabel": torch.tensor([[1.0, 0.0]] * 4),
        "regression": torch.tensor([[1.0, 10.0], [2.0, 90.0], [2.0, 20.0], [3.0, 20.0]]),
    }[task]
    return Outputs(torch.randn(4, 2), targets, torch.arange(4))


def test_that_the_constant_answer_does_not_look() -> None:
    classes = teachers.constant(rows("classification"), "classification")
    assert classes is not None
    assert classes.rows.argmax(1).tolist() == [0, 0, 0, 0]
    numbers = teachers.constant(rows("regression"), "regression")
    assert numbers is not None
    assert numbers.rows.tolist() == [[2.0, 20.0]] * 4
    pixels = teachers.constant(rows("segmentation"), "segmentation")
    assert pixels is not None
    assert pixels.rows.tolist() == [[[9.0, 0.0], [7.0, 0.0]], [[4.0, 0.0], [4.0, 0.0]]]
    labels = teachers.constant(rows("multilabel"), "multilabel")
    assert labels is not None
    assert (labels.rows > 0).all()


def test_that_a_teacher_that_knows_nothing_is_refused() -> None:
    guess = {"accuracy": 0.5, "balanced_accuracy": 0.25}
    teachers.check_use("run 3", "classification", {"accuracy": 0.5, "balanced_accuracy": 0.4}, guess)
    teachers.check_use("run 3", "regression", {"mae": 1.0}, {"mae": 1.1})
    with pytest.raises(TrainingError, match=r"run 3.*accuracy 0.400.*against 0.500"):
        teachers.check_use("run 3", "classification", {"accuracy": 0.4, "balanced_accuracy": 0.25}, guess)
    with pytest.raises(TrainingError, match="mae"):
        teachers.check_use("run 3", "regression", {"mae": 1.2}, {"mae": 1.1})


def test_that_a_teacher_that_is_not_better_than_its_student_is_named() -> None:
    good, _ = teachers.verdict("run 3", "classification", {"accuracy": 0.9}, {"accuracy": 0.8})
    assert good
    good, sentence = teachers.verdict("run 3", "classification", {"accuracy": 0.8}, {"accuracy": 0.8})
    assert not good
    assert "accuracy 0.800 against 0.800" in sentence
    good, sentence = teachers.verdict("run 3", "regression", {"mae": 2.0}, {"mae": 1.5})
    assert not good
    assert "mae 2.000 against 1.500" in sentence
