"""Whether the files of a data set are still those that a run was planned with."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.unit.project_material import add_dataset
from tlstudio.api.errors import DataError
from tlstudio.project import Project
from tlstudio.project.changes import Recorded, compare


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "p.tlproj") as made:
        add_dataset(made, tmp_path / "pictures")
        yield made


def test_that_files_that_are_as_they_were_are_no_change(project: Project, tmp_path: Path) -> None:
    assert project.changes("things", 1) == []
    os.utime(tmp_path / "pictures" / "birnen" / "2.bin", ns=(5, 5))
    assert project.changes("things", 1) == []


def test_that_missing_and_changed_files_are_counted_and_named(project: Project, tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    (root / "birnen" / "0.bin").write_bytes(b"longer than before, in any case")
    assert project.changes("things", 1) == [
        "1 of 12 pictures has changed since it was imported: birnen/0.bin.",
    ]
    for number in range(3):
        (root / "äpfel" / f"{number}.bin").unlink()
    path = root / "birnen" / "1.bin"
    path.write_bytes(path.read_bytes()[::-1])
    assert project.changes("things", 1) == [
        "3 of 12 pictures are missing: äpfel/0.bin, äpfel/1.bin and 1 more.",
        "2 of 12 pictures have changed since they were imported: birnen/0.bin, birnen/1.bin.",
    ]


def test_that_a_file_that_cannot_be_read_is_told(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "pictures" / "birnen" / "1.bin"
    size = path.stat().st_size
    path.unlink()
    path.mkdir()
    recorded = [Recorded("birnen/1.bin", b"", path.stat().st_size, 0)]
    assert compare(tmp_path / "pictures", "files", iter(recorded)) == ["1 of 1 files cannot be read: birnen/1.bin."]
    assert size > 0


def test_that_a_missing_folder_and_an_unknown_data_set_are_told(project: Project, tmp_path: Path) -> None:
    shutil.move(tmp_path / "pictures", tmp_path / "gone")
    (sentence,) = project.changes("things", 1)
    assert "tlstudio data relocate" in sentence
    with pytest.raises(DataError, match="no data set"):
        project.changes("thing", 1)


@pytest.mark.slow
def test_that_a_hundred_thousand_files_take_seconds(tmp_path: Path) -> None:
    recorded = []
    for folder in range(100):
        (tmp_path / str(folder)).mkdir()
        for number in range(1000):
            path = tmp_path / str(folder) / str(number)
            path.touch()
            recorded.append(Recorded(f"{folder}/{number}", b"", 0, path.stat().st_mtime_ns))
    began = time.perf_counter()
    assert compare(tmp_path, "pictures", iter(recorded)) == []
    assert time.perf_counter() - began < 10
