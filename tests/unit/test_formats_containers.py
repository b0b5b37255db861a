"""Samples that are parts of files: Parquet and Arrow, tar shards."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import format_material as material
from tests.unit.format_material import mask, picture, read, reader, shard
from tlstudio import places
from tlstudio.api import DataError, Mask, RawItem


def rows_of(path: Path, rows: Iterable[dict[str, Any]], features: dict[str, Any] | None = None) -> Path:
    table = pa.Table.from_pylist(list(rows))
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return path


def content_of(item: RawItem) -> bytes:
    return item.content if item.content is not None else places.read_bytes(
        places.place(item.path, item.offset, item.length))  # fmt: skip


def test_that_pictures_classes_and_splits_come_from_the_hub_layout(tmp_path: Path) -> None:
    source = material.parquet(tmp_path / "d")
    items, skipped = read(reader("parquet"), source)
    assert skipped == []
    assert [(i.label, i.split) for i in items] == [
        ("cat", "train"), ("dog", "train"), ("cat", "train"), ("cat", "val"), ("dog", "val"), ("cat", "val"),
    ]  # fmt: skip
    assert content_of(items[1]) == picture(colour=1)
    assert items[1].member == "row 2.png"


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_that_texts_labels_and_numbers_are_told_by_the_columns(tmp_path: Path, suffix: str) -> None:
    names = {"_type": "ClassLabel", "names": ["bad", "good"]}
    texts = rows_of(
        tmp_path / f"t{suffix}", ({"text": f"text {n}", "label": n % 2} for n in range(4)), {"label": names}
    )
    seen = reader("parquet").look(texts)
    assert (seen.modality, seen.task, seen.columns) == ("text", "classification", ("text", "label"))
    items, _ = read(reader("parquet"), texts)
    assert [(i.text, i.label) for i in items[:2]] == [("text 0", "bad"), ("text 1", "good")]
    several = rows_of(
        tmp_path / f"m{suffix}", ({"text": "a text", "tags": [0, 1][:n]} for n in range(3)),
        {"tags": {"feature": names, "_type": "Sequence"}},
    )  # fmt: skip
    items, _ = read(reader("parquet"), several)
    assert [i.label for i in items] == [(), ("bad",), ("bad", "good")]
    numbers = rows_of(tmp_path / f"n{suffix}", [{"text": "a", "score": 0.5}, {"text": "b", "score": float("nan")}])
    made = reader("parquet")
    items, skipped = read(made, numbers)
    assert [i.label for i in items] == [(0.5,)]
    assert made.declared().class_names == ("score",)
    assert skipped[0].reason == f"The column 'score' holds nan, where a number is needed in row 2 of n{suffix}."


def test_that_a_data_set_saved_to_disk_is_read_with_its_classes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        path = tmp_path / split / "data-00000-of-00001.arrow"
        rows_of(path, ({"image": {"bytes": picture(colour=n), "path": None}, "label": n % 2} for n in range(2)))
        features = {"label": {"names": ["x", "y"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
        (path.parent / "dataset_info.json").write_text(json.dumps({"features": features}))
    items, _ = read(reader("parquet"), tmp_path)
    assert [(i.label, i.split) for i in items] == [("x", "test"), ("y", "test"), ("x", "train"), ("y", "train")]


def test_that_labels_out_of_range_and_empty_samples_are_named(tmp_path: Path) -> None:
    features = {"label": {"names": ["a", "b"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    good = {"bytes": picture(), "path": "x.png"}
    rows = [
        {"image": good, "label": 0}, {"image": good, "label": 7}, {"image": good, "label": None},
        {"image": None, "label": 1}, {"image": {"bytes": None, "path": "../secret.png"}, "label": 1},
    ]  # fmt: skip
    items, skipped = read(reader("parquet"), rows_of(tmp_path / "d.parquet", rows, features))
    assert len(items) == 1
    assert [s.reason for s in skipped] == [
        "Its label is 7, and there are 2 classes in row 2 of d.parquet.",
        "It has no label in row 3 of d.parquet.",
        "There is neither content nor a file in row 4 of d.parquet.",
        "There is neither content nor a file in row 5 of d.parquet.",
    ]


def test_that_parts_of_one_folder_are_read_one_at_a_time(tmp_path: Path) -> None:
    for part in ("plain", "rich"):
        rows_of(tmp_path / part / "train.parquet", [{"text": f"{part} words", "label": part}] * 2)
    assert {i.text for i in read(reader("parquet"), tmp_path)[0]} == {"plain words"}
    assert {i.text for i in read(reader("parquet", "auto", {"config": "rich"}), tmp_path)[0]} == {"rich words"}
    with pytest.raises(DataError, match="its parts are plain, rich"):
        read(reader("parquet", "auto", {"config": "other"}), tmp_path)
    for options, sentence in (({"sample_column": "x"}, "has no column 'x'"), ({}, "cannot give data for segmentation")):
        with pytest.raises(DataError, match=sentence):
            read(reader("parquet", "segmentation", options), tmp_path)


def test_that_shards_are_read_in_place(tmp_path: Path) -> None:
    source = material.webdataset(tmp_path / "d")
    items, skipped = read(reader("webdataset"), source)
    assert skipped == []
    assert [(i.member, i.label, i.split) for i in items[:2]] == [
        ("0000.png", "cat", "train"), ("0001.png", "dog", "train"),
    ]  # fmt: skip
    assert all(item.content is None and item.length for item in items)
    assert content_of(items[1]) == picture(colour=9)
    single = source / "val-000000.tar"
    assert [i.split for i in read(reader("webdataset"), single)[0]] == [""] * 3


def test_that_compressed_shards_give_their_content(tmp_path: Path) -> None:
    source = material.webdataset(tmp_path / "d", "w:gz", ".tar.gz")
    items, _ = read(reader("webdataset"), source)
    assert [content_of(item) for item in items[:2]] == [picture(colour=0), picture(colour=9)]


def test_that_json_beside_a_sample_says_labels_numbers_and_groups(tmp_path: Path) -> None:
    several = shard(tmp_path / "a.tar", [
        ("1.jpg", b"j"), ("1.json", b'{"labels": ["x", "y"], "group": "g", "split": "val"}'),
        ("2.jpg", b"j"), ("2.json", b'{"labels": []}'),
    ])  # fmt: skip
    items, _ = read(reader("webdataset"), several)
    assert [(i.label, i.group, i.split) for i in items] == [(("x", "y"), "g", "val"), ((), "", "")]
    numbers = shard(tmp_path / "b.tar", [
        ("1.wav", b"w"), ("1.json", b'{"numbers": {"age": 3, "size": 1.5}}'),
        ("2.wav", b"w"), ("2.json", b'{"numbers": {"size": 2}}'),
    ])  # fmt: skip
    made = reader("webdataset")
    assert made.look(numbers).modality == "audio"
    items, skipped = read(made, numbers)
    assert [i.label for i in items] == [(3.0, 1.5)]
    assert made.declared().class_names == ("age", "size")
    assert skipped[0].reason == "The numbers age, size are needed, and are not all there in sample '2' of b.tar."


def test_that_texts_and_masks_lie_in_shards_too(tmp_path: Path) -> None:
    texts = shard(tmp_path / "a.tar", [("1.txt", b"good words"), ("1.cls", b"0"), ("2.txt", b"more"), ("2.cls", b"1")])
    items, _ = read(reader("webdataset"), texts)
    assert [(content_of(i), i.label) for i in items] == [(b"good words", "0"), (b"more", "1")]
    masked = shard(tmp_path / "b.tar", [("1.png", picture()), ("1.mask.png", mask(None, [[0, 1]])), ("2.png", b"x")])
    items, skipped = read(reader("webdataset"), masked)
    assert isinstance(items[0].label, Mask)
    place = places.place(items[0].label.path, items[0].label.offset, items[0].label.length)
    assert places.read_bytes(place) == mask(None, [[0, 1]])
    assert "It has no mask" in skipped[0].reason


def test_that_archives_of_class_folders_are_no_shards(tmp_path: Path) -> None:
    plain = shard(tmp_path / "a.tar", [("cat/1.jpg", b"j"), ("dog/1.jpg", b"j")])
    words = shard(tmp_path / "b.tar", [("cat/1.txt", b"words"), ("dog/2.txt", b"words")])
    noted = shard(tmp_path / "c.tar", [("1.jpg", b"j"), ("1.json", b'{"shapes": [], "imagePath": "1.jpg"}')])
    assert [reader("webdataset").sniff(path) for path in (plain, words, noted)] == [0.0, 0.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_that_a_shard_that_is_cut_or_damaged_gives_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("s")
    members = [(f"{n}.{e}", c) for n in range(4) for e, c in (("jpg", bytes([n]) * 700), ("cls", b"1"))]
    path = shard(folder / "a.tar", members)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, 8 * 1536))
    flipped = bytearray(content[:cut])
    for position in data.draw(st.lists(st.integers(0, max(0, cut - 1)), max_size=3)) if cut else ():
        flipped[position] ^= 0x41
    path.write_bytes(bytes(flipped))
    try:
        items, skipped = read(reader("webdataset"), path)
    except DataError as error:
        assert str(error).endswith(".")  # noqa: PT017 - it need not be raised
        return
    assert len(items) + len(skipped) >= 1 or cut == 0
    assert all(len(content_of(item)) == 700 for item in items)


def test_that_a_cut_shard_is_named_and_the_next_one_read(tmp_path: Path) -> None:
    source = material.webdataset(tmp_path / "d")
    first = source / "train-000000.tar"
    first.write_bytes(first.read_bytes()[:2200])
    items, skipped = read(reader("webdataset"), source)
    assert [i.split for i in items] == ["train", "val", "val", "val"]
    assert skipped[0].path == first
    assert skipped[0].reason.startswith("The shard cannot be read after '0000.cls', and the rest is left out")
