"""Each file of a real project damaged in turn: it opens, what it held is there, and what was found is kept."""

import os
import random
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.unit import project_material as material
from tlstudio.api.errors import ProjectError
from tlstudio.project import Project, Run
from tlstudio.training.spec import RunSpec

FILES = (
    "project.sqlite", "project.sqlite-wal", "project.sqlite-shm", "runs/1/spec.json", "runs/1/events.jsonl",
    "runs/3/spec.json", "runs/3/events.jsonl", "backups/project.sqlite", "backups/project.previous.sqlite",
)  # fmt: skip
DAMAGES = ("0", "1", "100", "4096", "half", "all but one", "garbage", "garbage in the middle", "gone")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.lived_project(tmp_path_factory.mktemp("lived"))


@pytest.fixture
def folder(lived: Path, tmp_path: Path) -> Path:
    """A copy of the project and of its pictures beside it."""
    shutil.copytree(lived.parent, tmp_path / "copy")
    return tmp_path / "copy" / lived.name


def damage(file: Path, how: str) -> bytes | None:
    """Does it, and returns what is in the file now."""
    content = file.read_bytes()
    dice = random.Random(how)
    match how:
        case "gone":
            file.unlink()
            return None
        case "half":
            content = content[: len(content) // 2]
        case "all but one":
            content = content[:-1]
        case "garbage":
            content = dice.randbytes(len(content))
        case "garbage in the middle":
            third = len(content) // 3
            content = content[:third] + dice.randbytes(third) + content[2 * third :]
        case _:
            content = content[: int(how)]
    file.write_bytes(content)
    return content


def kept(folder: Path, name: str) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob(f"damaged-*/{name}")]


def assert_runs_are_true(runs: list[Run]) -> None:
    assert [run.id for run in runs] == [1, 2, 3, 4, 5]
    for run in runs:
        assert RunSpec.load(run.dir).run == run.id
        assert (run.dataset, run.backbone, run.options) == (
            "things" if run.id < 4 else "more",
            "glyphnet",
            {"epochs": 3},
        )
        if run.id < 4:
            assert run.state == material.STATES[run.id]
    assert runs[0].metrics == {"test": {"accuracy": 0.9}}
    assert runs[0].model == "runs/1/model.safetensors"
    assert runs[1].reason == "Parked as asked."
    assert runs[2].reason.endswith(("Resume it to go on from step 40.",))


def test_that_the_project_that_is_damaged_below_is_whole_and_has_every_file(folder: Path) -> None:
    for name in FILES:
        assert (folder / name).stat().st_size > 100, name
    with Project.open(folder) as project:
        assert_runs_are_true(project.runs())
        assert [run.id for run in project.queue()] == [5, 4]
        assert [info.name for info in project.datasets()] == ["things", "more"]
        assert project.notices == []
    assert not list(folder.glob("damaged-*"))


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_that_damage_to_one_file_loses_nothing(folder: Path, name: str, how: str) -> None:
    if name == "runs/1/events.jsonl" and how == "100":
        how = "half"
    before = (folder / name).read_bytes()
    found = damage(folder / name, how)
    with Project.open(folder) as project:
        notices = list(project.notices)
        told = " ".join(notices)
        if name == "runs/3/events.jsonl":
            assert project.run(3).state == "failed"
        assert_runs_are_true(project.runs())
        line = {run.id for run in project.queue()}
        for run in project.runs():
            if run.state == "queued":
                assert run.id in line
            elif run.id >= 4:
                assert run.state == "stopped"
                assert "Not restored: the places of these runs in the queue" in told
        for info in project.datasets():
            assert info.root_found
            assert info.class_counts == {"äpfel": 6, "birnen": 6}
            assert project.warnings(info.name) == ["Small."]
            assert project.changes(info.name, 1) == []
        assert [info.name for info in project.datasets()] == ["things", "more"]
        assert project.create_run(material.spec).id == 6
    repaired = "project's database" in told
    if repaired and name == "project.sqlite" and found is not None:
        assert kept(folder, name) == [found]
    if repaired or "write-ahead log" in told or "specification" in told or "backup" in told:
        if found is not None and not name.endswith("-shm"):
            assert found in kept(folder, name)
        assert not list(folder.glob("damaged-*")) or list(folder.glob("damaged-*/what-happened.txt"))
    must_be_told = {
        # cut short before its write-ahead log was folded in, it is whole by its log
        "project.sqlite": not (folder / "project.sqlite-wal").exists() and how in ("0", "1", "100", "garbage", "gone"),
        "runs/1/spec.json": True,
        "runs/3/spec.json": True,
        "runs/1/events.jsonl": how not in ("gone", "all but one"),  # the last byte is the end of a line
    }
    if found == before:  # it was shorter than that
        assert notices == []
        return
    assert bool(notices) or not must_be_told.get(name, False)
    with Project.open(folder) as again:
        assert again.notices == []
        assert len(again.runs()) == 6


@pytest.mark.parametrize("how", DAMAGES)
def test_that_damage_to_the_database_of_a_closed_project_loses_no_data_set_and_no_run(folder: Path, how: str) -> None:
    with Project.open(folder):
        pass
    assert not (folder / "project.sqlite-wal").exists()
    found = damage(folder / "project.sqlite", how)
    with Project.open(folder) as project:
        assert project.notices
        assert_runs_are_true(project.runs())
        assert [info.name for info in project.datasets()] == ["things", "more"]
    assert kept(folder, "project.sqlite") == ([] if found is None else [found])


@pytest.mark.parametrize("how", ["0", "100", "garbage", "gone"])
def test_that_a_project_without_its_database_and_its_backup_keeps_its_runs_and_says_what_is_lost(
    folder: Path, how: str
) -> None:
    shutil.rmtree(folder / "backups")
    damage(folder / "project.sqlite", how)
    with Project.open(folder) as project:
        assert_runs_are_true(project.runs())
        told = " ".join(project.notices)
        lost = {"things", "more"} - {info.name for info in project.datasets()}
        assert lost == {"things", "more"}
        assert "There is no backup of its data sets" in told
        for name in lost:
            assert f"The data set '{name}' is not restored" in told
        assert "Not restored: the places of these runs in the queue: 4, 5." in told
        material.add_dataset(project, folder.parent / "pictures")
    assert (folder / "backups" / "project.sqlite").is_file()


def test_that_data_sets_are_read_from_a_damaged_database_that_has_no_backup(folder: Path) -> None:
    with Project.open(folder):
        pass
    shutil.rmtree(folder / "backups")
    file = folder / "project.sqlite"
    content = bytearray(file.read_bytes())
    connection = sqlite3.connect(file)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items_by_content'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content[(page - 1) * size : page * size] = os.urandom(size)
    file.write_bytes(content)
    with Project.open(folder) as project:
        assert [info.name for info in project.datasets()] == ["things", "more"]
        assert "Its data sets ('things', 'more') could still be read from it." in project.notices
        assert [run.id for run in project.queue()] == [5, 4]
        assert project.count_items("more") == 12


def test_that_the_previous_backup_serves_where_the_newest_is_damaged_too(folder: Path) -> None:
    damage(folder / "project.sqlite", "garbage")
    damage(folder / "backups" / "project.sqlite", "half")
    with Project.open(folder) as project:
        assert [info.name for info in project.datasets()] == ["things"]
        assert any("project.previous.sqlite" in notice for notice in project.notices)
        assert any("'more' is not restored (runs that use it: 4, 5)" in notice for notice in project.notices)


def test_that_a_database_put_back_from_an_old_copy_gets_its_data_sets_again(folder: Path) -> None:
    for part in ("-wal", "-shm", ""):
        (folder / f"project.sqlite{part}").unlink()
    shutil.copy(folder / "backups" / "project.previous.sqlite", folder / "project.sqlite")
    with Project.open(folder) as project:
        assert [info.name for info in project.datasets()] == ["things", "more"]
        assert "it lacks changes of data sets that its backup has" in project.notices[0]
        assert_runs_are_true(project.runs())


def test_that_several_who_open_a_damaged_project_at_once_repair_it_once(folder: Path) -> None:
    damage(folder / "project.sqlite", "garbage")
    opened, errors = [], []

    def open_it() -> None:
        try:
            with Project.open(folder) as project:
                opened.append(([info.name for info in project.datasets()], len(project.runs())))
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert opened == [(["things", "more"], 5)] * 6
    assert len(list(folder.glob("damaged-*"))) == 1


def test_that_a_good_backup_is_kept_when_the_database_has_become_bad_meanwhile(folder: Path) -> None:
    with Project.open(folder) as project:
        good = (folder / "backups" / "project.sqlite").read_bytes()
        with project.database.connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items_by_path'").fetchone()
        with (folder / "project.sqlite").open("rb+") as file:
            file.seek((page - 1) * 4096)
            file.write(os.urandom(4096))
        project.database._idle.clear()
        project.back_up()
        assert any("not backed up" in notice or "damaged" in notice for notice in project.notices)
    assert (folder / "backups" / "project.sqlite").read_bytes() == good


def test_that_a_database_that_complains_in_use_is_checked_and_repaired_at_the_next_opening(folder: Path) -> None:
    with Project.open(folder) as project:
        with project.database.connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'datasets'").fetchone()
        with (folder / "project.sqlite").open("rb+") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
        for connection in project.database._idle:
            connection.close()
        project.database._idle.clear()
        with pytest.raises(ProjectError, match="Close the project and open it again"):
            project.datasets()
        assert (folder / "project.sqlite.suspect").exists()
    with Project.open(folder) as project:
        assert [info.name for info in project.datasets()] == ["things", "more"]
    assert not (folder / "project.sqlite.suspect").exists()


def test_that_a_folder_with_runs_of_something_else_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "runs" / "detect" / "train").mkdir(parents=True)
    with pytest.raises(ProjectError, match="There is no project"):
        Project.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_that_an_upgrade_of_an_older_project_gives_it_a_backup_and_copies_of_its_specifications(
    folder: Path,
) -> None:
    Project.open(folder).close()
    material.make_older(folder, 1)
    with Project.open(folder) as project:
        assert (folder / "project.sqlite.before-v3").is_file()
        assert (folder / "backups" / "project.sqlite").is_file()
        assert_runs_are_true(project.runs())
        (folder / "runs" / "2" / "spec.json").unlink()
    with Project.open(folder) as project:
        assert RunSpec.load(folder / "runs" / "2").run == 2


@pytest.mark.parametrize("seed", range(24))
def test_that_random_damage_to_any_file_loses_nothing(folder: Path, seed: int) -> None:
    dice = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    file = dice.choice([path for path in files if dice.random() < 0.3 or "sqlite" in path.name])
    content = bytearray(file.read_bytes())
    match seed % 3:
        case 0:
            del content[dice.randrange(len(content)) :]
        case 1:
            start = dice.choice([dice.randrange(len(content)), dice.randrange(min(120, len(content)))])
            end = min(len(content), start + dice.choice([1, 4, 16, 100, 4096]))
            content[start:end] = dice.randbytes(end - start)
        case _:
            content += dice.randbytes(dice.choice([1, 100, 4096]))
    file.write_bytes(content)
    with Project.open(folder) as project:
        assert [info.name for info in project.datasets()] == ["things", "more"]
        assert [run.id for run in project.runs()] == [1, 2, 3, 4, 5]
        for info in project.datasets():
            assert sum(len(split.paths) for split in project.manifest(info.name).splits.values()) == 12
    with Project.open(folder) as project:
        assert project.notices == []


def test_that_a_row_that_makes_no_sense_is_told_by_the_folder_of_its_run(folder: Path) -> None:
    with Project.open(folder) as project, project.database.transaction() as connection:
        connection.execute("UPDATE runs SET metrics = '{\"test\": ' WHERE id = 1")
        connection.execute("UPDATE runs SET reason = CAST(x'50ff61726b6564' AS TEXT) WHERE id = 2")
    with Project.open(folder) as project:
        assert "the row of run 1 makes no sense" in project.notices[0]
        first, second, *_ = project.runs()
        assert first.metrics == {"test": {"accuracy": 0.9}}
        assert (second.state, second.reason) == ("parked", "P\ufffdarked")
        assert [run.id for run in project.queue()] == [5, 4]
