"""The three layouts that people have, with everything that lies about in their folders."""

import os
import shutil
from pathlib import Path

import pytest

from tlstudio.api import Configurable, DataError, DatasetFormat, GroupsByColumn, Looks, RawItem, Skipped, Writes
from tlstudio_builtins.formats import FORMATS
from tlstudio_builtins.formats.csv_table import CsvTable
from tlstudio_builtins.formats.folders import SUFFIXES
from tlstudio_builtins.formats.image_folder import ImageFolder
from tlstudio_builtins.formats.split_folders import SplitFolders
from tlstudio_builtins.modalities import MODALITIES


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def read(reader: DatasetFormat, source: Path) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    """(path, label, split) of the items, and what was skipped with its reason; paths relative to the source."""
    root = source if source.is_dir() else source.parent
    items, skipped = [], {}
    for entry in reader.read(source):
        path = os.path.relpath(entry.path, root).replace(os.sep, "/")
        if isinstance(entry, RawItem):
            items.append((path, entry.label, entry.split))
        else:
            assert isinstance(entry, Skipped)
            assert entry.reason.endswith(".")
            skipped[path] = entry.reason
    return items, skipped


def best(source: Path) -> str:
    scores = {d.id: d.load()().sniff(source) for d in FORMATS}
    return max(scores, key=lambda name: scores[name]) if any(scores.values()) else ""


def test_that_the_endings_are_those_of_the_modalities() -> None:
    assert {m.id: frozenset(m.suffixes) for m in MODALITIES} == SUFFIXES


@pytest.mark.parametrize(
    ("suffix", "modality"), [("wav", "audio"), ("txt", "text"), ("mp4", "video"), ("png", "image")]
)
def test_that_class_folders_of_any_modality_are_read(tmp_path: Path, suffix: str, modality: str) -> None:
    make(tmp_path, *(f"{label}/{n}.{suffix}" for label in "ab" for n in range(3)), "a/list.xml")
    make(tmp_path / "split", *(f"{split}/{c}/1.{suffix}" for split in ("train", "test") for c in "ab"))
    assert ImageFolder().look(tmp_path).modality == SplitFolders().look(tmp_path / "split").modality == modality
    items, skipped = read(SplitFolders(), tmp_path / "split")
    assert [(path.endswith(suffix), split) for path, _, split in items] == [(True, "test")] * 2 + [(True, "train")] * 2
    assert skipped == {}
    shutil.rmtree(tmp_path / "split")
    items, skipped = read(ImageFolder(), tmp_path)
    assert len(items) == 6
    assert "a/list.xml" in skipped


def test_that_notes_beside_pictures_do_not_make_texts_of_them(tmp_path: Path) -> None:
    make(tmp_path, *(f"{label}/{n}.{ending}" for label in "ab" for n in range(3) for ending in ("jpg", "txt")))
    assert ImageFolder().look(tmp_path).modality == "image"
    assert len(read(ImageFolder(), tmp_path)[0]) == 6


def test_that_every_format_loads_and_keeps_the_protocol(tmp_path: Path) -> None:
    for descriptor in FORMATS:
        reader = descriptor.load()()
        assert isinstance(reader, Looks)
        assert isinstance(reader, Writes) == bool(descriptor.writes)
        assert isinstance(reader, Configurable) or len(descriptor.tasks) == 1
        assert reader.sniff(tmp_path) == reader.look(tmp_path).sure == 0.0
        assert reader.sniff(tmp_path / "nowhere") == 0.0
        with pytest.raises(DataError, match=r"\.$"):
            list(reader.read(tmp_path))


def test_that_class_folders_are_read_however_deep_their_pictures_lie(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "cats/2023/may/2.PNG", "dogs/3.jpeg", "犬/ü\n4.jpg")
    items, skipped = read(ImageFolder(), tmp_path)
    assert items == [
        ("cats/1.jpg", "cats", ""),
        ("cats/2023/may/2.PNG", "cats", ""),
        ("dogs/3.jpeg", "dogs", ""),
        ("犬/ü\n4.jpg", "犬", ""),
    ]
    assert skipped == {}
    assert best(tmp_path) == "image-folder"


def test_that_litter_is_neither_a_class_nor_an_item(tmp_path: Path) -> None:
    litter = (
        ".ipynb_checkpoints/1-checkpoint.jpg", "cats/.ipynb_checkpoints/1.jpg", "__MACOSX/cats/._1.jpg", "cats/._1.jpg",
        "cats/Thumbs.db", "cats/.DS_Store", ".git/x.jpg", "desktop.ini",
    )  # fmt: skip
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", *litter)
    items, skipped = read(ImageFolder(), tmp_path)
    assert [path for path, _, _ in items] == ["cats/1.jpg", "dogs/1.jpg"]
    assert skipped == {}


def test_that_what_is_no_picture_is_skipped_with_its_reason(tmp_path: Path) -> None:
    make(
        tmp_path, "cats/1.jpg", "dogs/1.jpg", "cats/notes.txt", "cats/live.HEIC", "cats/README", "stray.jpg", "list.xml"
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "cats" / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    items, skipped = read(ImageFolder(), tmp_path)
    assert len(items) == 2
    assert skipped == {
        "stray.jpg": "It lies beside the class folders and so belongs to no class.",
        "list.xml": "Its name ends in .xml, which is no kind of picture that can be read.",
        "cats/notes.txt": "Its name ends in .txt, which is no kind of picture that can be read.",
        "cats/live.HEIC": "HEIC pictures cannot be read; convert them to JPEG or PNG.",
        "cats/README": "Its name has no ending that says it is a picture.",
        "cats/broken.jpg": "It is a link to a file that does not exist.",
        "empty": "The folder holds no pictures, so it is not used as a class.",
    }


def test_that_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    make(tmp_path, "data/cats/1.jpg", "data/dogs/1.jpg")
    cats = tmp_path / "data" / "cats"
    (cats / "up").symlink_to(tmp_path / "data")
    (cats / "higher").symlink_to("/")
    (cats / "self").symlink_to(cats / "self")
    (cats / "neighbour").symlink_to(tmp_path / "data" / "dogs")
    items, skipped = read(ImageFolder(), tmp_path / "data")
    assert [path for path, _, _ in items] == ["cats/1.jpg", "dogs/1.jpg"]
    assert skipped["cats/up"] == skipped["cats/higher"] == "It is a link to a folder that contains it."
    assert "is read already" in skipped["cats/neighbour"]


def test_that_class_folders_may_be_links_to_another_disk(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a/1.jpg", "elsewhere/b/2.jpg", "data/c/3.jpg")
    for name in "ab":
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert [label for _, label, _ in read(ImageFolder(), tmp_path / "data")[0]] == ["a", "b", "c"]


@pytest.mark.skipif(os.name == "nt", reason="names on Windows are always text")
def test_that_names_that_are_no_text_do_not_crash(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg")
    (tmp_path / "cats" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    os.mkdir(os.fsencode(tmp_path) + b"/b\xe4ume")
    (tmp_path / os.fsdecode(b"b\xe4ume") / "notes.\udcff").write_bytes(b"")
    items, _ = read(ImageFolder(), tmp_path)
    assert len(items) == 3
    assert best(tmp_path) == "image-folder"


def test_that_hundreds_of_folders_inside_one_another_are_no_problem(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/" + "d/" * 300 + "2.jpg")
    assert len(read(ImageFolder(), tmp_path)[0]) == 2


@pytest.mark.parametrize("names", [
    ("train", "val", "test"), ("training", "validation", "testing"), ("Train", "valid", "TEST"),
    ("train", "eval", "test"),
])  # fmt: skip
def test_that_split_folders_are_known_by_their_usual_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    make(
        tmp_path,
        *(f"{name}/{label}/{name}.jpg" for name in names for label in "ab"),
        "README.md",
        f"{names[0]}/odd.jpg",
    )
    items, skipped = read(SplitFolders(), tmp_path)
    found = {(path, split) for path, _, split in items}
    assert found == {
        (f"{name}/{label}/{name}.jpg", split)
        for name, split in zip(names, ("train", "val", "test"), strict=True)
        for label in "ab"
    }
    assert "README.md" in skipped
    assert best(tmp_path) == "split-folders"


def test_that_classes_called_train_and_bus_are_classes(tmp_path: Path) -> None:
    make(tmp_path, "train/1.jpg", "bus/1.jpg", "car/1.jpg")
    assert best(tmp_path) == "image-folder"


def test_that_a_test_folder_without_classes_is_skipped_and_the_rest_used(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "test/unknown.jpg", "extra/x/1.jpg")
    items, skipped = read(SplitFolders(), tmp_path)
    assert len(items) == 2
    assert "no class folders" in skipped["test"]
    assert "none of train, val and test" in skipped["extra"]
    with pytest.raises(DataError, match="no folder named train"):
        list(SplitFolders().read(tmp_path / "extra"))


TABLE = "file,label,split,group\n1.jpg,red,train,a\n2.jpg,blue,valid,b\n3.jpg,röt,testing,a\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_that_tables_of_any_encoding_and_delimiter_are_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    make(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "labels.csv").write_text(TABLE.replace(",", delimiter), encoding=encoding)
    for source in (tmp_path, tmp_path / "labels.csv"):
        items, skipped = read(CsvTable(), source)
        assert items == [("1.jpg", "red", "train"), ("2.jpg", "blue", "val"), ("3.jpg", "röt", "test")]
        assert skipped == {}
        assert best(source) == "csv"
    assert [entry.group for entry in CsvTable().read(tmp_path) if isinstance(entry, RawItem)] == ["a", "b", "a"]


@pytest.mark.parametrize(
    "header", ["Image_Name;Class", "FILENAME;Category", "img path;target", "id;breed", "label;file"]
)
def test_that_columns_are_known_by_their_usual_names(tmp_path: Path, header: str) -> None:
    make(tmp_path, "images/one.png")
    row = "x;one" if header.startswith("label") else "one;x"
    (tmp_path / "list.csv").write_text(f"{header}\n{row}\n")
    assert read(CsvTable(), tmp_path)[0] == [("images/one.png", "x", "")]


def test_that_rows_that_cannot_be_used_are_named_by_their_number(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.txt")
    rows = ["file,label,split", "1.jpg,red,", "2.jpg,,", "gone.jpg,red,", ",red,", "4.txt,red,", "3.jpg,red,holdout"]
    (tmp_path / "t.csv").write_text("\r\n".join(rows))
    items, skipped = read(CsvTable(), tmp_path)
    assert items == [("1.jpg", "red", "")]
    assert skipped == {
        "2.jpg": "It has no label in row 3 of t.csv.",
        "gone.jpg": "There is no such file; it is named in row 4 of t.csv.",
        "t.csv": "Row 5 of t.csv names no file.",
        "4.txt": "Its name ends in .txt, which is no kind of picture that can be read (row 6 of t.csv).",
        "3.jpg": "Its split is 'holdout' in row 7 of t.csv, which is none of train, val and test.",
    }


@pytest.mark.parametrize(("text", "sentence"), [
    ("a,b\n6,7\n", "Row 1 of .* names the columns 'a', 'b'; none of them is known to hold the file names"),
    ("file,colour\n1.jpg,red\n", "known to hold the labels"),
    ("", "is empty"),
])  # fmt: skip
def test_that_a_table_that_cannot_be_used_gives_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    make(tmp_path, "1.jpg")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        list(CsvTable().read(tmp_path))


def test_that_of_several_tables_one_must_be_named(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "a.csv", "b.csv")
    with pytest.raises(DataError, match=r"several tables: a\.csv, b\.csv"):
        list(CsvTable().read(tmp_path))
    with pytest.raises(DataError, match="holds no CSV"):
        list(CsvTable().read(make(tmp_path / "none", "1.jpg")))


def test_that_any_column_can_be_the_group(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg")
    (tmp_path / "t.csv").write_text("file,label,Patient ID\n1.jpg,red,P7\n")
    reader = CsvTable()
    assert isinstance(reader, GroupsByColumn)
    assert not reader.use_group_column(tmp_path, "hospital")
    assert reader.use_group_column(tmp_path, "patient_id")
    assert [entry.group for entry in reader.read(tmp_path) if isinstance(entry, RawItem)] == ["P7"]


def test_that_a_table_beside_class_folders_does_not_hide_them(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "sizes.csv").write_text("file,label\na/1.jpg,big\n")
    assert best(tmp_path) == "image-folder"
