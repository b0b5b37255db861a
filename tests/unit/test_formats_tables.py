"""Tables: whatever stands in them, a row that cannot be used is named and the others are read."""

import csv
import io
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.format_material import picture, read, reader
from tlstudio.api import DataError, RawItem, Skipped

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def table(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def of(path: Path, task: str = "auto", **options: Any) -> tuple[list[RawItem], list[Skipped]]:
    return read(reader("jsonl" if path.suffix == ".jsonl" else "csv", task, options), path)


def labels(path: Path, task: str = "auto", **options: Any) -> list[Any]:
    return [item.label for item in of(path, task, **options)[0]]


def test_that_blood_cells_are_counted_or_listed_as_the_user_asks(shared_data: Path) -> None:
    source = shared_data / "bccd" / "labels.csv"
    made = reader("csv")
    seen = made.look(source)
    assert (seen.sure, seen.modality, seen.task) == (0.95, "image", "multilabel")
    assert seen.options["label_columns"] == "kinds"
    assert seen.options["separator"] == "|"
    assert seen.columns == ("file", "red_cells", "white_cells", "platelets", "kinds")
    assert seen.rows[0][1] == "19"
    items, skipped = read(made, source)
    assert (len(items), skipped, items[3].label) == (364, [], ("Platelets", "RBC", "WBC"))
    assert items[3].meta == (("red_cells", "15"), ("white_cells", "1"), ("platelets", "1"))
    counting = reader("csv", "regression")
    assert counting.look(source).options["number_columns"] == "red_cells, white_cells, platelets"
    assert read(counting, source)[0][0].label == (19.0, 1.0, 0.0)
    assert counting.declared().class_names == ("red_cells", "white_cells", "platelets")
    assert labels(source, number_columns="red_cells")[:3] == [(19.0,), (18.0,), (15.0,)]


def test_that_messages_without_a_header_are_texts_with_their_class(shared_data: Path) -> None:
    source = shared_data / "text" / "SMSSpamCollection.tsv"
    seen = reader("csv").look(source)
    assert (seen.modality, seen.task, seen.options["header"]) == ("text", "classification", "no")
    assert (seen.options["text_column"], seen.options["label_columns"]) == ("column 2", "column 1")
    items, skipped = of(source)
    assert skipped == []
    assert [sum(item.label == name for item in items) for name in ("ham", "spam")] == [4827, 747]
    assert items[1].text == "Ok lar... Joking wif u oni..."
    assert items[1].member == "row 2"
    assert any(item.text and item.text.count('"') % 2 for item in items)  # quotes are characters like others there


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ANY_TEXT, st.sampled_from("abc")), min_size=1, max_size=8), st.sampled_from(",;|\t"))
def test_that_any_text_comes_back_from_a_quoted_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "label"), *rows])
    if delimiter == "\t" and any("\n" in text or "\r" in text or '"' in text or "\t" in text for text, _ in rows):
        return  # tables with tabs are read line by line, unless all their quotes are plain
    items, skipped = of(path, "classification")
    assert [(i.text, i.label) for i in items] == [row for row in rows if row[0].strip()]
    assert len(skipped) == sum(not text.strip() for text, _ in rows)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.text('a,b;"\n\r\t|0.5 x\0é', max_size=120).map(str.encode))
def test_that_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("t")
    for name in ("t.csv", "t.tsv", "t.jsonl"):
        path = table(folder, b"file,label\n" + content if content[:1] == b"," else content, name)
        for task in ("auto", "classification", "multilabel", "regression"):
            try:
                reader("jsonl" if name.endswith("jsonl") else "csv", task).look(path)
                items, skipped = of(path, task)
            except DataError as error:
                assert str(error).endswith(".")  # noqa: PT017 - it need not be raised
            else:
                assert all("row" in entry.reason.lower() for entry in skipped)
                assert all(item.text is None or item.text.strip() for item in items)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(ANY_TEXT, st.lists(ANY_TEXT.map(str.strip).filter(bool), max_size=3, unique=True)), max_size=6)
)
def test_that_any_text_and_labels_come_back_from_json_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str]]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    rows = [("first", ["x"]), *rows]
    path.write_text("".join(json.dumps({"text": text, "labels": names}) + "\n" for text, names in rows))
    items, _ = of(path, "multilabel")
    assert [(i.text, i.label) for i in items] == [(text, tuple(names)) for text, names in rows if text.strip()]


def test_that_rows_of_another_encoding_are_left_out_by_their_number(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\ngrün und gut,a\n".encode() + "rötlich,b\n".encode("latin-1") + b"plain,b\n")
    items, skipped = of(path, "classification")
    assert [item.text for item in items] == ["grün und gut", "plain"]
    assert [s.reason for s in skipped] == [
        "Row 3 of t.csv holds bytes that are not in the encoding of the rest of the table, so it is left out."
    ]


def test_that_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    rows = "".join(f"number {n} of some,{'ab'[n % 2]}\n" for n in range(3000))
    path = table(tmp_path, f'text,label\n"opened and left,a\n{rows}')
    items, skipped = of(path)
    assert len(items) == 3000
    assert [s.reason for s in skipped] == ["Row 2 of t.csv opens a quote that is not closed, so it is left out."]


def test_that_rows_with_too_few_or_too_many_columns_are_named(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\none two,a\nthree, four,b\nfive\nsix,b,\nseven,a\0\n")
    items, skipped = of(path)
    assert [item.text for item in items] == ["one two", "six"]
    assert [s.reason.partition(" of t.csv ")[2] for s in skipped] == [
        "has 3 columns where the table has 2, so it is left out.",
        "has 1 columns where the table has 2, so it is left out.",
        "holds a NUL, so it is left out.",
    ]


def test_that_long_texts_are_read_and_endless_lines_are_not(tmp_path: Path) -> None:
    path = table(tmp_path, f'text,label\n"{"x" * 300_000}",a\n{"y" * (17 << 20)}\nshort,a\n')
    items, skipped = of(path)
    assert [len(item.text or "") for item in items] == [300_000, 5]
    assert [s.reason[:31] for s in skipped] == ["Row 3 of t.csv is longer than 1"]


def test_that_columns_of_marks_are_labels(tmp_path: Path) -> None:
    path = table(tmp_path, "text,toxic,rude,kind\none of them,1,0,0\ntwo of them,0,0,0\nthree more,1,1,0\nfour,7,0,1\n")
    made = reader("csv", "multilabel", {"label_columns": "toxic, rude, kind"})
    items, skipped = read(made, path)
    assert [item.label for item in items] == [("toxic",), (), ("toxic", "rude")]
    assert made.declared().class_names == ("toxic", "rude", "kind")
    assert [s.reason for s in skipped] == ["The column 'toxic' holds '7', where 0 or 1 is needed in row 5 of t.csv."]
    clean = table(tmp_path / "clean", path.read_text().replace("7,", "0,"))
    assert reader("csv").look(clean).task == "multilabel"


@pytest.mark.parametrize(("cells", "expected"), [
    ("red|blue,blue,red|green,", [("red", "blue"), ("blue",), ("red", "green"), ()]),
    ("red; blue,blue,red; green,", [("red", "blue"), ("blue",), ("red", "green"), ()]),
])  # fmt: skip
def test_that_several_labels_may_stand_in_one_cell(tmp_path: Path, cells: str, expected: list[Any]) -> None:
    rows = "".join(f"text number {n},{cell}\n" for n, cell in enumerate(cells.split(",")))
    assert labels(table(tmp_path, f"text,tags\n{rows}"), "multilabel") == expected


def test_that_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    for n in range(4):
        picture(tmp_path / f"{n}.png")
    path = table(tmp_path, "file,age,height\n0.png,31,1.7\n1.png,old,1.6\n2.png,inf,1.5\n3.png,,1.5\n")
    items, skipped = of(path, "regression", number_columns="age, height")
    assert [item.label for item in items] == [(31.0, 1.7)]
    assert [s.reason for s in skipped] == [
        "The column 'age' holds 'old', where a number is needed in row 3 of t.csv.",
        "The column 'age' holds 'inf', where a number is needed in row 4 of t.csv.",
        "The column 'age' holds nothing, where a number is needed in row 5 of t.csv.",
    ]


def test_that_measured_targets_are_numbers_and_not_classes(tmp_path: Path) -> None:
    rows = "".join(f"a sentence number {n},{n / 7:.3f}\n" for n in range(50))
    made = reader("csv")
    assert made.look(table(tmp_path, f"text,target\n{rows}")).task == "regression"


@pytest.mark.parametrize(("options", "task", "sentence"), [
    ({"label_columns": "colour"}, "auto", "has no column 'colour'; its columns are 'text', 'label'"),
    ({"number_columns": "label"}, "classification", "are for regression, and the task is classification"),
    ({"label_columns": "text, label"}, "classification", "2 columns of t.csv are to be labels"),
    ({"mask_column": "label"}, "multilabel", "are for segmentation"),
    ({}, "segmentation", "known to hold the files of the masks"),
])  # fmt: skip
def test_that_a_wrong_column_is_said_in_a_sentence(tmp_path: Path, options: Any, task: str, sentence: str) -> None:
    path = table(tmp_path, "text,label\nsome words here,a\nand some more,b\n")
    with pytest.raises(DataError, match=sentence):
        of(path, task, **options)


def test_that_the_user_says_which_column_is_what(tmp_path: Path) -> None:
    picture(tmp_path / "deep" / "x.png")
    picture(tmp_path / "y.png")
    path = table(tmp_path, "a,b,c,d,e,f\ndeep/x.png,cat,Valid,P1,2020-05-01,y.png\n")
    options = {"file_column": "a", "label_columns": "B", "split_column": "c", "group_column": "d", "time_column": "e",
               "partner_column": "f"}  # fmt: skip
    (item,), _ = of(path, "auto", **options)
    assert (item.label, item.split, item.group, item.partner) == ("cat", "val", "P1", tmp_path / "y.png")
    assert ("time", "2020-05-01") in item.meta


def test_that_what_was_proposed_for_one_task_does_not_hinder_another(tmp_path: Path) -> None:
    path = table(tmp_path, "text,kind,size\nsome words,a,1\nmore words,b,2\nsome more,a,3\nand words,b,4\n")
    both = {"label_columns": "kind", "number_columns": "size"}
    assert labels(path, "classification", **both) == ["a", "b", "a", "b"]
    assert labels(path, "regression", **both) == [(1.0,), (2.0,), (3.0,), (4.0,)]


def test_that_masks_may_be_named_in_a_table(tmp_path: Path, shared_data: Path) -> None:
    for folder in ("image", "label"):
        (tmp_path / folder).symlink_to(shared_data / "em_membrane" / folder)
    path = table(tmp_path, "image,mask\nimage/0.png,label/0.png\nimage/1.png,label/999.png\n")
    made = reader("csv")
    assert made.look(path).task == "segmentation"
    (item,), skipped = read(made, path)
    assert item.label.path == tmp_path / "label" / "0.png"
    assert made.declared().pixels == (0, 255)
    assert skipped[0].reason == "Its mask 'label/999.png' does not exist in row 3 of t.csv."


def test_that_a_list_of_sounds_is_a_data_set_of_sounds(tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / f"{n}.wav").write_bytes(b"RIFF")
    path = table(tmp_path, "fname,label\n" + "".join(f"{n}.wav,{n % 2}\n" for n in range(4)))
    seen = reader("csv").look(path)
    assert (seen.modality, seen.task, len(of(path)[0])) == ("audio", "classification", 4)


def test_that_json_lines_that_are_none_are_named(tmp_path: Path) -> None:
    good = json.dumps({"text": "all is well", "label": "a"})
    half = '{"text": "\\ud800 half", "label": "b"}'
    path = table(tmp_path, f"{good}\n[1, 2]\n{{broken\n\n{half}\n{'[' * 100_000}\n", "t.jsonl")
    items, skipped = of(path)
    assert [item.text for item in items] == ["all is well", "� half"]
    assert [s.reason.split(" is ")[0] for s in skipped] == [f"Row {n} of t.jsonl" for n in (2, 3, 6)]


def test_that_a_hundred_thousand_rows_stream(tmp_path: Path) -> None:
    buffer = io.StringIO()
    buffer.write("text,label\n")
    for n in range(100_000):
        buffer.write(f"message number {n},{n % 7}\n")
    path = table(tmp_path, buffer.getvalue())
    made = reader("csv")
    tracemalloc.start()
    entries = made.read(path)
    started = time.process_time()
    assert next(entries).label == "0"
    assert time.process_time() - started < 1
    for _ in range(5000):
        next(entries)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    assert sum(1 for _ in entries) == 94_999
