"""CAM transfer as a method: it conforms, leaves its controls, is exported, shows its regions, in every variant."""

import dataclasses
import functools
import shutil
import wave
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from tlstudio import runs
from tlstudio.api import Batch, DatasetProfile, MethodContext, Outputs, SourceData, StepState, TaskInfo, TrainingError
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.control import Control
from tlstudio.evaluation import controls as comparing
from tlstudio.evaluation import load_predictions
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events
from tlstudio_builtins.backbones.text_networks import TextCNN
from tlstudio_builtins.methods import cam_card, cam_controls, cam_losses
from tlstudio_builtins.methods.cam import CamTransfer
from tlstudio_builtins.methods.cam_options import CamOptions
from tlstudio_builtins.tasks.objectives import ClassObjective, LabelsObjective

NAMES = ("three", "eight")
PROFILE = DatasetProfile(
    items=8, train_items=6, val_items=1, test_items=1, classes=2, smallest_class=4, largest_class=4
)


def result(events: Iterable[Event]) -> dict[str, Any]:
    *_, last = events
    assert isinstance(last, Finished), last.sentence + last.traceback if isinstance(last, Failed) else last
    return last.result


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A project with a finished run: from printed to spoken digits, by all four stages."""
    folder = tmp_path_factory.mktemp("cam")
    random = np.random.default_rng(0)
    for digit in ("3", "8"):
        for kind in ("printed", "spoken"):
            (folder / kind / digit).mkdir(parents=True)
        for file in sorted((shared_data / "fsdd_wav" / digit).glob("*.wav"))[::2]:
            shutil.copy(file, folder / "spoken" / digit)
        for number in range(10):
            picture = Image.new("L", (40, 40))
            across, down = (int(v) for v in random.integers(6, 16, 2))
            ImageDraw.Draw(picture).text((across, down), digit, 255, ImageFont.load_default(18 + number))
            picture.save(folder / "printed" / digit / f"{number}.png")
    path = folder / "p.tlproj"
    Project.create(path).close()
    for kind in ("printed", "spoken"):
        arguments = {"project": str(path), "source": str(folder / kind), "name": kind}
        result(events_of("import-data", arguments, Control()))
    with Project.open(path) as project:
        run = runs.create_run(
            project,
            Registry.discover(safe_mode=True),
            dataset="spoken",
            backbone="glyphnet",
            method="cam-transfer",
            options={
                "variant": "class-paired", "folds": 2, "source_epochs": 1, "target_epochs": 2, "attention_epochs": 8,
                "joint_epochs": 1,
            },
            source="printed",
            runtime=RuntimePreferences(device="cpu", workers=0, beside=True),
        )  # fmt: skip
    result(run_events(run.dir, Control()))
    return path


def test_that_a_run_leaves_its_controls_scored_on_the_same_items(trained: Path) -> None:
    with Project.open(trained) as project:
        folder = project.run(1).dir
    splits = comparing.load(folder)["splits"]
    assert set(splits) == {"val", "test"}
    for split, entry in splits.items():
        assert [row["id"] for row in entry["rows"]] == [
            "model", "target", "probe", "fused", "shuffled", "moved", "uniform",
        ]  # fmt: skip
        kept = load_predictions(folder, split)
        assert entry["n"] == len(kept["targets"])
        own, *others = entry["rows"]
        assert own["value"] == pytest.approx(float(kept["right"].mean()))
        for row in others:
            assert row["low"] <= row["difference"] <= row["high"]
            assert row["difference"] == pytest.approx(own["value"] - row["value"], abs=1e-6)
        assert {"flips", "gates", "faithfulness", "temperature"} <= entry["values"].keys()
        assert entry["holds"] is ("it is shown that" in entry["sentence"])


def test_that_the_region_of_a_sound_is_drawn_and_heard(trained: Path, tmp_path: Path) -> None:
    file = next((trained.parent / "spoken" / "3").glob("*.wav"))
    arguments = {"project": str(trained), "run": 1, "files": [str(file)]}
    found = result(
        events_of("regions", {**arguments, "out": str(tmp_path / "r.png"), "sound": str(tmp_path / "r.wav")}, Control())
    )
    entry = found["regions"][0]
    assert entry["answer"]["class"] in ("3", "8")
    assert 0 < entry["share"] <= 1
    assert len(entry["gates"]) == 10
    assert np.asarray(Image.open(tmp_path / "r.png")).std() > 10
    with wave.open(str(tmp_path / "r.wav")) as sound:
        assert sound.getnframes() > 1000
    several = result(events_of("regions", {"project": str(trained), "run": 1, "split": "test", "most": 2}, Control()))
    assert len(several["regions"]) == 2
    assert all(Path(one["out"]).is_file() and Path(one["sound"]).is_file() for one in several["regions"])


def test_that_the_exported_file_answers_like_the_run(trained: Path, tmp_path: Path) -> None:
    arguments = {"project": str(trained), "run": 1, "format": "onnx", "out": str(tmp_path / "m.onnx")}
    exported = result(events_of("export", arguments, Control()))
    assert exported["verified"]
    assert exported["max_difference"] < 1e-3


def test_that_a_run_of_another_method_has_no_regions(shades_project: Project, tmp_path: Path) -> None:
    registry = Registry.discover()
    run = runs.create_run(shades_project, registry, dataset="shades", backbone="glyphnet", method="feature-extraction")
    result(run_events(run.dir, Control()))
    arguments = {"project": str(shades_project.path), "run": run.id, "files": ["x.png"], "out": str(tmp_path / "r.png")}
    *_, last = events_of("regions", arguments, Control())
    assert isinstance(last, Failed)
    assert "decides by the whole sample" in last.sentence
    assert not (run.dir / comparing.FILE).exists()


def test_that_it_conforms() -> None:
    method = Registry.discover().method("cam-transfer")
    check_method(method, options={"folds": 2, "target_epochs": 1, "attention_epochs": 1}, interruptions=1)


def built(variant: str, **options: Any) -> tuple[CamTransfer, MethodContext, Any]:
    """A method on digits, with a source of the same classes in another order."""
    registry = Registry.discover()
    text = options.pop("text", False)
    descriptor = registry.backbone("text-cnn" if text else "glyphnet")
    objective = ClassObjective(TaskInfo(class_names=NAMES, class_counts=(3, 3)), {})
    torch.manual_seed(0)
    context = MethodContext(
        backbone=TextCNN() if text else descriptor.load()(),
        descriptor=descriptor,
        preprocessing=registry.backbone("glyphnet").weights[0].preprocessing,
        options=CamOptions(variant=variant, folds=2, **options),
        class_names=NAMES,
        class_counts=(3, 3),
        task="classification",
        profile=PROFILE,
        seed=0,
        modality="text" if text else "image",
        objective=objective,
        source=None
        if text
        else SourceData(
            dataset="other",
            objective=objective,
            class_names=NAMES[::-1],
            class_counts=(3, 3),
            task="classification",
            modality="image",
            profile=PROFILE,
        ),
    )
    method = CamTransfer()
    return method, context, method.build(context)


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("unpaired", {"joint_epochs": 1, "target_network": "copy"}),
        ("class-paired", {}),
        ("instance-paired", {"derived": "edges"}),
        ("missing-modality", {"derived": "edges", "joint_epochs": 1}),
        ("unpaired", {"attention": "channel+spatial"}),
        ("class-paired", {"attention": "symmetric", "joint_epochs": 1}),
        ("unpaired", {"text": True}),
    ],
)
def test_that_every_stage_of_every_variant_learns_what_it_says_and_nothing_else(
    variant: str, options: dict[str, Any]
) -> None:
    method, context, model = built(variant, **options)
    x = torch.randint(0, 200, (6, 80)) if context.modality == "text" else torch.randn(6, 3, 40, 40)
    y = torch.tensor([0, 1, 0, 1, 0, 1])
    computing = method._computing
    phases = method.phases(context)
    names = {name for name, _ in model.named_parameters()}
    for phase in phases:
        trained = {name for group in phase.groups for name in group.parameters}
        assert trained <= names
        if phase.compute:
            continue
        if phase.name == "attention":
            with torch.no_grad():
                maps = method._predictor.source_maps(x)
            computing.shape = tuple(maps.shape[1:])
            p = torch.full((6, 2), 0.5)
            computing.unseen.p = p
            batch = Batch(torch.cat([maps.flatten(1), p], 1), y, torch.arange(6))
        else:
            batch = Batch(x, y, torch.arange(6))
        given = {stream.name: batch for stream in phase.streams}
        state = StepState(phase, 0, 0, 1, torch.Generator().manual_seed(0))
        model.zero_grad()
        model.train()
        out = method.step(given, state)
        out.loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        moved = {n for n, q in model.named_parameters() if q.grad is not None and q.grad.abs().max() > 0}
        assert moved, phase.name
        assert moved <= trained, (phase.name, sorted(moved - trained)[:3])
    answers = method.predictor().eval()(x)
    assert answers.shape == (6, 2)
    assert phases[-1].predicts == ""
    found = method._predictor.regions(x)
    assert found["map"].shape[0] == 6
    assert torch.allclose(found["outputs"], answers, atol=1e-5)


def test_that_several_labels_a_sample_have_controls_too() -> None:
    method, context, _ = built("unpaired")
    objective = LabelsObjective(TaskInfo(class_names=NAMES, class_counts=(3, 3)), {"items": 6})
    context = dataclasses.replace(context, task="multilabel", objective=objective, source=None)
    model: Any = method.build(context).eval()
    x = torch.randn(6, 3, 40, 40)

    def look(module: nn.Module, most: int = 0) -> Generator[Event, None, Outputs]:
        with torch.no_grad():
            rows = module.eval()(x)
        yield from ()
        return Outputs(rows, torch.full((6,), -1), torch.arange(6))

    steps = cam_controls.controls(method._predictor, model.probe, context, look)
    with pytest.raises(StopIteration) as done:
        next(steps)
    found = done.value.value
    assert [row.kind for row in found.rows] == ["baseline"] * 3 + ["ablation"] * 2 + ["comparison"]
    with torch.no_grad():
        p = method._predictor.calibrated(x)
    fused = next(row.outputs for row in found.rows if row.id == "fused")
    assert torch.allclose(fused.sigmoid(), (p + 0.5) / 2, atol=1e-4)  # the probe knows nothing yet
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 3)
    maps, p = method._predictor.source_maps(x), torch.full((6, 2), 0.5)
    terms, _ = cam_losses.attention_terms(
        functools.partial(method._predictor.answer, maps), method._predictor.look(maps, p), y, objective, "multilabel"
    )
    assert all(bool(torch.isfinite(term)) for term in terms.values())
    seen = method._predictor.regions(x)
    assert seen["of_labels"].shape[:2] == (6, 2)
    surest = seen["outputs"].argmax(1)
    assert torch.equal(seen["map"], seen["of_labels"][torch.arange(6), surest])


def test_that_the_folds_leave_out_each_their_part() -> None:
    method, context, _ = built("unpaired")
    folds = [phase.streams[0].fold for phase in method.phases(context) if phase.name.startswith("fold-")]
    assert folds == [(0, 2), (1, 2)]
    (whole,) = [phase for phase in method.phases(context) if phase.name == "target"]
    assert whole.streams[0].fold is None


def test_that_a_variant_that_cannot_be_had_is_refused_with_the_reason() -> None:
    with pytest.raises(TrainingError, match="Choose 'unpaired'"):
        built("instance-paired", text=True)
    with pytest.raises(TrainingError, match="give it a source data set"):
        _without_source("class-paired")
    with pytest.raises(TrainingError, match="Choose the attention 'channel'"):
        built("class-paired", attention="channel+spatial")
    for task in ("regression", "segmentation"):
        assert cam_card.supports(task, "image", None)
    assert cam_card.supports("multilabel", "audio", None) is None


def _without_source(variant: str) -> None:
    _, context, _ = built("unpaired")
    options = CamOptions(variant=variant)
    CamTransfer().build(dataclasses.replace(context, source=None, options=options))


def test_that_controls_shuffle_and_move_for_sure() -> None:
    other = cam_controls.derangement(50, 3)
    assert sorted(other.tolist()) == list(range(50))
    assert not (other == torch.arange(50)).any()
    share = torch.rand(20, 4, 5)
    elsewhere = cam_controls.moved(share, torch.Generator().manual_seed(1))
    assert torch.allclose(share.flatten(1).sort(1).values, elsewhere.flatten(1).sort(1).values)
    assert not any(torch.equal(a, b) for a, b in zip(share, elsewhere, strict=True))
