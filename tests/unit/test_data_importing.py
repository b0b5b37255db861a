"""The import job, whole: real folders, a folder full of trouble, stopping and being killed in the middle."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlstudio.api.errors import DataError, StoppedByUser, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data.importing import import_job
from tlstudio.data.report import describe
from tlstudio.project import Project

REPOSITORY = Path(__file__).parents[2]


def jpeg(seed: int, side: int = 16) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side)).save(buffer, "JPEG")
    return buffer.getvalue()


def fill(root: Path, counts: dict[str, int], start: int = 0) -> Path:
    number = start
    for label, count in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            number += 1
            (root / label / f"{number}.jpg").write_bytes(jpeg(number))
    return root


def many(root: Path, count: int) -> Path:
    """Files that differ by a comment alone, which is quick."""
    body = jpeg(1)
    for number in range(count):
        path = root / "ab"[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body[:2] + b"\xff\xfe\x00\x0a" + f"{number:08}".encode() + body[2:])
    return root


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def run(
    project: Project, source: Path, name: str = "d", control: Control | None = None, **options: Any
) -> dict[str, Any]:
    return play(project, source, name, control, **options)[1]


def play(
    project: Project, source: Path, name: str = "d", control: Control | None = None, **options: Any
) -> tuple[list[Event], dict[str, Any]]:
    job = import_job(control or Control(), str(project.path), str(source), name, **options)
    events: list[Event] = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            return events, end.value


def assert_untouched(project: Project) -> None:
    assert project.datasets() == []
    assert list((project.path / "cache").glob("importing-*")) == []


@pytest.mark.parametrize(("name", "items", "classes"), [("trashnet", 216, 6), ("sign_digits", 599, 10)])
def test_that_real_pictures_are_imported_whole(
    project: Project, shared_data: Path, name: str, items: int, classes: int
) -> None:
    events, result = play(project, shared_data / name, name)
    assert (result["items"], len(result["classes"]), result["skipped"], result["warnings"]) == (items, classes, 0, [])
    assert result["splits"]["train"] == pytest.approx(0.7 * items, abs=2)
    info = project.dataset(name)
    assert info.profile.items == sum(info.class_counts.values()) == items
    for counts in info.class_split_counts.values():
        assert min(counts.values()) >= 5
    last = [event for event in events if isinstance(event, Progress) and event.text == "Checking pictures"][-1]
    assert (last.done, last.total, last.unit, last.eta) == (items, items, "files", 0.0)
    assert json.dumps(result)
    manifest = project.manifest(name)
    assert sum(len(split.paths) for split in manifest.splits.values()) == items
    assert describe(project, name)["splits"] == result["splits"]


def test_that_a_folder_full_of_trouble_is_imported_without_it(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"cats": 8, "dogs": 8, "rare": 1})
    good = jpeg(99, side=200)
    trouble = {
        "cats/empty.jpg": b"",
        "cats/truncated.jpg": good[: len(good) // 2],
        "dogs/text.png": b"not a picture",
        "dogs/notes.txt": b"hello",
        "beside.jpg": good,
        ".ipynb_checkpoints/1.jpg": good,
        "dogs/.hidden.jpg": good,
        "broken/1.jpg": b"",
    }
    for path, content in trouble.items():
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_bytes(content)
    (source / "cats" / "loop").symlink_to(source)
    (source / "cats" / "new\nline.jpg").write_bytes(jpeg(1000))
    (source / "dogs" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(jpeg(1001))
    (source / "dogs" / "copy.jpg").write_bytes((source / "dogs" / "9.jpg").read_bytes())
    (source / "dogs" / "wrong.jpg").write_bytes((source / "cats" / "1.jpg").read_bytes())
    events, result = play(project, source)
    assert result["items"] == 20
    assert result["classes"] == ["cats", "dogs", "rare"]
    reasons = {entry["path"]: entry["reason"] for entry in result["skipped_files"]}
    assert result["skipped"] == len(reasons) == 8
    assert reasons["cats/empty.jpg"] == reasons["broken/1.jpg"] == "The file is empty."
    assert "cut off" in reasons["cats/truncated.jpg"]
    assert "not a picture" in reasons["dogs/text.png"]
    assert "not valid text" in reasons["dogs/caf\\udce9.jpg"]
    assert "contains it" in reasons["cats/loop"]
    warnings = "\n".join(result["warnings"])
    assert "The class 'broken' has no usable picture" in warnings
    assert "rare (1)" in warnings
    assert "cats/1.jpg (cats) = dogs/wrong.jpg (dogs)" in warnings
    assert {e.text for e in events if isinstance(e, Message) and e.level == "warning"} == set(result["warnings"])
    assert project.warnings("d") == result["warnings"]
    assert project.count_items("d", search="new\nline") == 1
    places = {item.sha256: item.split for item in project.items("d")}
    assert all(places[item.sha256] == item.split for item in project.items("d"))


def test_that_the_same_folder_gives_the_same_data_set_again(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"10": 9, "9": 9, "b": 9})
    first, second = run(project, source, "one"), run(project, source, "two")
    assert first["classes"] == ["9", "10", "b"]
    assert project.manifest("one").fingerprint == project.manifest("two").fingerprint
    other = run(project, source, "three", seed=1)
    assert other["splits"] == second["splits"]
    assert project.manifest("three").fingerprint != project.manifest("one").fingerprint


def test_that_split_folders_without_validation_get_one(project: Project, tmp_path: Path) -> None:
    fill(tmp_path / "s" / "train", {"a": 20, "b": 20})
    fill(tmp_path / "s" / "test", {"a": 4, "b": 4}, start=100)
    result = run(project, tmp_path / "s")
    assert result["format"] == "split-folders"
    assert result["splits"] == {"train": 34, "val": 6, "test": 8}
    assert "set aside" in result["split_note"]
    assert run(project, tmp_path / "s", "e", splits="0.5,0.25,0.25")["splits"] == {"train": 24, "val": 12, "test": 12}


def test_that_groups_named_by_a_pattern_stay_together(project: Project, tmp_path: Path) -> None:
    for speaker in range(6):
        for number in range(10):
            path = tmp_path / "s" / "ab"[number % 2] / f"{number}_s{speaker}_x.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(100 * speaker + number))
    run(project, tmp_path / "s", group_by=r"_(s\d)_")
    places: dict[str, set[str]] = {}
    for item in project.items("d"):
        places.setdefault(item.path.split("_")[1], set()).add(item.split)
    assert all(len(splits) == 1 for splits in places.values())
    assert set().union(*places.values()) == {"train", "val", "test"}


def test_that_a_table_with_a_column_of_patients_keeps_them_together(project: Project, tmp_path: Path) -> None:
    rows = ["picture,diagnosis,patient"]
    for number in range(60):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        rows.append(f"{number}.jpg,{'ill' if number % 3 else 'well'},p{number // 6}")
    rows.append("3.jpg,well,p0")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    result = run(project, tmp_path / "list.csv", group_by="patient")
    assert result["items"] == 60
    assert result["skipped_files"] == [
        {"path": "3.jpg", "reason": "The file is listed more than once; the first mention counts."}
    ]
    places: dict[int, set[str]] = {}
    for item in project.items("d"):
        places.setdefault(int(item.path.split(".")[0]) // 6, set()).add(item.split)
    assert all(len(splits) == 1 for splits in places.values())


@pytest.mark.parametrize(("prepare", "options", "sentence"), [
    ({}, {}, "no subfolders and no table"),
    ({"only": 5}, {}, "All 5 usable pictures .* belong to one class, 'only'"),
    ({"a": 3, "b": 3}, {"splits": "folders"}, "gives no splits"),
    ({"a": 3, "b": 3}, {"task": "segmentation"}, "not for segmentation"),
    ({"a": 3, "b": 3}, {"format": "csv"}, "holds no CSV"),
])  # fmt: skip
def test_that_a_source_that_cannot_be_used_gives_a_sentence_and_leaves_nothing(
    project: Project, tmp_path: Path, prepare: dict[str, int], options: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "source").mkdir()
    fill(tmp_path / "source", prepare)
    with pytest.raises(DataError, match=sentence):
        run(project, tmp_path / "source", **options)
    assert_untouched(project)


def test_that_wrong_arguments_give_a_sentence_and_leave_nothing(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a": 3, "b": 3})
    with pytest.raises(UsageError, match="no way to split"):
        run(project, source, splits="some")
    with pytest.raises(UsageError, match="There is no format"):
        run(project, source, format="zip")
    with pytest.raises(UsageError, match="exactly one group in parentheses"):
        run(project, source, group_by="patient")
    with pytest.raises(UsageError, match="no pattern"):
        run(project, source, group_by="(")
    with pytest.raises(DataError, match="There is nothing at"):
        run(project, tmp_path / "nowhere")
    assert_untouched(project)
    run(project, source, "taken")
    with pytest.raises(DataError, match="already has a data set named 'taken'"):
        run(project, source, "taken")


def test_that_only_damaged_pictures_give_the_reasons(project: Project, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "s" / label).mkdir(parents=True)
        (tmp_path / "s" / label / "1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"no picture that can be used; 2 files .* a/1\.jpg: The file is empty\."):
        run(project, tmp_path / "s")
    assert_untouched(project)


def test_that_many_files_are_checked_by_helpers_and_a_stop_leaves_nothing(project: Project, tmp_path: Path) -> None:
    source = many(tmp_path / "s", 1500)
    control = Control()
    job = import_job(control, str(project.path), str(source), "d")
    for event in job:
        if isinstance(event, Progress) and event.total and event.done:
            break
    control.request_stop()
    began = time.monotonic()
    with pytest.raises(StoppedByUser):
        for _ in job:
            pass
    assert time.monotonic() - began < 3.0
    assert_untouched(project)
    assert run(project, source)["items"] == 1500


@pytest.mark.skipif(sys.platform != "linux", reason="finds the helpers by /proc")
def test_that_a_helper_that_dies_costs_no_picture(project: Project, tmp_path: Path) -> None:
    source = many(tmp_path / "s", 3000)
    job = import_job(Control(), str(project.path), str(source), "d")
    killed = False
    while True:
        try:
            event = next(job)
        except StopIteration as end:
            result = end.value
            break
        if isinstance(event, Progress) and event.total and event.done and not killed:
            helpers = [
                pid for pid in children(os.getpid()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
            os.kill(helpers[0], signal.SIGKILL)
            killed = True
    assert killed
    assert (result["items"], result["skipped"]) == (3000, 0)


def test_that_a_file_that_kills_whatever_opens_it_is_left_out_alone(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = many(tmp_path / "s", 600)
    for label in "ab":
        (source / label / "deadly.jpg").write_bytes(jpeg(7))
    hook = "import os, sys\nsys.addaudithook(lambda e, a: 'deadly' in str(a) and e == 'open' and os._exit(1))\n"
    (tmp_path / "sitecustomize.py").write_text(hook)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    result = run(project, source)
    assert result["items"] == 600
    assert sorted(entry["path"] for entry in result["skipped_files"]) == ["a/deadly.jpg", "b/deadly.jpg"]
    assert "crashed the program" in result["skipped_files"][0]["reason"]


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the helpers by /proc")
def test_that_a_killed_import_leaves_no_data_set_no_process_and_a_usable_project(
    project: Project, tmp_path: Path
) -> None:
    source = many(tmp_path / "s", 4000)
    arguments = {"project": str(project.path), "source": str(source), "name": "d"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "tlstudio.worker", "--job", "import-data"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    with worker:
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(json.dumps(arguments) + "\n")
            worker.stdin.flush()
            for line in worker.stdout:
                event = json.loads(line)
                if event["type"] == "Progress" and event["total"] and event["done"]:
                    break
            helpers = children(worker.pid)
            assert helpers
        finally:
            worker.kill()
    until = time.monotonic() + 10
    while time.monotonic() < until and any(Path(f"/proc/{pid}").exists() for pid in helpers):
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in helpers)
    assert project.datasets() == []
    assert len(list((project.path / "cache").glob("importing-*"))) == 1
    with Project.open(project.path) as again:
        assert_untouched(again)
        assert run(again, source)["items"] == 4000
