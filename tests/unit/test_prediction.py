"""Classifying files with a model file: without torch where it can be, and never stopped by one bad picture."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from tlstudio import paths
from tlstudio.api import ExportError, ModelCard, StoppedByUser, StudioError, UsageError
from tlstudio.api.events import Progress
from tlstudio.control import Control
from tlstudio.prediction import predict, predict_job
from tlstudio.registry import Registry
from tlstudio.training import restore
from tlstudio.training.modules import Classifier
from tlstudio.training.spec import RunSpec
from tlstudio.training.subject import from_description

NAMES = ("Apfel", "Birne", "Käse – mild")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``model.onnx``, ``model.safetensors`` and ``runs/1``: the bundled backbone with a random head, three times."""
    folder, registry = tmp_path_factory.mktemp("models"), Registry.discover()
    descriptor = registry.backbone("glyphnet")
    torch.manual_seed(0)
    backbone = descriptor.load()()
    backbone.load_state_dict(load_file(paths.resource("glyphnet/glyphnet.safetensors")), strict=False)
    model = Classifier(backbone, nn.Linear(descriptor.feature_dim, len(NAMES))).eval()
    preprocessing = descriptor.weights[0].preprocessing
    subject = from_description({"class_names": NAMES, "preprocessing": dataclasses.asdict(preprocessing)}, registry)
    rebuild = restore.describe(model, descriptor, subject)
    card = ModelCard(
        class_names=NAMES, preprocessing=preprocessing, backbone="glyphnet", weights="", method="fine-tuning",
        task="classification", dataset="fruit", metrics={}, plugins={}, created="", tlstudio_version="0.1.0",
        rebuild=rebuild,
    )  # fmt: skip
    for name in ("onnx", "safetensors"):
        registry.exporter(name).load()().export(model, card, folder / f"model.{name}")
    run = folder / "runs" / "1"
    run.mkdir(parents=True)
    save_file(model.state_dict(), run / "best.safetensors")
    restore.publish_model(run, run / "best.safetensors", rebuild)
    RunSpec(
        run=1, project="", dataset="fruit", revision=1, data_fingerprint="", backbone="glyphnet", weights="",
        method="fine-tuning",
    ).save(run)  # fmt: skip
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures, one of them deep inside, a broken one and what is no picture at all."""
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    (folder / "deep").mkdir(parents=True)
    for name, size in (("a.png", (50, 30)), ("b.jpg", (64, 64)), ("deep/c.bmp", (20, 90))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "notes.txt").write_text("not meant")
    (folder / ".hidden.png").write_bytes((folder / "a.png").read_bytes())
    return folder


def test_that_onnx_is_predicted_without_torch(models: Path, pictures: Path) -> None:
    code = (
        "import json, sys; from tlstudio.prediction import predict\n"
        f"result = predict({str(models / 'model.onnx')!r}, [{str(pictures)!r}], top=2)\n"
        "heavy = [m for m in ('torch', 'torchvision', 'onnx', 'sklearn', 'scipy') if m in sys.modules]\n"
        "print(json.dumps([result, heavy]))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result, heavy = json.loads(done.stdout)
    assert heavy == []
    assert [len(entry.get("top", [])) for entry in result["predictions"]] == [2, 2, 0, 2]


def test_that_every_kind_of_model_file_says_the_same(models: Path, pictures: Path) -> None:
    files = [pictures / "a.png", pictures / "b.jpg"]
    names = ("model.onnx", "model.safetensors", "runs/1/model.safetensors")
    results = [predict(models / name, files)["predictions"] for name in names]
    for entries in results:
        for entry, first in zip(entries, results[0], strict=True):
            assert entry["class"] == first["class"] == entry["top"][0]["class"]
            assert entry["probability"] == pytest.approx(first["probability"], abs=1e-4)
            assert [t["class"] for t in entry["top"]] == [t["class"] for t in first["top"]]
            assert sum(t["probability"] for t in entry["top"]) == pytest.approx(1)
            assert {t["class"] for t in entry["top"]} == set(NAMES)


def test_that_one_bad_picture_never_stops_the_rest(models: Path, pictures: Path) -> None:
    model = models / "model.onnx"
    alone = predict(model, [pictures / "a.png"])["predictions"][0]
    missing = pictures / "missing.png"
    result = predict(model, [missing, pictures, pictures / "notes.txt", pictures / "a.png"], top=1)
    assert result["model"] == str(model)
    entries = result["predictions"]
    names = ["missing.png", "a.png", "b.jpg", "broken.jpg", "deep/c.bmp", "notes.txt", "a.png"]
    assert [entry["file"] for entry in entries] == [str(pictures / name) for name in names]
    assert entries[0]["error"] == f"There is no file {missing}."
    assert "broken.jpg" in entries[3]["error"]
    assert "notes.txt" in entries[5]["error"]
    for place in (1, 6):
        assert entries[place]["probability"] == pytest.approx(alone["probability"], abs=1e-5)
        assert len(entries[place]["top"]) == 1


def test_that_a_folder_without_pictures_is_said_to_be_one(models: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (entry,) = predict(models / "model.onnx", [tmp_path / "empty"])["predictions"]
    assert entry["error"].startswith("There are no pictures in the folder")


def test_that_the_job_tells_how_far_it_is_and_can_be_stopped(models: Path, pictures: Path) -> None:
    arguments = {"model": str(models / "model.onnx"), "files": [str(pictures / "a.png")] * 20, "top": 3}
    events = list(predict_job(Control(), **arguments))
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [(16, 20), (20, 20)]
    control = Control()
    job = predict_job(control, **arguments)
    next(job)
    control.request_stop()
    with pytest.raises(StoppedByUser):
        next(job)


def foreign_onnx(folder: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    shape = ["N", 3]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    opset = [helper.make_opsetid("", 17)]
    path = folder / "foreign.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def changed_onnx(folder: Path, models: Path) -> Path:
    import onnx

    model, path = onnx.load(models / "model.onnx"), folder / "changed.onnx"
    (entry,) = [e for e in model.metadata_props if e.key == "tlstudio_card"]
    card = json.loads(entry.value)
    card["class_names"] = card["class_names"][:2]
    entry.value = json.dumps(card)
    onnx.save(model, path)
    return path


def test_that_an_onnx_file_of_somebody_else_is_refused_in_a_sentence(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not exported by this application"):
        predict(foreign_onnx(tmp_path), ["a.png"])
    with pytest.raises(ExportError, match="not the one that the file describes"):
        predict(changed_onnx(tmp_path, models), ["a.png"])


def test_that_weights_of_somebody_else_are_refused_in_a_sentence(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ExportError, match="not exported by this application"):
        predict(tmp_path / "foreign.safetensors", ["a.png"])


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "runs/1/model.safetensors"])
@pytest.mark.parametrize("kept", [0, 0.5])
def test_that_a_damaged_model_is_refused_in_a_sentence(models: Path, tmp_path: Path, name: str, kept: float) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(models, folder)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ExportError, match="damaged") as caught:
        predict(folder / name, ["a.png"])
    assert "\n" not in str(caught.value)


def test_that_a_run_without_its_description_is_refused_in_a_sentence(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(models / "runs", folder)
    (folder / "1" / "model.json").write_text("{")
    with pytest.raises(StudioError, match="damaged"):
        predict(folder / "1" / "model.safetensors", ["a.png"])
    (folder / "1" / "model.json").unlink()
    with pytest.raises(StudioError, match="not exported by this application"):
        predict(folder / "1" / "model.safetensors", ["a.png"])


def test_that_what_is_no_model_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("hello")
    for name, sentence in (
        ("missing.onnx", "There is no model file"),
        (".", "is a folder"),
        ("model.txt", r"no model file that can be read.*\.onnx, \.safetensors"),
    ):
        with pytest.raises(UsageError, match=sentence):
            predict(tmp_path / name, ["a.png"])
