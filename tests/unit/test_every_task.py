"""Every task and every modality: imported, learnt by both methods, evaluated and exported; small, but all real."""

import json
import shutil
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tlstudio import runs
from tlstudio.api.events import Event, Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.evaluation import load_predictions
from tlstudio.jobs import start_run
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of

FAST: dict[str, dict[str, Any]] = {
    "feature-extraction": {"epochs": 2},
    "fine-tuning": {"epochs": 1, "head_epochs": 2, "batch_size": 8},
}
METRICS = {
    "classification": "accuracy",
    "multilabel": "f1_macro",
    "regression": "mae",
    "segmentation": "miou",
}


def result(events: Iterable[Event]) -> dict[str, Any]:
    *_, last = events
    assert isinstance(last, Finished), last.sentence + last.traceback if isinstance(last, Failed) else last
    return last.result


def dots(folder: Path, count: int) -> None:
    """Pictures with one to six red dots and perhaps a blue square, their masks, and a table of what is on them."""
    random = np.random.default_rng(1)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    lines = ["file,dots,kinds"]
    for number in range(count):
        picture, mask = Image.new("RGB", (64, 48), "white"), Image.new("L", (64, 48))
        many, square = int(random.integers(1, 7)), bool(random.integers(2))
        for _ in range(many):
            x, y = (int(v) for v in random.integers(4, [60, 44]))
            for canvas, colour in ((picture, "red"), (mask, 255)):
                ImageDraw.Draw(canvas).ellipse((x - 3, y - 3, x + 3, y + 3), colour)
        if square:
            ImageDraw.Draw(picture).rectangle((2, 2, 12, 12), "blue")
        picture.save(folder / "images" / f"{number:02}.png")
        mask.save(folder / "masks" / f"{number:02}.png")
        kinds = [name for name, there in (("many", many > 3), ("square", square)) if there]
        lines.append(f"images/{number:02}.png,{many},{'|'.join(kinds)}")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")


def labels(folder: Path, _: Path) -> dict[str, Any]:
    dots(folder, 40)
    options = {"label_columns": "kinds", "separator": "|"}
    return {"source": folder / "table.csv", "task": "multilabel", "options": options}


def numbers(folder: Path, _: Path) -> dict[str, Any]:
    dots(folder, 40)
    return {"source": folder / "table.csv", "task": "regression", "options": {"number_columns": "dots"}}


def pixels(folder: Path, _: Path) -> dict[str, Any]:
    dots(folder, 24)
    (folder / "table.csv").unlink()
    return {"source": folder, "task": "segmentation"}


def sounds(folder: Path, shared: Path) -> dict[str, Any]:
    for digit in ("3", "8"):
        (folder / digit).mkdir(parents=True)
        for file in sorted((shared / "fsdd_wav" / digit).glob("*.wav"))[::3]:
            shutil.copy(file, folder / digit)
    return {"source": folder, "task": "classification", "modality": "audio"}


def texts(folder: Path, shared: Path) -> dict[str, Any]:
    folder.mkdir()
    lines = (shared / "text" / "SMSSpamCollection.tsv").read_text(encoding="utf-8").splitlines()[:160]
    (folder / "messages.tsv").write_text("\n".join(lines), encoding="utf-8")
    return {"source": folder / "messages.tsv", "task": "classification", "modality": "text"}


def films(folder: Path, _: Path) -> dict[str, Any]:
    av = pytest.importorskip("av")
    for label, step in (("left", -2), ("right", 2)):
        (folder / label).mkdir(parents=True)
        for number in range(8):
            with av.open(str(folder / label / f"{number}.mp4"), "w") as container:
                stream = container.add_stream("mpeg4", rate=10)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                for frame in range(12):
                    picture = Image.new("RGB", (64, 48), (0, 8 * number, 0))
                    x = 30 + step * frame
                    ImageDraw.Draw(picture).rectangle((x, 10, x + 8, 30), "white")
                    for packet in stream.encode(av.VideoFrame.from_image(picture)):
                        container.mux(packet)
                for packet in stream.encode():
                    container.mux(packet)
    return {"source": folder, "task": "classification", "modality": "video"}


CASES: dict[str, tuple[Callable[[Path, Path], dict[str, Any]], str]] = {
    "labels": (labels, "glyphnet"),
    "numbers": (numbers, "glyphnet"),
    "pixels": (pixels, "glyphnet"),
    "sounds": (sounds, "glyphnet"),
    "texts": (texts, "text-ngrams"),
    "films": (films, "glyphnet"),
}

PARAMETERS = {"pixels": ("side", 64), "sounds": ("sample_rate", 8000), "films": ("frames", 8)}  # from the samples


@pytest.mark.parametrize("case", CASES)
def test_that_what_was_imported_is_learnt_by_both_methods_and_leaves_as_a_file(
    case: str, tmp_path: Path, shared_data: Path
) -> None:
    make, backbone = CASES[case]
    asked = make(tmp_path / "data", shared_data)
    Project.create(tmp_path / "p.tlproj").close()
    arguments = {"project": str(tmp_path / "p.tlproj"), "name": case, **asked, "source": str(asked["source"])}
    imported = result(events_of("import-data", arguments, Control()))
    assert imported["task"] == asked["task"]
    metric = METRICS[asked["task"]]
    with Project.open(tmp_path / "p.tlproj") as project:
        registry = Registry.discover(safe_mode=True)
        for method, options in FAST.items():
            run = runs.create_run(project, registry, dataset=case, backbone=backbone, method=method, options=options)
            trained = result(events_of("train", {"run_dir": str(run.dir)}, Control()))
            test = trained["metrics"]["test"]
            assert test[f"{metric}_low"] <= test[metric] <= test[f"{metric}_high"]
            if case in PARAMETERS:
                name, value = PARAMETERS[case]
                card = json.loads((run.dir / "model.json").read_text(encoding="utf-8"))
                assert card["parameters"][name] == value
            kept = load_predictions(run.dir, "test")
            assert len(kept["predicted"]) == len(kept["item_ids"]) == project.dataset(case).split_counts["test"]
        saved = json.loads((run.dir / "results.json").read_text(encoding="utf-8"))["splits"]["test"]
        again = {"project": str(project.path), "run": run.id}
        for file in (run.dir / "predictions").glob("*.npz"):
            file.unlink()
        evaluated = result(
            events_of("evaluate", {**again, "split": "test"}, Control())
        )  # from the model file, not from memory
        assert evaluated["metrics"][metric] == pytest.approx(saved["metrics"][metric], abs=0.03, rel=0.05)
        out = str(tmp_path / f"{case}.onnx")
        exported = result(events_of("export", {**again, "format": "onnx", "out": out}, Control()))
        assert exported["verified"]
        place = project.manifest(case).splits["test"].paths[0]
    if "\0" not in place:
        answered = result(events_of("predict", {"model": out, "files": [place]}, Control()))
        assert "error" not in answered["predictions"][0], answered


def test_that_lopsided_classes_are_answered_and_said(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label, level, count in (("dark", 60, 60), ("light", 190, 8)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(count):
            made = np.clip(random.normal(level, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(made).save(tmp_path / "data" / label / f"{number}.png")
    Project.create(tmp_path / "p.tlproj").close()
    arguments = {"project": str(tmp_path / "p.tlproj"), "source": str(tmp_path / "data"), "name": "shades"}
    result(events_of("import-data", arguments, Control()))
    with Project.open(tmp_path / "p.tlproj") as project:
        registry = Registry.discover(safe_mode=True)
        run = runs.create_run(
            project, registry, dataset="shades", backbone="glyphnet", method="feature-extraction", options={}
        )
        events = list(start_run(project, run.id))
        assert project.run(run.id).select_by == "balanced_accuracy"
    said = " ".join(event.text for event in events if isinstance(event, Message))
    assert "7.0 times as many" in said
    assert "chosen by balanced accuracy" in said


def test_that_a_sound_can_be_shorter_than_anything_that_was_trained_on(tmp_path: Path) -> None:
    """Empty and tiny sounds are refused or padded, never a traceback."""
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10):
            with wave.open(str(tmp_path / "data" / label / f"{number}.wav"), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(8000)
                size = 0 if number == 0 else 40 if number == 1 else 4000
                tone = np.sin(np.arange(size) * (0.1 + 0.01 * number if label == "a" else 0.4)) * (9000 - number)
                sound.writeframes(tone.astype("<i2").tobytes())
    Project.create(tmp_path / "p.tlproj").close()
    arguments = {"project": str(tmp_path / "p.tlproj"), "source": str(tmp_path / "data"), "name": "tones"}
    imported = result(events_of("import-data", arguments, Control()))
    assert imported["skipped"] >= 2
    with Project.open(tmp_path / "p.tlproj") as project:
        registry = Registry.discover(safe_mode=True)
        run = runs.create_run(project, registry, dataset="tones", backbone="glyphnet", method="feature-extraction")
        assert result(start_run(project, run.id))["metrics"]["val"]
