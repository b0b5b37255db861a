"""Looking at items: filters, orders, deep pages, findings, predictions, and data sets of other tasks."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from tests.unit import project_material as material
from tlstudio import places
from tlstudio.api.errors import DataError, UsageError
from tlstudio.project import ORDERS, Change, Item, ItemFilter, Project, views
from tlstudio.project.staging import CheckedFile, FoundFile


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "garden.tlproj") as made:
        material.add_dataset(made, tmp_path / "pictures")
        yield made


def stage(
    project: Project, root: Path, task: str, values: list[str], names: list[str], texts: bool = False
) -> list[Item]:  # fmt: skip
    """A data set whose sizes, groups and values differ from item to item."""
    root.mkdir(exist_ok=True)
    with project.stage_import(task) as staging:
        found = []
        for number, value in enumerate(values):
            place: tuple[str, int, int] = ("", 0, 0)
            if texts:
                file = staging.folder / "texts.bin"
                with file.open("ab") as stream:
                    place = (staging.kept(file), stream.tell(), stream.write(f"text {number}".encode()))
            name = f"row {number}" if texts else f"{number * 7919 % len(values):05}.bin"
            meta = json.dumps([["column", str(number)]])
            found.append(FoundFile(name, value, "", f"g{number % 5}", *place, meta))
        staging.found(found)
        staging.checked(
            (number, CheckedFile(_sha256(path.replace("row", "text")), 10 + number % 97, 5 + number % 13, number, 0,
                                 f"Caption of {path}", (1 << 64) - 1 - number))
            for number, path in list(staging.pending(1000))
        )  # fmt: skip
        staging.assign((number % 3, number) for number, _ in list(staging.pending(1000)))
        staging.publish(name=task, task=task, modality="text" if texts else "image", format="test", root=root,
                        class_names=names, split_note="By turns.", warnings=[])  # fmt: skip
    return project.items(task, limit=len(values))


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


KEYS = {
    "id": lambda item: 0, "path": lambda item: item.path, "label": lambda item: item.label,
    "split": lambda item: ("train", "val", "test", "excluded").index(item.split), "group": lambda item: item.group,
    "width": lambda item: item.width, "height": lambda item: item.height, "bytes": lambda item: item.bytes,
    "pixels": lambda item: item.width * item.height, "suspicion": lambda item: 0, "confidence": lambda item: 0,
}  # fmt: skip


@pytest.mark.parametrize("direct", [2000, 0])
def test_every_order_and_filter_gives_the_same_by_index_and_by_array(
    project: Project, tmp_path: Path, direct: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_DIRECT", direct)
    values = ["a", "b", "c"]
    every = stage(project, tmp_path / "x", "classification", [values[n * n % 3] for n in range(300)], values)
    project.edit("classification", [Change(item.id, split="excluded") for item in every[::11]], "Out.", "exclude")
    every = project.items_of("classification", [item.id for item in every])
    for rare in (0, 20_000):
        monkeypatch.setattr(views, "_RARE", rare)
        for order in ORDERS:
            for down in (False, True):
                for split, label in (("", ""), ("val", ""), ("", "b"), ("excluded", "a")):
                    fits = [i for i in every if split in ("", i.split) and label in ("", i.label)]
                    expected = sorted(fits, key=lambda item: (KEYS[order](item), item.id), reverse=down)
                    wanted = ItemFilter(split=split, label=label, order=order, descending=down)
                    view = project.view("classification", wanted)
                    assert view.count == len(expected)
                    assert view.page(7, 50) == expected[7:57]
                    assert view.ids() == [item.id for item in expected]
                    project._browsing._views.clear()


def test_a_view_is_of_its_revision_and_groups_ids_and_searches_combine(project: Project) -> None:
    first = project.view("things", ItemFilter(label="birnen"))
    item = first.page(0, 1)[0]
    project.edit("things", [Change(item.id, "äpfel")], "An apple.")
    assert (first.count, first.page(0, 1)[0].label) == (6, "birnen")
    assert project.view("things", ItemFilter(label="birnen")).count == 5
    assert project.view("things", ItemFilter(label="birnen", revision=1)).count == 6
    assert project.view("things", ItemFilter(search="BIRNEN", ids=(item.id, 2, 12, 9999))).ids() == [item.id, 2]
    assert project.view("things", ItemFilter(group="nobody")).page(0, 5) == []
    with pytest.raises(UsageError, match="no order 'size'"):
        project.view("things", ItemFilter(order="size"))
    with pytest.raises(DataError, match="no revision 5"):
        project.view("things", ItemFilter(revision=5))


def test_several_labels_are_found_one_by_one_and_counted(project: Project, tmp_path: Path) -> None:
    labels = [["cat"], ["cat", "dog"], [], ["dog"]]
    stage(project, tmp_path / "x", "multilabel", [json.dumps(labels[n % 4]) for n in range(40)], ["dog", "cat"])
    info = project.dataset("multilabel")
    assert info.class_counts == {"dog": 20, "cat": 20}
    assert info.profile.items == 40
    item = project.items("multilabel", label="dog", search="00001.bin")[0]
    assert project.view("multilabel", ItemFilter(label="dog")).count == 20
    assert project.view("multilabel", ItemFilter(label="none")).count == 10
    made = project.edit("multilabel", [Change(item.id, json.dumps(["cat", "dog"]))], "Both.")
    assert made.changed == 1
    (changed,) = project.items_of("multilabel", [item.id])
    assert (changed.value, changed.label) == ('["dog", "cat"]', "dog, cat")  # in class order
    assert project.class_values("multilabel")["train"]["none"] == 4
    with pytest.raises(DataError, match="no class 'cow'"):
        project.edit("multilabel", [Change(item.id, '["cow"]')], "A cow.")
    with pytest.raises(DataError, match="is no multilabel label"):
        project.edit("multilabel", [Change(item.id, "cat")], "A cat.")
    manifest = project.manifest("multilabel")
    assert (manifest.task, set(manifest.splits["train"].labels)) == ("multilabel", {0})


def test_numbers_are_sorted_by_value_shown_short_and_told_as_a_histogram(project: Project, tmp_path: Path) -> None:
    stage(project, tmp_path / "x", "regression", [json.dumps([n / 4]) for n in range(100)], ["cells"])
    page = project.view("regression", ItemFilter(order="label", descending=True)).page(0, 3)
    assert [item.label for item in page] == ["24.75", "24.5", "24.25"]
    histogram = project.class_values("regression")
    assert len(histogram["train"]) == 20
    assert sum(map(sum, (bins.values() for bins in histogram.values()))) == 100
    made = project.edit("regression", [Change(page[0].id, "[3]")], "Three.")
    assert project.items_of("regression", [page[0].id])[0].value == "[3.0]"
    assert project.manifest("regression").fingerprint == made.fingerprint
    with pytest.raises(UsageError, match="a class cannot be added"):
        project.add_class("regression", "many")


def test_a_text_in_a_container_has_a_place_that_survives_a_move_of_the_project(
    project: Project, tmp_path: Path
) -> None:
    items = stage(project, tmp_path / "x", "classification", ["a", "b"] * 5, ["a", "b"], texts=True)
    info = project.dataset("classification")
    assert info.root == project.path / "data" / "classification"
    by_path = {item.path: item for item in items}
    assert places.read_bytes(by_path["row 7"].place(info.root)) == b"text 7"
    assert project.meta("classification", by_path["row 7"].id) == [("column", "7")]
    assert by_path["row 7"].phash == (1 << 64) - 1 - 8
    assert project.changes("classification", 1) == []
    project.close()
    moved = project.path.rename(tmp_path / "moved.tlproj")
    with Project.open(moved) as again:
        manifest = again.manifest("classification")
        contents = {places.read_bytes(place) for split in manifest.splits.values() for place in split.paths}
        assert contents == {f"text {number}".encode() for number in range(10)}
        (moved / "data" / "classification" / "texts.bin").write_bytes(b"text 0")
        assert "9 of 10 files have changed" in again.changes("classification", 1)[0]


def test_the_items_of_a_finding_are_found_and_sorted_by_suspicion(project: Project) -> None:
    ids = [item.id for item in project.items("things")]
    with pytest.raises(DataError, match="has not looked"):
        _ = project.view("things", ItemFilter(finding="outliers")).count
    found = [{"id": ids[3], "score": 0.4}, {"id": ids[5], "score": 0.9}, {"id": ids[3], "score": 0.1}]
    report = {"dataset": "things", "findings": [
        {"kind": "outliers", "count": 2, "items": found},
        {"kind": "skipped", "count": 1, "items": [{"id": None, "path": "notes.txt"}]},
    ]}  # fmt: skip
    project.save_report("things", report)
    kept = project.report("things")
    assert kept is not None
    assert kept.pop("created") <= time.time()
    assert kept == report
    wanted = ItemFilter(finding="outliers", order="suspicion", descending=True)
    assert project.view("things", wanted).ids() == [ids[5], ids[3]]
    assert project.view("things", ItemFilter(finding="outliers", label="birnen")).count == len(
        [item for item in project.items_of("things", [ids[3], ids[5]]) if item.label == "birnen"]
    )
    assert project.view("things", ItemFilter(order="suspicion", descending=True)).ids()[:2] == [ids[5], ids[3]]
    project.save_report("things", {"findings": []})
    assert project.view("things", wanted).count == 0


@pytest.mark.parametrize("older", [False, True])
def test_what_a_run_predicted_is_found(project: Project, older: bool) -> None:
    run = project.create_run(material.spec)
    items = project.items("things", split="test")
    truth = np.array([0 if item.label == "äpfel" else 1 for item in items])
    logits = np.tile([2.0, 0.0], (len(items), 1)).astype(np.float32)  # always apples
    logits[1] = [3.0, 0.0]
    (run.dir / "predictions").mkdir()
    columns = {} if older else {
        "predicted": np.array(["äpfel"] * 4), "right": (truth == 0).astype(np.float32),
        "confidence": np.array([0.88, 0.95, 0.88, 0.88], np.float32),
    }  # fmt: skip
    np.savez(run.dir / "predictions" / "test.npz", targets=truth, item_ids=[i.id for i in items],
             **{"logits" if older else "outputs": logits}, **columns)  # fmt: skip
    assert project.view("things", ItemFilter(run=run.id)).count == 4
    assert project.view("things", ItemFilter(run=run.id, predicted="birnen")).count == 0
    wrong = project.view("things", ItemFilter(run=run.id, wrong=True)).page(0, 9)
    assert [item.label for item in wrong] == ["birnen", "birnen"]
    surest = project.view("things", ItemFilter(run=run.id, order="confidence", descending=True)).page(0, 1)
    assert surest[0].id == items[1].id
    (run.dir / "predictions" / "val.npz").write_bytes(b"half")
    with pytest.raises(DataError, match=r"val\.npz cannot be read"):
        _ = project.view("things", ItemFilter(run=run.id)).count
    with pytest.raises(DataError, match="was not trained with"):
        _ = project.view("things", ItemFilter(run=77)).count


@pytest.mark.parametrize("version", [1, 2])
def test_a_project_of_an_older_format_opens_with_its_revisions_as_they_were(
    project: Project, tmp_path: Path, version: int
) -> None:
    run = project.create_run(material.spec)
    before = project.manifest("things")
    project.close()
    material.make_older(project.path, version)
    with Project.open(project.path) as again:
        assert (project.path / "project.sqlite.before-v3").is_file()
        manifest = again.manifest("things", 1)
        assert manifest.fingerprint == "f1"  # as the run names it
        assert (manifest.splits, manifest.class_names) == (before.splits, before.class_names)
        assert again.dataset("things").class_split_counts["birnen"] == {"train": 2, "val": 2, "test": 2}
        assert again.warnings("things") == ["Small."]
        assert [(r.revision, r.kind, r.changed, r.runs) for r in again.revisions("things")] == [
            (1, "import", 12, (run.id,))
        ]
        item = again.items("things", label="birnen")[0]
        edited = again.edit("things", [Change(item.id, "äpfel")], "An apple.")
        assert len(edited.fingerprint) == 64
        assert again.restore("things", 1).fingerprint == "f1"  # the same content
        assert again.manifest("things").fingerprint == "f1"
