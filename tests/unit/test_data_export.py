"""What is written out is read again with the same items, labels and splits."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.format_material import mask, picture, pixels_of, read, reader, sound
from tlstudio import jobs, places
from tlstudio.api import DataError, ExportItem, Mask, RawItem, UsageError
from tlstudio.api.events import Finished, Progress
from tlstudio.cli import run_command_line
from tlstudio.control import Control
from tlstudio.data.exporting import _Names, export_job
from tlstudio.data.importing import import_job
from tlstudio.project import Project
from tlstudio.project.records import Change
from tlstudio_builtins.formats.writing import is_safe

Key = tuple[str, str, Any, str, str]
CLASSES = ("red; dark", "blue, light", "grün")


def content_of(item: RawItem) -> bytes:
    if item.text is not None:
        return item.text.encode()
    if item.content is not None:
        return item.content
    return places.read_bytes(places.place(item.path, item.offset, item.length))


def known(label: Any) -> Any:
    """A mask by its pixels."""
    if not isinstance(label, Mask):
        return label
    return str(pixels_of(label.content or places.read_bytes(places.place(label.path, label.offset, label.length))))


def round_trip(folder: Path, identifier: str, task: str, modality: str, items: list[ExportItem], names: Any) -> None:
    """Writes and reads; content, label, split and group are what they were."""
    folder.mkdir()
    counts = list(reader(identifier).write(iter(items), folder, task=task, modality=modality, class_names=names))
    assert counts == list(range(1, len(items) + 1))
    made = reader(identifier, task)
    found, skipped = read(made, folder)
    assert skipped == []
    before = sorted((i.text.encode() if i.text else places.read_bytes(i.place), i.split, known(i.label)) for i in items)
    assert sorted((content_of(i), i.split, known(i.label)) for i in found) == before
    if identifier not in ("image-folder", "split-folders", "mask-folders"):
        assert sorted(i.group for i in found) == sorted(i.group for i in items)
    if task in ("regression", "segmentation"):
        assert made.declared().class_names == names or identifier in ("csv", "jsonl")


def labelled(task: str, number: int, folder: Path) -> Any:
    if task == "classification":
        return CLASSES[number % 3]
    if task == "multilabel":
        return CLASSES[: number % 4] if number % 4 else ()
    if task == "regression":
        return (number / 7, -float(number))
    return Mask(folder / f"{number}.mask", content=mask(None, [[0, 1], [number % 2, 255]]))


CASES = [
    (identifier, task, modality)
    for identifier, tasks in {
        "csv": ("classification", "multilabel", "regression", "segmentation"),
        "jsonl": ("classification", "multilabel", "regression", "segmentation"),
        "webdataset": ("classification", "multilabel", "regression", "segmentation"),
        "parquet": ("classification", "multilabel", "regression"),
        "split-folders": ("classification",),
        "mask-folders": ("segmentation",),
    }.items()
    for task in tasks
    for modality in ("image", "audio", "text")
    if task != "segmentation" or modality == "image"
]


@pytest.mark.parametrize(("identifier", "task", "modality"), CASES)
def test_that_a_data_set_comes_back_as_it_was(tmp_path: Path, identifier: str, task: str, modality: str) -> None:
    suffix = {"image": "png", "audio": "wav", "text": "txt"}[modality]
    items = []
    for number in range(9):
        path = tmp_path / "source" / f"{number}.{suffix}"
        if modality == "audio":
            sound(path)
            path.write_bytes(path.read_bytes()[:-1] + bytes([number]))
        else:
            picture(path, colour=number * 20)
        text = f'{number} "words", and\nmore; of | them' if modality == "text" else None
        split = ("train", "val", "test")[number % 3]
        items.append(
            ExportItem(str(path), f"{number}.{suffix}", labelled(task, number, tmp_path), split, f"g{number % 2}", text)
        )
    names = ("age", "size") if task == "regression" else ("nothing", "thing") if task == "segmentation" else CLASSES
    round_trip(tmp_path / "out", identifier, task, modality, items, names)


@pytest.mark.parametrize(("identifier", "names", "sentence"), [
    ("split-folders", ("a/b",), "No folder can be called like the class 'a/b'"),
    ("split-folders", ("Cat", "cat"), "would share a folder"),
    ("split-folders", ("con",), "No folder can be called"),
    ("webdataset", ("a\nb",), "has a line break"),
])  # fmt: skip
def test_that_classes_that_a_layout_cannot_hold_are_refused(
    tmp_path: Path, identifier: str, names: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        list(reader(identifier).write(iter(()), tmp_path, task="classification", modality="image", class_names=names))


def test_that_labels_with_a_bar_go_into_json_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"separates labels in a CSV\. Export with the format jsonl"):
        list(reader("csv").write(iter(()), tmp_path, task="multilabel", modality="image", class_names=("a|b",)))
    with pytest.raises(DataError, match="cannot hold labels for segmentation"):
        list(reader("parquet").write(iter(()), tmp_path, task="segmentation", modality="image", class_names=()))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1), min_size=1))
def test_that_names_in_any_script_become_safe_and_stay_apart(
    tmp_path_factory: pytest.TempPathFactory, stems: list[str]
) -> None:
    place = tmp_path_factory.mktemp("n") / "x"
    picture(place)
    names = _Names("image", (".png", ".jpg"))
    made = [names.name(f"deep/{stem}", str(place)) for stem in (*stems, "con.PNG", "ü\n?.jpg")]
    assert all(is_safe(name) and name.endswith((".png", ".jpg")) for name in made)
    assert len({name.casefold() for name in made}) == len(made)


# ---- the job


def run(job: Any) -> tuple[dict[str, Any], list[Any]]:
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            return end.value, events


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Path]:
    """A project with what is imported from a folder."""
    path = tmp_path / "project"
    Project.create(path).close()

    def bring(source: Path, name: str = "d", **options: Any) -> Path:
        run(import_job(Control(), str(path), str(source), name, **options))
        return path

    return bring


def items_of(project: Path, dataset: str) -> set[tuple[str, str, str]]:
    with Project.open(project) as opened:
        view = opened.view(dataset)
        return {(item.sha256, item.label, item.split) for item in view.page(0, 10_000)}


def noise(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_that_a_revision_is_written_with_its_changes_and_splits(tmp_path: Path, imported: Callable[..., Path]) -> None:
    source = tmp_path / "source"
    for n in range(24):
        noise(source / "ab"[n % 2] / ("same.png" if n < 2 else f"{n}\n?.png"), n)
    project = imported(source, splits="0.5,0.25,0.25")
    with Project.open(project) as opened:
        first, second, *_ = opened.view("d").page(0, 10)
        opened.edit("d", [Change(first.id, value="b"), Change(second.id, split="excluded")], "by hand")
    before = {entry for entry in items_of(project, "d") if entry[2] != "excluded"}
    for identifier in ("split-folders", "csv", "jsonl", "webdataset", "parquet"):
        out = tmp_path / identifier
        result, events = run(export_job(Control(), str(project), "d", str(out), identifier))
        assert (result["items"], result["excluded"], result["skipped"], result["revision"]) == (23, 1, 0, 2)
        assert isinstance(events[-1], Progress)
        assert events[-1].done == events[-1].total == 24
        imported(out, identifier, splits="folders", near=False)
        assert items_of(project, identifier) == before
    names = os.listdir(tmp_path / "csv" / "files")
    assert {"same.png", "same_2.png", "2_.png"} <= set(names)
    run(export_job(Control(), str(project), "d", str(tmp_path / "old"), "csv", revision=1))
    assert len((tmp_path / "old" / "data.csv").read_text().splitlines()) == 25


def test_that_masks_are_written_as_indices_of_their_classes(tmp_path: Path, imported: Callable[..., Path]) -> None:
    for n in range(8):
        noise(tmp_path / "s" / "images" / f"{n}.png", n)
        mask(tmp_path / "s" / "masks" / f"{n}.png", np.full((24, 24), 255 * (n % 2)).tolist())
    project = imported(tmp_path / "s", options={"class_names": "cell, membrane"}, splits="0.5,0.25,0.25")
    run(export_job(Control(), str(project), "d", str(tmp_path / "out"), "mask-folders"))
    imported(tmp_path / "out", "again", splits="folders", near=False)
    with Project.open(project) as opened:
        assert opened.dataset("again").class_names == ("cell", "membrane")
        assert opened.dataset("again").encoding == {"pixels": [0, 1]}
        assert opened.dataset("again").split_counts == opened.dataset("d").split_counts
    values = {int(np.asarray(Image.open(p)).max()) for p in (tmp_path / "out").rglob("masks/*.png")}
    assert values == {0, 1}


def test_that_lost_files_are_listed_and_the_rest_is_written(tmp_path: Path, imported: Callable[..., Path]) -> None:
    for n in range(8):
        noise(tmp_path / "s" / "ab"[n % 2] / f"{n}.png", n)
    project = imported(tmp_path / "s")
    (tmp_path / "s" / "a" / "2.png").unlink()
    result, _ = run(export_job(Control(), str(project), "d", str(tmp_path / "out"), "split-folders"))
    assert (result["items"], result["skipped"]) == (7, 1)
    assert result["skipped_files"][0]["reason"].endswith("a/2.png is not there any more.")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    for out, identifier, sentence in (
        ("full", "csv", "holds something already"), ("new", "coco", r"cannot write classification\. These can: image-"),
        ("new", "mask-folders", "cannot write classification"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=sentence):
            run(export_job(Control(), str(project), "d", str(tmp_path / out), identifier))
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(DataError, match="no item that can be written"):
        run(export_job(Control(), str(project), "d", str(tmp_path / "new"), "csv"))
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*exporting*"))


def test_that_the_command_line_exports_and_lists_what_can_be_fetched(
    tmp_path: Path, imported: Callable[..., Path], capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    project = imported(shared_data / "bccd" / "labels.csv", task="regression", options={"number_columns": "red_cells"})
    capsys.readouterr()
    out = tmp_path / "out"
    assert run_command_line(["data", "export", str(project), "d", str(out), "--format", "jsonl", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["items"], result["format"]) == (364, "jsonl")
    row = json.loads((out / "data.jsonl").read_text().splitlines()[0])
    assert row["red_cells"] == 19.0
    assert row["meta.kinds"] == "RBC|WBC"
    assert run_command_line(["data", "catalog", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["source"] == "torchvision:MNIST"


def test_that_a_stopped_export_leaves_nothing(tmp_path: Path, imported: Callable[..., Path]) -> None:
    for n in range(8):
        noise(tmp_path / "s" / "ab"[n % 2] / f"{n}.png", n)
    project = imported(tmp_path / "s")
    job = jobs.start(
        "export-data", {"project": str(project), "dataset": "d", "out": str(tmp_path / "o"), "format": "csv"}
    )
    job.send("stop")
    last = list(job)[-1]
    assert isinstance(last, Finished)
    assert (last.status, (tmp_path / "o").exists()) in (("stopped", False), ("finished", True))
