"""One window per project; network drives, full disks."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit import project_material as material
from tlstudio import locks
from tlstudio.api.errors import ProjectError
from tlstudio.project import Project, drives, project_lock
from tlstudio.project.database import Database

TAKE = (
    "import sys; from tlstudio.project import Project\n"
    "project = Project.open(sys.argv[1]); print(project.take_lock(), flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


def test_that_a_second_window_is_told_who_has_the_project(project: Project) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(project.path)], cwd=material.REPOSITORY, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "None\n"
    sentence = project.take_lock()
    assert sentence is not None
    assert f"is open in another window by process {other.pid} since" in sentence
    project.create_run(material.spec)  # the command line asks for no lock
    other.kill()
    other.communicate(timeout=60)
    assert project.take_lock() is None
    assert project.take_lock() is None


def test_that_closing_lets_go_of_the_lock(project: Project) -> None:
    assert project.take_lock() is None
    with Project.open(project.path) as again:
        assert f"by process {os.getpid()}" in str(again.take_lock())
        project.close()
        assert again.take_lock() is None


def test_that_the_queue_has_a_lock_of_its_own(project: Project) -> None:
    assert project.take_lock() is None
    assert project.queue_lock.acquire()
    assert locks.holder(project.path / "queue.lock") is not None
    project.close()
    assert locks.holder(project.path / "queue.lock") is None


def test_that_where_the_drive_knows_no_locks_the_written_name_decides(project: Project, tmp_path: Path) -> None:
    """A folder in the place of the lock file makes the locking itself fail, as such drives do."""
    lock = project_lock.ProjectLock(tmp_path)
    lock._lock = locks.FileLock(tmp_path)
    file = tmp_path / project_lock.FILE
    elsewhere = {"pid": 7, "host": "other-machine", "time": time.time(), "purpose": "window"}
    file.write_text(json.dumps(elsewhere))
    sentence = lock.take("window")
    assert sentence is not None
    assert "by process 7 on the machine other-machine since" in sentence
    assert f"delete {file}" in sentence
    file.unlink()
    assert lock.take("window") is None
    assert json.loads(file.read_text())["pid"] == os.getpid()
    lock.release()
    assert not file.exists()
    file.write_text(json.dumps({**elsewhere, "pid": material.dead_pid(), "host": ""}))
    mine = json.loads(file.read_text()) | {"host": project_lock.platform.node()}
    file.write_text(json.dumps(mine))
    assert lock.take("window") is None
    lock.release()


MOUNTS = """22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /mnt/data\\040of\\040all rw,relatime - nfs4 server:/export rw
31 22 0:27 / /home/u/far rw,nosuid shared:7 master:2 - fuse.sshfs u@h:/ rw
32 22 0:28 / /mnt/share rw - cifs //server/share rw
33 22 0:29 / /mnt/usb rw - fuseblk /dev/sdb1 rw
34 22 0:30 / /mnt/share rw - ext4 /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/mnt/data of all/p.tlproj", "nfs4", True), ("/home/u/far/away/p", "fuse.sshfs", True),
        ("/mnt/share/p", "ext4", False), ("/mnt/usb/p", "fuseblk", False), ("/home/u/farther", "ext4", False),
    ],
)  # fmt: skip
def test_that_a_network_drive_is_known_by_the_table_of_mounts(path: str, kind: str, network: bool) -> None:
    assert drives.kind_in_mountinfo(MOUNTS, path) == kind
    assert drives.is_network(kind) is network


def test_that_a_network_drive_is_known_by_what_mount_prints_on_macos() -> None:
    text = "/dev/disk3s1 on / (apfs, local, journaled)\n//u@nas/x on /Volumes/my x (smbfs, nodev, nosuid)\n"
    assert drives.is_network(drives.kind_in_mount(text, "/Volumes/my x/p"))
    assert not drives.is_network(drives.kind_in_mount(text, "/Users/u/p"))


def test_that_the_folder_of_this_test_is_on_no_network_drive(tmp_path: Path) -> None:
    assert drives.network_kind(tmp_path) == ""


def test_that_a_database_on_a_network_drive_keeps_no_write_ahead_log_and_comes_back_from_there(
    project: Project,
) -> None:
    project.create_run(material.spec)
    project.close()
    database = Database(project.path / "project.sqlite", "DELETE")
    with database.transaction() as connection:
        connection.execute("UPDATE runs SET seed = 9")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not list(project.path.glob("project.sqlite-wal"))
    database.close()
    with Project.open(project.path) as again:
        assert again.run(1).seed == 9
        with again.database.connection() as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 6 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_that_a_full_disk_gives_a_sentence_and_what_is_there_can_be_seen(small_disk: Path) -> None:
    with Project.create(small_disk / "p") as project:
        material.add_dataset(project, small_disk / "pictures")
        material.live(project)
    room = shutil.disk_usage(small_disk).free
    fill = small_disk / "fill"
    fill.write_bytes(bytes(room))
    assert shutil.disk_usage(small_disk).free == 0
    with pytest.raises(ProjectError, match=r"disk that holds the project .* is full. Make room"):
        Project.open(small_disk / "p")
    os.truncate(fill, room - 36_864)
    with Project.open(small_disk / "p") as project:
        assert "is full" in project.notices[0]
        assert len(project.runs()) == 5
        with pytest.raises(ProjectError, match="is full"):
            project.claim(2)
        with pytest.raises(ProjectError, match="is full"):
            project.create_run(material.spec)
        assert not (small_disk / "p" / "runs" / "6").exists()
    fill.unlink()
    with Project.open(small_disk / "p") as project:
        assert project.notices == []
        assert project.run(3).state == "failed"
        assert project.claim(2)
