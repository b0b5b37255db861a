"""Imports of more than classes of pictures: several labels, numbers, masks, texts, archives, and additions."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.unit.test_data_importing import assert_untouched, fill, jpeg, run
from tlstudio import places
from tlstudio.api.errors import DataError, UsageError
from tlstudio.project import Change, ItemFilter, Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def table(folder: Path, header: str, rows: list[str], name: str = "list.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def masked(folder: Path, masks: dict[int, np.ndarray], values: int = 0) -> Path:
    """Pictures of 16 x 12 pixels with a table that names their masks."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for number, mask in masks.items():
        image = Image.open(io.BytesIO(jpeg(number))).resize((16, 12))
        image.save(folder / "images" / f"{number}.jpg")
        Image.fromarray(mask.astype(np.uint8)).save(folder / "masks" / f"{number}.png")
        rows.append(f"images/{number}.jpg,masks/{number}.png")
    return table(folder, "image,mask", rows)


def halves(low: int, high: int) -> np.ndarray:
    mask = np.full((12, 16), low)
    mask[:, 8:] = high
    return mask


def reasons(result: dict[str, Any]) -> dict[str, str]:
    return {entry["path"]: entry["reason"] for entry in result["skipped_files"]}


def test_several_labels_of_one_picture_are_kept_in_class_order(project: Project, tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        rows.append(f"{number}.jpg,{('dog|cat', 'cat', 'dog', '10|9')[number % 4]}")
    result = run(project, table(tmp_path, "file,labels", rows))
    assert (result["task"], result["classes"]) == ("multilabel", ["9", "10", "cat", "dog"])
    assert project.dataset("d").class_counts == {"9": 7, "10": 7, "cat": 16, "dog": 15}
    item = project.items("d", search="0.jpg")[0]
    assert (item.label, item.value) == ("cat, dog", '["cat", "dog"]')
    for split in project.manifest("d").splits.values():
        assert {name for value in split.values for name in json.loads(value)} == {"9", "10", "cat", "dog"}


def test_numbers_come_with_their_names_and_what_is_none_is_left_out_with_its_row(
    project: Project, tmp_path: Path
) -> None:
    rows = []
    for number in range(40):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        rows.append(f"{number}.jpg,{number / 4},{-number}")
    rows[7] = "7.jpg,many,3"
    rows[8] = "8.jpg,nan,3"
    source = table(tmp_path, "file,cells,depth", rows)
    result = run(project, source, options={"number_columns": "cells,depth"})
    assert (result["task"], result["classes"], result["items"]) == ("regression", ["cells", "depth"], 38)
    told = " ".join(reasons(result).values())
    assert "'many', where a number is needed in row 9" in told
    assert result["skipped"] == 2
    manifest = project.manifest("d")
    assert json.loads(manifest.splits["train"].values[0]) == [
        int(Path(manifest.splits["train"].paths[0]).stem) / 4,
        -float(Path(manifest.splits["train"].paths[0]).stem),
    ]
    page = project.view("d", ItemFilter(order="label", descending=True)).page(0, 2)
    assert [item.path for item in page] == ["39.jpg", "38.jpg"]


def test_masks_are_read_and_what_their_pixels_mean_is_kept(project: Project, tmp_path: Path) -> None:
    source = masked(tmp_path / "s", {number: halves(0, 255) for number in range(10)})
    result = run(project, source)
    assert (result["task"], result["classes"], result["items"]) == ("segmentation", ["background", "foreground"], 10)
    info, manifest = project.dataset("d"), project.manifest("d")
    assert info.encoding == manifest.encoding == {"pixels": [0, 255]}
    value = json.loads(manifest.splits["train"].values[0])
    content = (info.root / value["mask"]).read_bytes()
    assert len(value["sha256"]) == 64
    before = manifest.fingerprint
    Image.fromarray(halves(255, 0).astype(np.uint8)).save(info.root / value["mask"])
    run(project, source, "again")
    assert project.manifest("again").fingerprint != before
    (info.root / value["mask"]).write_bytes(content)


def test_a_mask_that_cannot_be_used_leaves_its_picture_out_with_a_sentence(project: Project, tmp_path: Path) -> None:
    masks = {number: halves(0, number % 3) for number in range(12)}
    masks[1] = np.zeros((12, 15))
    source = masked(tmp_path / "s", masks)
    (source.parent / "masks" / "2.png").write_bytes(b"no picture")
    (source.parent / "masks" / "3.png").write_bytes(b"")
    result = run(project, source)
    told = reasons(result)
    assert "1.png has 15 x 12 pixels where the picture has 16 x 12" in told["images/1.jpg"]
    assert "2.png" in told["images/2.jpg"]
    assert "cannot be read" in told["images/2.jpg"]
    assert "images/3.jpg" in told
    assert len(result["classes"]) == 3
    assert project.dataset("d").encoding == {"pixels": [0, 1, 2]}


def test_texts_of_a_table_are_kept_in_the_project_and_outlive_the_table(project: Project, tmp_path: Path) -> None:
    rows = [
        f"{'buy' if number % 3 else 'hi'} nümber {number},{'spam' if number % 3 else 'ham'}" for number in range(60)
    ]
    source = table(tmp_path / "s", "text,label", rows)
    result = run(project, source)
    assert (result["modality"], result["items"], result["classes"]) == ("text", 60, ["ham", "spam"])
    shutil.rmtree(tmp_path / "s")
    info = project.dataset("d")
    assert info.root_found
    assert info.root.is_relative_to(project.path)
    item = project.items("d", search="row 7")[0]
    assert item.caption == places.read_bytes(item.place(info.root)).decode() == "buy nümber 5"
    assert project.view("d", ItemFilter(search="NUMBER 5")).count == 0
    assert project.view("d", ItemFilter(search="mber 5")).count == 11
    assert [item.path.split("/")[1] for item in project.items("d", limit=3)] == ["row 2", "row 3", "row 4"]
    manifest = project.manifest("d")
    texts = [places.read_bytes(place).decode() for place in manifest.splits["train"].paths]
    assert all(text.partition(" ")[0] in ("buy", "hi") for text in texts)
    assert project.changes("d", 1) == []
    assert list((project.path / "data").iterdir()) == [project.path / "data" / "d"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_is_unpacked_into_the_project(project: Project, tmp_path: Path, kind: str) -> None:
    source = fill(tmp_path / "pets", {"cats": 6, "dogs": 6})
    archive = tmp_path / f"pets.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for file in sorted(source.rglob("*.jpg")):
                packed.write(file, file.relative_to(tmp_path))
            packed.writestr("../outside.jpg", jpeg(77))
    else:
        with tarfile.open(archive, "w:gz") as packed_tar:
            packed_tar.add(source, "pets")
    result = run(project, archive, format="image-folder" if kind == "zip" else "auto")
    assert (result["items"], result["classes"]) == (12, ["cats", "dogs"])
    assert result["skipped"] == (1 if kind == "zip" else 0)
    shutil.rmtree(source)
    archive.unlink()
    info = project.dataset("d")
    assert info.root_found
    assert all(os.path.isfile(path) for split in project.manifest("d").splits.values() for path in split.paths)
    project.close()
    moved = project.path.rename(tmp_path / "moved.tlproj")
    with Project.open(moved) as again:
        assert again.dataset("d").root.is_relative_to(moved)
        assert again.changes("d", 1) == []


def test_a_damaged_archive_leaves_nothing(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match=r"x\.zip"):
        run(project, tmp_path / "x.zip")
    assert_untouched(project)
    assert not list((project.path / "data").iterdir())


def test_what_is_added_joins_as_a_new_revision_and_moves_nothing(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "s", {"a": 20, "b": 20})
    run(project, source)
    first = project.manifest("d")
    item = project.items("d", label="a")[0]
    project.edit("d", [Change(item.id, "b")], "It is b.")
    before = {i.path: (i.label, i.split) for i in project.items("d")}
    fill(source, {"a": 10, "c": 10}, start=100)
    shutil.copy(source / "a" / "101.jpg", source / "c" / "copy of another.jpg")
    shutil.copy(source / item.path, source / "c" / "copy of an old one.jpg")
    result = run(project, source, add=True)
    assert (result["added"], result["known"], result["items"], result["revision"]) == (21, 41, 61, 3)
    assert result["classes"] == ["a", "b", "c"]
    after = {i.path: (i.label, i.split) for i in project.items("d")}
    assert {path: after[path] for path in before} == before
    assert after["a/101.jpg"][1] == after["c/copy of another.jpg"][1]
    assert project.manifest("d", 1) == first
    assert project.manifest("d", 2).class_names == ("a", "b")
    assert project.manifest("d").class_names == ("a", "b", "c")
    assert [(r.kind, r.changed) for r in project.revisions("d")] == [("add", 21), ("relabel", 1), ("import", 40)]
    project.restore("d", 2)
    assert project.view("d").count == 40
    assert project.restore("d", 3).changed == 21
    assert project.dataset("d").class_counts == {"a": 29, "b": 21, "c": 11}
    assert project.compare_revisions("d", 2, 3).added == 21


def test_what_is_added_from_elsewhere_is_found_where_it_lies(project: Project, tmp_path: Path) -> None:
    run(project, fill(tmp_path / "s", {"a": 9, "b": 9}))
    other = fill(tmp_path / "elsewhere" / "deep", {"a": 3, "b": 3}, start=50)
    shutil.make_archive(str(tmp_path / "third"), "zip", fill(tmp_path / "third", {"a": 2, "b": 2}, start=80))
    assert run(project, other, add=True)["added"] == 6
    shutil.rmtree(tmp_path / "third")
    assert run(project, tmp_path / "third.zip", add=True)["added"] == 4
    assert all(os.path.isfile(path) for split in project.manifest("d").splits.values() for path in split.paths)
    assert project.changes("d", 3) == []
    with pytest.raises(DataError, match="nothing that 'd' does not have already"):
        run(project, other, add=True)
    with pytest.raises(DataError, match="no data set 'e'"):
        run(project, other, "e", add=True)


def test_nothing_is_added_while_the_folder_of_the_data_set_is_missing(project: Project, tmp_path: Path) -> None:
    run(project, fill(tmp_path / "s", {"a": 9, "b": 9}))
    shutil.move(tmp_path / "s", tmp_path / "moved")
    with pytest.raises(DataError, match=r"is missing: .* tlstudio data relocate"):
        run(project, tmp_path / "moved", add=True)
    project.relocate("d", tmp_path / "moved")
    fill(tmp_path / "moved", {"a": 2, "b": 2}, start=60)
    assert run(project, tmp_path / "moved", add=True)["added"] == 4


def test_data_of_another_task_cannot_be_added(project: Project, tmp_path: Path) -> None:
    run(project, fill(tmp_path / "s", {"a": 9, "b": 9}))
    texts = table(tmp_path / "t", "text,label", [f"hello {n},{'ab'[n % 2]}" for n in range(9)])
    with pytest.raises(UsageError, match="The modality of the data set is image, and what would be added is for text"):
        run(project, texts, add=True)
    assert project.dataset("d").revision == 1


def test_a_column_with_times_is_needed_to_split_by_time(project: Project, tmp_path: Path) -> None:
    rows = [f"text {n},{'ab'[n % 2]},2020-01-{1 + n % 28:02}" for n in range(56)]
    source = table(tmp_path / "t", "text,label,day", rows)
    with pytest.raises(UsageError, match="'hour' is no column"):
        run(project, source, time_by="hour")
    assert_untouched(project)
    with pytest.raises(UsageError, match="no option 'colour'"):
        run(project, source, options={"colour": "red"})
