"""Export of a real, small, trained model: what is verified, and that what fails leaves nothing behind."""

import json
import os
import shutil
import stat
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.digits import write_digits
from tlstudio import runs
from tlstudio.api import ExporterDescriptor, ExportError, ModelCard, StoppedByUser, StudioError, UsageError, hookimpl
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data.importing import import_job
from tlstudio.export.export import export_job, export_run
from tlstudio.prediction import predict
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.run import train
from tlstudio.training.spec import RuntimePreferences

PLAIN = RuntimePreferences(device="cpu", precision="float32", memory_format="contiguous", workers=0)
BROKEN = """
import os
import shutil
import types

import numpy as np
from tlstudio.data.decoding import preprocess, read_rgb
from tlstudio_builtins.exporters.onnx_format import OnnxExporter


class Copying(OnnxExporter):
    # Writes what the real exporter wrote before: these tests are about what happens afterwards.
    def export(self, model, card, path):
        shutil.copy(os.environ["GOOD_EXPORT"], path)


class _Changing(OnnxExporter):
    def export(self, model, card, path):
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(os.environ["GOOD_EXPORT"])
        (head,) = [tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.linear.weight")]
        head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) * self.factor, head.name))
        onnx.save(graph, path)


class Corrupting(_Changing):
    factor = np.float32(-1)


class NotFinite(_Changing):
    factor = np.float32("nan")


class UpsideDown(Copying):
    # The right network, and pictures that are prepared in another way.
    def load(self, path):
        predictor = super().load(path)

        def logits(pictures):
            squares = [preprocess(read_rgb(picture), predictor.card.preprocessing) for picture in pictures]
            pixels = np.stack(squares).transpose(0, 3, 1, 2)
            return predictor.logits_of_pixels(np.ascontiguousarray(pixels[:, :, ::-1]))

        return types.SimpleNamespace(
            card=predictor.card, logits=logits, logits_of_pixels=predictor.logits_of_pixels
        )


class Crashing(Copying):
    def load(self, path):
        os._exit(3)


class Liar(Copying):
    def load(self, path):
        import torch

        return super().load(path)


class Nothing(OnnxExporter):
    def export(self, model, card, path):
        pass
"""
NAMES = ("Copying", "Corrupting", "NotFinite", "UpsideDown", "Crashing", "Liar", "Nothing")


def drain(job: "Generator[Event, None, dict[str, Any]]") -> tuple[dict[str, Any], list[Event]]:
    events: list[Event] = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as done:
            return done.value, events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with 200 real digits and a linear head on the bundled backbone, trained on them: run 1."""
    place = tmp_path_factory.mktemp("export")
    write_digits(place / "digits", 200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLSTUDIO_HOME", str(place / "home"))
        with Project.create(place / "digits.tlproj") as project:
            drain(import_job(Control(), str(project.path), str(place / "digits"), "digits"))
            run = runs.create_run(
                project,
                Registry.discover(),
                dataset="digits",
                backbone="glyphnet",
                method="feature-extraction",
                runtime=PLAIN,
            )
            done, _ = drain(train(Control(), str(run.dir)))
            project.update_run(run.id, state="finished", metrics=done["metrics"], model="runs/1/model.safetensors")
            yield project.path


@pytest.fixture(scope="module")
def good(folder: Path) -> tuple[Path, dict[str, Any], list[Event]]:
    """Run 1 as ONNX, what the job answered, and its events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLSTUDIO_HOME", str(folder.parent / "home"))
        out = folder.parent / "new" / "deep" / "digits"
        result, events = drain(export_job(Control(), str(folder), 1, "onnx", str(out)))
    return out.with_name("digits.onnx"), result, events


@pytest.fixture
def broken(
    good: tuple[Path, Any, Any], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Registry:
    """Exporters that go wrong, each in its own way, in a module that the clean process can import as well."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "broken_exporters.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(modules), *sys.path]))
    monkeypatch.setenv("GOOD_EXPORT", str(good[0]))
    monkeypatch.delitem(sys.modules, "broken_exporters", raising=False)

    class Plugin:
        @hookimpl
        def tlstudio_exporters(self) -> list[ExporterDescriptor]:
            return [
                ExporterDescriptor(
                    id=name.lower(),
                    title=name,
                    description="",
                    factory=f"broken_exporters:{name}",
                    suffix=f".{name.lower()}",
                    predict_needs_torch=False,
                )
                for name in NAMES
            ]

    registry = Registry.discover()
    registry.register("broken", Plugin())
    assert registry.problems == []
    return registry


def test_that_an_onnx_export_is_one_file_that_does_what_the_model_does(
    folder: Path, good: tuple[Path, dict[str, Any], list[Event]]
) -> None:
    file, result, events = good
    assert list(file.parent.iterdir()) == [file]
    assert result["path"] == str(file)
    assert result["size_bytes"] == file.stat().st_size
    assert result["verified"] is True
    assert (result["run"], result["format"], result["split"]) == (1, "onnx", "val")
    assert result["images"] == 30
    assert result["max_logit_difference"] < 1e-3
    assert result["class_agreement"] == 1.0
    assert result["accuracy_before"] == result["accuracy_after"] > 0.8
    assert any(isinstance(event, Progress) and "clean process" in event.text for event in events)
    data = file.read_bytes()
    for private in (str(folder), "site-packages", str(Path.home()) + "/"):
        assert private.encode() not in data, private

    import onnx

    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    card = ModelCard.from_json(metadata["tlstudio_card"])
    assert card.class_names == tuple("0123456789")
    assert (card.preprocessing.crop, card.backbone, card.dataset) == (40, "glyphnet", "digits")
    assert card.metrics["test"]["accuracy"] > 0.8
    picture = next((folder.parent / "digits" / "7").iterdir())
    assert predict(file, [picture])["predictions"][0]["class"] == "7"


def test_that_a_safetensors_export_brings_its_card_and_can_be_read_from_the_file_alone(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "digits.safetensors"
    result, _ = drain(export_job(Control(), str(folder), 1, "safetensors", str(out)))
    assert {Path(name) for name in result["files"]} == {out, tmp_path / "digits.json"} == set(tmp_path.iterdir())
    assert result["max_logit_difference"] < 1e-4
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "digits.json").stat().st_mode)
    card = json.loads((tmp_path / "digits.json").read_text(encoding="utf-8"))
    assert card["class_names"] == list("0123456789")
    assert card["rebuild"]["spec"]["project"] == ""
    (tmp_path / "digits.json").unlink()
    picture = next((folder.parent / "digits" / "3").iterdir())
    assert predict(out, [picture])["predictions"][0]["class"] == "3"


def test_that_an_existing_file_is_replaced_only_when_asked(folder: Path, tmp_path: Path, broken: Registry) -> None:
    out = tmp_path / "model.copying"
    out.write_text("precious")
    with Project.open(folder) as project:
        with pytest.raises(ExportError, match=r"exists already.*--overwrite"):
            drain(export_run(Control(), project, broken, 1, "copying", out))
        assert out.read_text() == "precious"
        assert list(tmp_path.iterdir()) == [out]
        result, _ = drain(export_run(Control(), project, broken, 1, "copying", out, overwrite=True))
    assert result["verified"]
    assert out.stat().st_size == result["size_bytes"] > 100_000


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("corrupting", r"does not do what the model does.*differ from the model's by up to [\d.]+.*accuracy"),
        ("notfinite", r"For 30 of 30 pictures it gives numbers that are not finite"),
        ("upsidedown", r"same class for only [\d.]+ %.*prepares pictures in another way"),
        ("crashing", r"could not be verified: the clean process ended early"),
        ("nothing", r"has written no file"),
        ("liar", r"has imported torch, which the format 'liar' promises not to need"),
    ],
)
def test_that_an_export_that_goes_wrong_is_refused_and_leaves_nothing_behind(
    folder: Path, tmp_path: Path, broken: Registry, kind: str, sentence: str
) -> None:
    out = tmp_path / "made" / "for" / "it" / f"model.{kind}"
    with Project.open(folder) as project, pytest.raises(ExportError, match=sentence):
        drain(export_run(Control(), project, broken, 1, kind, out))
    assert not (tmp_path / "made").exists()


def test_that_a_failed_export_keeps_the_file_that_it_was_to_replace(
    folder: Path, tmp_path: Path, broken: Registry
) -> None:
    out = tmp_path / "place" / "model.corrupting"
    out.parent.mkdir()
    out.write_text("the last good one")
    with Project.open(folder) as project, pytest.raises(ExportError):
        drain(export_run(Control(), project, broken, 1, "corrupting", out, overwrite=True))
    assert list(out.parent.iterdir()) == [out]
    assert out.read_text() == "the last good one"


def test_that_a_stopped_export_leaves_nothing_behind(folder: Path, tmp_path: Path, broken: Registry) -> None:
    control, out = Control(), tmp_path / "made" / "model.copying"
    with Project.open(folder) as project:
        job = export_run(control, project, broken, 1, "copying", out)
        for event in job:
            if isinstance(event, Progress) and "clean process" in event.text and event.unit == "pictures":
                control.request_stop()
                break
        with pytest.raises(StoppedByUser):
            drain(job)
    assert list(tmp_path.iterdir()) == []


def test_that_training_pictures_serve_where_there_are_none_for_validation(
    folder: Path, tmp_path: Path, broken: Registry
) -> None:
    copy, few = tmp_path / "copy.tlproj", tmp_path / "few"
    shutil.copytree(folder, copy)
    shutil.copytree(folder.parent / "digits", tmp_path / "digits")
    for label in "0123456789":  # a class of one picture cannot be split
        (few / label).mkdir(parents=True)
        shutil.copy(next((folder.parent / "digits" / label).iterdir()), few / label)
    drain(import_job(Control(), str(copy), str(few), "few"))
    with Project.open(copy) as project:
        run = runs.create_run(project, broken, dataset="few", backbone="glyphnet", method="feature-extraction")
        for name in ("model.safetensors", "model.json"):
            shutil.copy(folder / "runs" / "1" / name, run.dir / name)
        result, events = drain(export_run(Control(), project, broken, run.id, "copying", tmp_path / "model"))
    assert (result["split"], result["images"]) == ("train", 10)
    assert any(isinstance(event, Message) and "no validation pictures" in event.text for event in events)


def test_that_a_model_whose_training_went_astray_is_not_exported(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "place" / "copy.tlproj"
    shutil.copytree(folder, copy)
    shutil.copytree(folder.parent / "digits", copy.parent / "digits")
    model = copy / "runs" / "1" / "model.safetensors"
    state = {name: tensor * float("nan") if "head" in name else tensor for name, tensor in load_file(model).items()}
    save_file(state, model)
    with pytest.raises(ExportError, match="The model itself gives numbers that are not finite"):
        drain(export_job(Control(), str(copy), 1, "safetensors", str(tmp_path / "out" / "model")))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("run", "format", "out", "kind", "sentence"),
    [
        (7, "onnx", "model.onnx", UsageError, "7"),
        (1, "tar", "model.tar", UsageError, "There is no exporter 'tar'"),
        (1, "onnx", "model.safetensors", UsageError, "ends with .onnx"),
        (1, "onnx", ".", UsageError, "is a folder"),
        (1, "onnx", "file/model.onnx", ExportError, "Nothing can be written to the folder"),
    ],
)
def test_that_what_cannot_be_meant_is_refused_in_a_sentence(
    folder: Path, tmp_path: Path, run: int, format: str, out: str, kind: type[StudioError], sentence: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(kind, match=sentence):
        drain(export_job(Control(), str(folder), run, format, str(tmp_path / out)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_that_a_run_s_own_folder_is_no_place_for_exports(folder: Path) -> None:
    before = sorted(os.listdir(folder / "runs" / "1"))
    with pytest.raises(UsageError, match="among the project's runs"):
        drain(export_job(Control(), str(folder), 1, "safetensors", str(folder / "runs/1/model.safetensors"), True))
    assert sorted(os.listdir(folder / "runs" / "1")) == before
