"""Pictures with boxes, outlines and masks; pictures that are no files of their own."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit import format_material as material
from tests.unit.format_material import COCO, MAKERS, best, mask, picture, pixels_of, read, reader
from tlstudio.api import DataError, Mask
from tlstudio_builtins.formats.coco_outlines import unpacked
from tlstudio_builtins.formats.flat_folder import propose


@pytest.mark.parametrize("identifier", MAKERS)
def test_that_every_layout_is_recognised_looked_at_and_read(tmp_path: Path, identifier: str) -> None:
    source = MAKERS[identifier](tmp_path / "d")
    assert best(source) == identifier
    seen = reader(identifier).look(source)
    assert seen.sentence.endswith(".")
    assert seen.rows
    assert all(len(row) == len(seen.columns) for row in seen.rows)
    made = reader(identifier, "auto", dict(seen.options))
    items, skipped = read(made, source)
    assert items
    assert skipped == []
    assert {item.path.is_file() for item in items} == {True}


def test_that_the_biggest_object_all_of_them_or_their_count_is_the_label(tmp_path: Path) -> None:
    for identifier in ("coco", "voc", "yolo"):
        source = MAKERS[identifier](tmp_path / identifier)
        both = {"cat": 1.0, "dog": 1.0}
        for task, first in (("classification", {"cat", "dog"}), ("multilabel", ("cat", "dog"))):
            items, _ = read(reader(identifier, task), source)
            assert items[0].label in first or items[0].label == first
        counting = reader(identifier, "regression")
        items, _ = read(counting, source)
        names = counting.declared().class_names
        assert dict(zip(names, items[0].label, strict=True)) == both  # type: ignore[arg-type]  # numbers


def test_that_coco_outlines_and_run_lengths_become_masks(tmp_path: Path) -> None:
    made = reader("coco", "segmentation")
    items, skipped = read(made, material.coco(tmp_path / "d"))
    assert skipped == []
    assert made.declared().class_names == ("background", "dog", "cat")
    assert [item.split for item in items] == ["train", "train"]
    first, second = (pixels_of(item.label.content) for item in items if isinstance(item.label, Mask))
    assert first[0] == [2, 2, 2, 2, 0, 1, 1, 0]
    assert first[5] == [2, 2, 2, 2, 0, 0, 0, 0]
    assert second == [[1, 0, 0, 0, 0, 0, 0, 0]] * 6


def packed_as_coco_does(runs: list[int]) -> str:
    """``rleToString`` of the COCO tools."""
    text = ""
    for position, run in enumerate(runs):
        value, more = run - (runs[position - 2] if position > 2 else 0), True
        while more:
            letter, value = value & 0x1F, value >> 5
            more = value != (-1 if letter & 0x10 else 0)
            text += chr((letter | 0x20 if more else letter) + 48)
    return text


@given(st.lists(st.integers(0, 1 << 26)))
def test_that_packed_run_lengths_are_those_of_the_coco_tools(runs: list[int]) -> None:
    assert unpacked(packed_as_coco_does(runs)) == runs


def test_that_packed_run_lengths_that_end_too_early_are_noticed() -> None:
    assert unpacked("06Z1") == [0, 6, 42]
    with pytest.raises(IndexError):
        unpacked("o")


BROKEN: list[tuple[str, Any, str]] = [
    ("size", [9, 8], "The mask of an object is [9, 8] (rows, columns), and the picture 6 x 8"),
    ("counts", [0, 6], "The run lengths of an object do not add up to the picture"),
    ("counts", "oooo", "The run lengths of an object cannot be read"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), BROKEN)
def test_that_a_mask_that_does_not_fit_its_picture_costs_that_picture(
    tmp_path: Path, key: str, value: Any, sentence: str
) -> None:
    content = json.loads(json.dumps(COCO))
    content["annotations"][2]["segmentation"][key] = value
    items, skipped = read(reader("coco"), material.coco(tmp_path / "d", content))
    assert len(items) == 1
    assert skipped[0].reason == f"{sentence} (picture 2 ('b.png') of instances_train.json)."


def test_that_labels_out_of_range_and_lost_pictures_are_named(tmp_path: Path) -> None:
    content = json.loads(json.dumps(COCO))
    content["annotations"][2]["category_id"] = 99
    content["images"].append({"id": 3, "file_name": "../../etc/passwd", "width": 1, "height": 1})
    items, skipped = read(reader("coco", "multilabel"), material.coco(tmp_path / "d", content))
    assert len(items) == 1
    assert [s.reason for s in skipped] == [
        "An object of it has the category 99, which is not declared (picture 2 ('b.png') of instances_train.json).",
        "The file of picture 3 ('../../etc/passwd') of instances_train.json does not exist.",
    ]
    (tmp_path / "bad.json").write_text('{"images": [1], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match="one of its images is no object, at character 13"):
        list(reader("coco").read(tmp_path / "bad.json"))


def test_that_a_picture_without_any_object_counts_none(tmp_path: Path) -> None:
    content = {**COCO, "annotations": [], "info": {"nested": [[1, {"a": "]"}]]}}
    for task, label in (("multilabel", ()), ("regression", (0.0, 0.0))):
        assert read(reader("coco", task), material.coco(tmp_path / task, content))[0][0].label == label
    items, skipped = read(reader("coco"), material.coco(tmp_path / "auto", content))
    assert (items[0].label, skipped) == ((), [])
    with pytest.raises(DataError, match="cannot give data for segmentation; they can for classification, "):
        read(reader("coco", "segmentation"), tmp_path / "auto")


def test_that_counts_from_voc_files_are_those_of_the_table(shared_data: Path) -> None:
    made = reader("voc", "regression")
    items, skipped = read(made, shared_data / "bccd")
    assert (len(items), skipped, made.declared().class_names) == (364, [], ("Platelets", "RBC", "WBC"))
    table = reader("csv", "regression")
    rows = {item.path.name: item.label for item in read(table, shared_data / "bccd" / "labels.csv")[0]}
    assert all(rows[i.path.name] == (i.label[1], i.label[2], i.label[0]) for i in items if isinstance(i.label, tuple))
    assert reader("voc").look(shared_data / "bccd").task == "multilabel"
    assert Counter(item.split for item in items) == {"train": 205, "val": 87, "test": 72}


def test_that_hostile_and_broken_xml_is_left_out(tmp_path: Path) -> None:
    source = material.voc(tmp_path / "d")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'
    for name, text in (("bomb", bomb), ("cut", "<annotation><obj"), ("odd", "<html/>")):
        (source / "Annotations" / f"{name}.xml").write_text(text)
    lost = "<annotation><filename>/etc/passwd</filename></annotation>"
    (source / "Annotations" / "lost.xml").write_text(lost)
    items, skipped = read(reader("voc"), source)
    assert len(items) == 2
    assert {s.path.stem: s.reason.split(",")[0].split(":")[0] for s in skipped} == {
        "bomb": "It declares entities or is no UTF-8",
        "cut": "It is no XML",
        "odd": "It is no annotation of a picture in the Pascal VOC notation.",
        "lost": "The picture 'passwd' that it describes does not exist.",
    }


def test_that_voc_masks_keep_their_classes(tmp_path: Path) -> None:
    source = material.voc(tmp_path / "d")
    for number, values in enumerate(([0, 8], [12, 255])):
        mask(source / "SegmentationClass" / f"{number}.png", [values])
    made = reader("voc")
    items, _ = read(made, source)
    assert [item.label for item in items] == [Mask(source / "SegmentationClass" / f"{n}.png") for n in (0, 1)]
    assert made.declared().class_names == ("background", "cat", "dog")
    assert made.declared().pixels == (0, 8, 12)


def test_that_yolo_outlines_become_masks_and_bad_lines_are_named(tmp_path: Path) -> None:
    texts = ("0 0 0 0.99 0 0.99 0.4 0 0.4\n", "1 0.5 0.5\n", "x\n", "9 0.5 0.5 1 1\n", "0 0.5 0.5 7 1\n", "")
    source = material.yolo(tmp_path / "d", texts)
    made = reader("yolo", "segmentation")
    items, skipped = read(made, source)
    assert made.declared().class_names == ("background", "cat", "dog")
    assert isinstance(items[0].label, Mask)
    assert [row[0] for row in pixels_of(items[0].label.content or b"")] == [1, 1, 1, 0, 0, 0]
    assert len(items) == 2  # a picture without objects is background
    assert [s.reason for s in skipped] == [
        "There is neither a box nor an outline in line 1 of 1.txt.",
        "There is something else than numbers in line 1 of 2.txt.",
        "3.txt names the class 9, and there are 2 classes.",
        "There is a number that is not between 0 and 1 in line 1 of 4.txt.",
    ]


@pytest.mark.parametrize(
    "names", ["names: [cat, 'dog']\n", "names: {0: cat, 1: dog}\n", 'names:\n- cat\n- "dog" # d\n']
)
def test_that_the_names_of_classes_are_found_in_yaml(tmp_path: Path, names: str) -> None:
    source = material.yolo(tmp_path / "d")
    (source / "data.yaml").write_text(f"nc: 2\n{names}val: x\n")
    assert read(reader("yolo", "multilabel"), source)[0][0].label == ("cat", "dog")


def test_that_membranes_and_their_masks_are_paired_by_name(shared_data: Path) -> None:
    source = shared_data / "em_membrane"
    assert best(source) == "mask-folders"
    made = reader("mask-folders", "auto", {"class_names": "membrane, cell"})
    items, skipped = read(made, source)
    assert (len(items), skipped) == (30, [])
    assert all(isinstance(i.label, Mask) and i.label.path == source / "label" / i.path.name for i in items)
    assert made.declared().class_names == ("membrane", "cell")
    assert made.declared().pixels == (0, 255)


def test_that_masks_may_lie_beside_their_pictures_or_in_folders_of_splits(tmp_path: Path) -> None:
    for n in range(2):
        picture(tmp_path / "a" / f"{n}.jpg")
        mask(tmp_path / "a" / f"{n}_mask.png", [[0, n]])
        for split in ("train", "val"):
            picture(tmp_path / "b" / "images" / split / f"{n}_leftImg8bit.png")
            mask(tmp_path / "b" / "masks" / split / f"{n}_gt.png", [[0, n, 255]])
    items, _ = read(reader("mask-folders"), tmp_path / "a")
    assert [(i.path.name, i.label.path.name) for i in items if isinstance(i.label, Mask)] == [
        ("0.jpg", "0_mask.png"), ("1.jpg", "1_mask.png"),
    ]  # fmt: skip
    made = reader("mask-folders")
    items, _ = read(made, tmp_path / "b")
    assert [item.split for item in items] == ["train", "train", "val", "val"]
    assert made.declared().pixels == (0, 1)


def test_that_masks_that_are_none_are_left_out(tmp_path: Path) -> None:
    source = material.masks(tmp_path / "d")
    for name in ("colour", "text", "alone"):
        picture(source / "images" / f"{name}.png")
    noise = np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8)
    Image.fromarray(noise).save(source / "masks" / "colour.png")
    (source / "masks" / "text.png").write_text("no picture")
    mask(source / "masks" / "stray.png", [[0]])
    items, skipped = read(reader("mask-folders"), source)
    assert len(items) == 3
    reasons = {s.path.stem: s.reason for s in skipped}
    assert "is in colours" in reasons["colour"]
    assert "cannot be read" in reasons["text"]
    assert reasons["alone"] == "There is no mask of its name in masks."
    assert reasons["stray"] == "There is no picture of its name in images."


def test_that_digits_come_out_of_idx_files(shared_data: Path) -> None:
    items, skipped = read(reader("idx"), shared_data / "mnist_t10k")
    assert (len(items), skipped) == (10_000, [])
    assert (items[12].member, items[12].label, items[12].split) == ("00012", "9", "")
    assert Counter(item.label for item in items)["1"] == 1135
    raw = gzip.decompress((shared_data / "mnist_t10k" / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert np.array(pixels_of(items[12].content or b""), np.uint8).tobytes() == raw[16 + 12 * 784 : 16 + 13 * 784]


@pytest.mark.parametrize("packed", [True, False])
def test_that_idx_files_that_are_cut_off_give_what_is_there(tmp_path: Path, packed: bool) -> None:
    source = material.idx(tmp_path, 200, packed)
    path = next(source.glob("*images*"))
    path.write_bytes(path.read_bytes()[:300])
    items, skipped = read(reader("idx"), source)
    assert 0 < len(items) < 200
    assert len(skipped) == 1
    assert "the rest is left out" in skipped[0].reason or "is left out" in skipped[0].reason
    named = material.idx(tmp_path / "named")
    items, skipped = read(reader("idx", "auto", {"class_names": "null, eins"}), named)
    assert {item.label for item in items} == {"null", "eins"}
    assert [s.reason for s in skipped] == ["Picture 2 has the class 2, and 2 are named."]


def test_that_cifar_is_read_without_its_pickles(tmp_path: Path) -> None:
    source = material.cifar(tmp_path)
    items, _ = read(reader("cifar"), source)
    assert [(item.label, item.split) for item in items] == [
        ("bird", "train"), ("airplane", "train"), ("bird", "test"), ("airplane", "test"),
    ]  # fmt: skip
    assert pixels_of(items[0].content or b"")[0][0] == [0, 255, 255]
    with (source / "test_batch.bin").open("ab") as stream:
        stream.write(bytes([7]) + bytes(3072) + b"cut")
    reasons = [s.reason for s in read(reader("cifar"), source)[1]]
    assert reasons == [
        "Picture 2 has the class 7, and there are 2.", "It is cut off at picture 3; the rest is left out.",
    ]  # fmt: skip


def test_that_speakers_and_digits_are_found_in_file_names(tmp_path: Path, shared_data: Path) -> None:
    for path in (shared_data / "fsdd_wav").glob("*/*.wav"):
        os.symlink(path, tmp_path / path.name)
    assert best(tmp_path) == "flat-folder"
    seen = reader("flat-folder").look(tmp_path)
    assert seen.modality == "audio"
    items, skipped = read(reader("flat-folder", "auto", dict(seen.options)), tmp_path)
    assert (len(items), skipped) == (600, [])
    assert all((i.label, i.group) == tuple(i.path.stem.split("_")[:2]) for i in items)


@pytest.mark.parametrize(("stems", "labels"), [
    (["great_dane_1", "great_dane_2", "pug_1", "pug_22"], {"great_dane", "pug"}),
    ([f"{name}.{n}" for name in ("cat", "dog") for n in range(6)], {"cat", "dog"}),
    ([f"{name}{n}" for name in ("cat", "dog") for n in range(6)], {"cat", "dog"}),
    ([f"IMG_{n}" for n in range(9)], set()),
])  # fmt: skip
def test_that_patterns_are_proposed_where_names_repeat(tmp_path: Path, stems: list[str], labels: set[str]) -> None:
    assert bool(propose(stems)) == bool(labels)
    for stem in stems if labels else ():
        picture(tmp_path / f"{stem}.png")
    if labels:
        assert {item.label for item in read(reader("flat-folder"), tmp_path)[0]} == labels


def test_that_names_that_do_not_fit_the_pattern_are_left_out(tmp_path: Path) -> None:
    for name in ("a-1", "a-2", "b\n-3", "stray"):
        picture(tmp_path / f"{name}.png")
    items, skipped = read(reader("flat-folder", "auto", {"pattern": r"^(?P<label>\w+)\s*-"}), tmp_path)
    assert [item.label for item in items] == ["a", "a", "b"]
    assert [s.reason for s in skipped] == ["Its name does not fit the pattern, so it has no class."]
    for pattern, sentence in (("(", "is no pattern"), ("a", "has no part")):
        with pytest.raises(DataError, match=sentence):
            list(reader("flat-folder", "auto", {"pattern": pattern}).read(tmp_path))
