"""A project on disk: creating, opening, moving, zipping, refusing, and surviving what happens to folders."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tests.unit.project_material import add_dataset
from tlstudio.api.errors import DataError, ProjectError, UsageError
from tlstudio.project import Project, schema
from tlstudio.project.database import Database

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "garden.tlproj") as made:
        add_dataset(made, tmp_path / "pictures")
        yield made


def test_that_a_new_project_has_its_folders_and_one_database_file(tmp_path: Path) -> None:
    Project.create(tmp_path / "new" / "a.tlproj").close()
    names = sorted(p.relative_to(tmp_path / "new/a.tlproj").as_posix() for p in tmp_path.rglob("*"
        ) if p.is_relative_to(tmp_path / "new/a.tlproj"))  # fmt: skip
    assert names == [
        ".", "cache", "cache/features", "cache/thumbnails", "exports", "project.sqlite", "runs",
    ]  # fmt: skip


def test_that_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ProjectError, match="is not empty"):
        Project.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_that_a_project_is_not_created_twice(project: Project) -> None:
    with pytest.raises(ProjectError, match="is a project already"):
        Project.create(project.path)


def test_that_opening_what_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="tlstudio project create"):
        Project.open(tmp_path)


def test_that_a_project_opens_by_its_database_file_and_knows_its_name(project: Project) -> None:
    with Project.open(project.path / "project.sqlite") as again:
        assert again.name == "garden"
        assert again.path == project.path
        assert again.dataset("things").class_counts == {"äpfel": 6, "birnen": 6}


def test_that_a_data_set_tells_its_counts_splits_and_profile(project: Project) -> None:
    info = project.dataset("things")
    assert info.split_counts == {"train": 4, "val": 4, "test": 4}
    assert info.class_split_counts["birnen"] == {"train": 2, "val": 2, "test": 2}
    assert (info.profile.items, info.profile.classes, info.profile.smallest_class) == (12, 2, 6)
    assert (info.skipped, info.revision, info.split_note) == (1, 1, "By turns.")
    assert project.problems("things")[0].reason == "It is no picture."
    assert project.warnings("things") == ["Small."]


def test_that_an_unknown_data_set_is_answered_with_those_that_exist(project: Project) -> None:
    with pytest.raises(DataError, match="There are: things"):
        project.dataset("thing")


def test_that_pages_of_items_follow_every_filter(project: Project) -> None:
    assert len(project.items("things")) == project.count_items("things") == 12
    assert [i.path for i in project.items("things", label="birnen", offset=2, limit=2)] == [
        "birnen/2.bin", "birnen/3.bin",
    ]  # fmt: skip
    found = project.items("things", split="val", label="äpfel", search="4.BIN")
    assert [i.path for i in found] == ["äpfel/4.bin"]
    assert project.count_items("things", search="%") == 0
    with pytest.raises(UsageError, match="There is no split"):
        project.items("things", split="dev")
    with pytest.raises(DataError, match="no class 'nuts'"):
        project.items("things", label="nuts")


def test_that_the_manifest_lists_absolute_paths_and_a_fingerprint_of_the_content(project: Project) -> None:
    manifest = project.manifest("things")
    train = manifest.splits["train"]
    assert all(os.path.isfile(path) for split in manifest.splits.values() for path in split.paths)
    assert len(train.paths) == len(train.labels) == len(train.hashes) == len(train.item_ids) == 4
    assert len(train.widths) == len(train.heights) == 4
    assert set(train.labels) == {0, 1}
    assert len(manifest.fingerprint) == 64
    with pytest.raises(DataError, match="no revision 7"):
        project.manifest("things", revision=7)


def test_that_a_project_moved_together_with_its_pictures_keeps_working(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Project.create(home / "p.tlproj") as project:
        add_dataset(project, home / "pictures")
    shutil.move(home, tmp_path / "elsewhere")
    with Project.open(tmp_path / "elsewhere" / "p.tlproj") as project:
        info = project.dataset("things")
        assert info.root_found
        assert info.root == tmp_path / "elsewhere" / "pictures"
        assert all(os.path.isfile(path) for path in project.manifest("things").splits["test"].paths)


def test_that_a_project_moved_alone_finds_its_pictures_where_they_were(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p.tlproj") as project:
        add_dataset(project, tmp_path / "pictures")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.move(tmp_path / "p.tlproj", tmp_path / "deep" / "er" / "p.tlproj")
    with Project.open(tmp_path / "deep" / "er" / "p.tlproj") as project:
        assert project.dataset("things").root == tmp_path / "pictures"


def test_that_a_project_survives_being_zipped_while_it_is_open(project: Project, tmp_path: Path) -> None:
    archive = tmp_path / "p.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in project.path.rglob("*"):
            packed.write(file, file.relative_to(project.path.parent))
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    with Project.open(tmp_path / "unpacked" / "garden.tlproj") as copy:
        assert copy.count_items("things") == 12


def test_that_missing_pictures_are_told_and_can_be_relocated(project: Project, tmp_path: Path) -> None:
    shutil.move(tmp_path / "pictures", tmp_path / "moved")
    assert not project.dataset("things").root_found
    with pytest.raises(DataError, match=r"is missing: .*pictures.* tlstudio data relocate .* things FOLDER"):
        project.manifest("things")
    info = project.relocate("things", tmp_path / "moved")
    assert info.root_found
    assert project.manifest("things").root == tmp_path / "moved"


def test_that_relocating_refuses_another_folder_and_changed_pictures(project: Project, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        project.relocate("things", tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="12 of its 12 files are missing"):
        project.relocate("things", tmp_path / "other")
    shutil.copytree(tmp_path / "pictures", tmp_path / "changed")
    (tmp_path / "changed" / "birnen" / "3.bin").write_bytes(b"something else")
    with pytest.raises(DataError, match="another content"):
        project.relocate("things", tmp_path / "changed")


def test_that_a_project_of_a_newer_version_is_refused_and_left_alone(project: Project) -> None:
    project.close()
    file = project.path / "project.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(ProjectError, match="newer Transfer Learning Studio"):
        Project.open(project.path)
    assert file.read_bytes() == before


def test_that_the_database_of_another_application_is_refused_and_left_alone(project: Project) -> None:
    project.close()
    file = project.path / "project.sqlite"
    file.unlink()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = file.read_bytes()
    with pytest.raises(ProjectError, match="is not the database of a Transfer Learning Studio project"):
        Project.open(project.path)
    assert file.read_bytes() == before


def test_that_a_damaged_file_of_that_name_in_a_folder_that_is_no_project_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "project.sqlite").write_text("dear diary")
    with pytest.raises(ProjectError, match="or it is damaged, and nothing beside it could restore it"):
        Project.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["project.sqlite"]


def test_that_an_older_database_is_copied_before_it_is_upgraded(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        file = project.path / "project.sqlite"
    migrations = [*schema.MIGRATIONS, "CREATE TABLE notes (text TEXT);"]
    database = Database(file)
    with database.connection() as connection:
        schema.migrate(connection, file, migrations)
        assert connection.execute("SELECT COUNT(*) FROM notes").fetchone() == (0,)
    database.close()
    backup = sqlite3.connect(tmp_path / "p" / f"project.sqlite.before-v{len(migrations)}")
    assert backup.execute("PRAGMA user_version").fetchone() == (len(migrations) - 1,)
    backup.close()


def test_that_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        file = project.path / "project.sqlite"
    database = Database(file)
    migrations = [*schema.MIGRATIONS, "CREATE TABLE notes (text TEXT); INSERT INTO nowhere VALUES (1);"]
    with pytest.raises(sqlite3.OperationalError), database.connection() as connection:
        schema.migrate(connection, file, migrations)
    database.close()
    with Project.open(tmp_path / "p") as project, project.database.connection() as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'notes'").fetchall() == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX here")
def test_that_a_read_only_project_gives_a_sentence(project: Project) -> None:
    project.close()
    for path in [project.path, *project.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    parents = [p for p in project.path.parents if p.exists()]
    try:
        for parent in parents:
            if parent.stat().st_uid == os.geteuid() and os.geteuid() == 0 and "pytest" in str(parent):
                parent.chmod(0o755)
        # Root may write anywhere, so there the real thing is tried as nobody.
        become = "import os, encodings.idna; os.geteuid() or os.setuid(65534); "
        code = f"from tlstudio.project import Project; {become}Project.open({str(project.path)!r})"
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    finally:
        for path in [project.path, *project.path.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert "ProjectError" in done.stderr
    assert "cannot be written" in done.stderr


def test_that_an_unwritable_place_for_a_new_project_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="cannot be created"):
        Project.create(tmp_path / "file" / "p")


def test_that_many_threads_read_while_one_writes(project: Project) -> None:
    errors: list[BaseException] = []
    until = time.monotonic() + 1.0

    def read() -> None:
        try:
            while time.monotonic() < until:
                assert project.count_items("things", label="birnen") == 6
                project.dataset("things")
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    number = 0
    while time.monotonic() < until:
        number += 1
        add_dataset(project, project.path.parent / "pictures", f"copy {number}")
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(project.datasets()) == number + 1


def test_that_a_closed_project_says_so(project: Project) -> None:
    project.close()
    project.close()
    with pytest.raises(ProjectError, match="is closed"):
        project.datasets()
    assert sorted(p.name for p in project.path.glob("project.sqlite*")) == ["project.sqlite"]


def test_that_a_taken_or_unprintable_name_is_refused(project: Project) -> None:
    with pytest.raises(DataError, match="already has a data set named 'things'"):
        project.stage_import("things")
    for name in ("", " a", "a\nb", "x" * 101):
        with pytest.raises(DataError, match="cannot be the name"):
            project.stage_import(name)


def test_that_what_a_killed_import_left_is_removed_at_the_next_opening(project: Project) -> None:
    code = (
        "import os, sys; from tlstudio.project import Project; "
        f"p = Project.open({str(project.path)!r}); s = p.stage_import('killed'); print(s.path, flush=True); os._exit(9)"
    )
    gone = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    left = Path(gone.stdout.strip())
    assert left.exists()
    with project.stage_import("ours") as ours, Project.open(project.path):
        assert not left.exists()
        assert ours.path.exists()


def test_that_what_a_process_left_whose_number_was_given_away_is_removed_too(project: Project) -> None:
    left = project.path / "cache" / f"importing-{os.getpid()}-ofanotherone-5.sqlite"
    left.write_bytes(b"half")
    unpacked = project.path / "data" / f".importing-{os.getpid()}-ofanotherone-5"
    unpacked.mkdir(parents=True)
    (unpacked / "samples-0001.bin").write_bytes(b"half")
    with Project.open(project.path):
        assert not left.exists()
        assert not unpacked.exists()
