"""Relabelling, excluding, moving and undoing: each change a revision that never changes again."""

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit import project_material as material
from tlstudio.api.errors import DataError, UsageError
from tlstudio.project import Change, ItemFilter, Manifest, Project, backup


@pytest.fixture
def project(tmp_path: Path):
    with Project.create(tmp_path / "garden.tlproj") as made:
        material.add_dataset(made, tmp_path / "pictures")
        yield made


def labels(project: Project, revision: int | None = None) -> dict[str, tuple[str, str]]:
    view = project.view("things", ItemFilter(revision=revision))
    return {item.path: (item.label, item.split) for item in view.page(0, 100)}


def relabel(project: Project, path: str, label: str) -> int:
    (item,) = project.items("things", search=path)
    return project.edit("things", [Change(item.id, label)], f"{path} is {label}.").revision


def test_a_relabelled_item_can_be_undone_and_redone(project: Project) -> None:
    before = project.manifest("things")
    assert relabel(project, "birnen/3.bin", "äpfel") == 2
    assert labels(project)["birnen/3.bin"][0] == "äpfel"
    assert project.dataset("things").class_counts == {"äpfel": 7, "birnen": 5}
    changed = project.manifest("things")
    assert changed.fingerprint != before.fingerprint
    undone = project.restore("things", 1)
    assert (undone.revision, undone.kind, undone.note, undone.changed) == (3, "restore", "Back to revision 1.", 1)
    assert project.manifest("things").fingerprint == before.fingerprint
    redone = project.restore("things", 2, "Redone.")
    assert project.manifest("things").fingerprint == redone.fingerprint == changed.fingerprint
    assert project.manifest("things", 1) == before
    assert [r.revision for r in project.revisions("things")] == [4, 3, 2, 1]


def test_an_excluded_item_stays_in_the_data_set_and_in_no_manifest(project: Project) -> None:
    ids = [item.id for item in project.items("things", split="test")]
    info = project.edit("things", [Change(number, split="excluded") for number in ids], "Blurred.", "exclude")
    assert (info.kind, info.changed) == ("exclude", 4)
    told = project.dataset("things")
    assert (told.split_counts, told.excluded, told.profile.items) == ({"train": 4, "val": 4, "test": 0}, 4, 8)
    assert told.class_counts == {"äpfel": 4, "birnen": 4}
    assert project.manifest("things").splits["test"].paths == []
    assert project.view("things").count == 12
    assert [item.id for item in project.view("things", ItemFilter(split="excluded")).page(0, 10)] == ids
    assert project.warnings("things") == ["Small."]
    assert len(project.changes("things", 1)) == len(project.changes("things", 2)) == 0
    back = project.edit("things", [Change(ids[0], split="train")], "Sharp after all.", "restore")
    assert back.changed == 1


def test_a_new_class_is_known_to_runs_from_the_next_revision_on(project: Project) -> None:
    project.add_class("things", "nüsse")
    assert project.dataset("things").class_names == ("äpfel", "birnen", "nüsse")
    assert project.manifest("things").class_names == ("äpfel", "birnen")
    assert project.view("things", ItemFilter(label="nüsse")).page(0, 9) == []
    assert project.view("things", ItemFilter(label="nüsse")).count == 0
    relabel(project, "birnen/0.bin", "nüsse")
    manifest = project.manifest("things")
    assert manifest.class_names == ("äpfel", "birnen", "nüsse")
    assert 2 in [label for split in manifest.splits.values() for label in split.labels]
    assert project.manifest("things", 1).class_names == ("äpfel", "birnen")
    with pytest.raises(UsageError, match="has a class 'nüsse' already"):
        project.add_class("things", "nüsse")
    with pytest.raises(UsageError, match="cannot be the name of a class"):
        project.add_class("things", " ")


def test_a_change_that_cannot_be_gives_a_sentence_and_changes_nothing(project: Project) -> None:
    (item,) = project.items("things", search="birnen/0.bin")
    with pytest.raises(UsageError, match="Nothing would change"):
        project.edit("things", [Change(item.id, "birnen")], "The same.")
    with pytest.raises(DataError, match=r"no class 'nuts'.* äpfel, birnen"):
        project.edit("things", [Change(item.id, "nuts")], "Nuts.")
    with pytest.raises(DataError, match="no item 4711"):
        project.edit("things", [Change(item.id, "äpfel"), Change(4711, "äpfel")], "Which?")
    with pytest.raises(UsageError, match="no split 'dev'"):
        project.edit("things", [Change(item.id, split="dev")], "Where?")
    with pytest.raises(DataError, match="no revision 9"):
        project.restore("things", 9)
    assert [r.revision for r in project.revisions("things")] == [1]


def test_two_revisions_are_compared_item_by_item(project: Project) -> None:
    relabel(project, "birnen/0.bin", "äpfel")
    (moved,) = project.items("things", search="äpfel/1.bin")
    other = "test" if moved.split != "test" else "train"
    (out,) = project.items("things", search="äpfel/2.bin")
    project.edit("things", [Change(moved.id, split=other), Change(out.id, split="excluded")], "Two.", "split")
    found = project.compare_revisions("things", 1, 3)
    assert (found.relabelled, found.moved, found.excluded, found.restored, found.added) == (1, 1, 1, 0, 0)
    assert [(d.path, d.what, d.before, d.after) for d in found.items] == [
        ("birnen/0.bin", "relabelled", "birnen", "äpfel"),
        ("äpfel/1.bin", "moved", moved.split, other),
        ("äpfel/2.bin", "excluded", out.split, "excluded"),
    ]
    back = project.compare_revisions("things", 3, 1)
    assert (back.relabelled, back.excluded, back.restored) == (1, 0, 1)
    assert project.compare_revisions("things", 2, 2).items == ()


def test_a_new_split_brings_its_own_note_and_warnings_and_the_old_ones_come_back(project: Project) -> None:
    assignments = [(item.id, "train" if item.path.startswith("ä") else "test") for item in project.items("things")]
    info = project.resplit("things", assignments, "By fruit.", ["No split for validation."])
    assert info.kind == "split"
    assert project.dataset("things").split_counts == {"train": 6, "val": 0, "test": 6}
    assert project.dataset("things").split_note == "By fruit."
    assert project.warnings("things") == ["No split for validation."]
    relabel(project, "birnen/0.bin", "äpfel")
    assert project.warnings("things") == ["No split for validation."]
    project.restore("things", 1)
    assert (project.warnings("things"), project.dataset("things").split_note) == (["Small."], "By turns.")


def test_runs_keep_the_revision_that_they_name_while_the_data_set_goes_on(project: Project) -> None:
    run = project.create_run(material.spec)
    manifest = project.manifest("things", 1)
    relabel(project, "birnen/0.bin", "äpfel")
    assert {r.revision: r.runs for r in project.revisions("things")} == {1: (run.id,), 2: ()}
    assert project.manifest("things", 1) == manifest


def test_edits_from_many_threads_all_happen(project: Project) -> None:
    ids = [item.id for item in project.items("things", split="train")]

    def move(number: int) -> None:
        project.edit("things", [Change(number, split="val")], "Moved.", "split")

    threads = [threading.Thread(target=move, args=(number,)) for number in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert project.dataset("things").split_counts == {"train": 0, "val": 8, "test": 4}
    assert project.dataset("things").revision == 5


def test_many_edits_make_one_backup_and_closing_the_project_writes_it(project: Project) -> None:
    for number in range(3):
        relabel(project, f"birnen/{number}.bin", "äpfel")
    newest = backup.newest(project.path)
    assert newest == 1
    project.close()
    assert backup.newest(project.path) == 4
    with Project.open(project.path) as again:
        assert again.notices == []
        assert again.dataset("things").class_counts == {"äpfel": 9, "birnen": 3}


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("label"), st.integers(0, 11), st.sampled_from(["äpfel", "birnen", "nüsse"])),
        st.tuples(st.just("split"), st.integers(0, 11), st.sampled_from(["train", "val", "test", "excluded"])),
        st.tuples(st.just("restore"), st.integers(1, 12), st.just("")),
    ),
    min_size=1, max_size=10,
)  # fmt: skip


def content(manifest: Manifest) -> list[tuple[str, str, str]]:
    return sorted(
        (sha256, value, name)
        for name, split in manifest.splits.items()
        for sha256, value in zip(split.hashes, split.values, strict=True)
    )


def summed(manifest: Manifest) -> str:
    """The fingerprint from scratch."""
    lines = ("\t".join(entry) + "\n" for entry in content(manifest))
    total = sum(int.from_bytes(hashlib.sha256(line.encode()).digest(), "big") for line in lines)
    return f"{total % 2**256:064x}"


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("orchard")
    with Project.create(folder / "p.tlproj") as made:
        yield made, folder / "pictures"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_no_sequence_of_edits_changes_an_older_revision_and_equal_content_has_equal_fingerprints(
    orchard: tuple[Project, Path], edits: list[tuple[str, int, str]]
) -> None:
    project, pictures = orchard
    name = f"set {len(project.datasets())}"
    material.add_dataset(project, pictures, name)
    project.add_class(name, "nüsse")
    ids = [item.id for item in project.items(name)]
    seen = {1: project.manifest(name, 1)}
    for what, position, to in edits:
        try:
            if what == "restore":
                made = project.restore(name, 1 + position % project.dataset(name).revision)
            else:
                change = Change(ids[position], **{"value" if what == "label" else "split": to})
                made = project.edit(name, [change], "Edited.")
        except UsageError as error:
            if "Nothing would change" not in str(error):
                raise
            continue
        seen[made.revision] = project.manifest(name, made.revision)
        assert seen[made.revision].fingerprint == made.fingerprint == summed(seen[made.revision])
    for revision, manifest in seen.items():
        assert project.manifest(name, revision) == manifest
    info = project.dataset(name)
    newest = content(project.manifest(name))
    assert info.profile.items == len(newest)
    assert info.excluded == 12 - len(newest)
    for label, counts in info.class_split_counts.items():
        for split, count in counts.items():
            assert count == sum(1 for _, value, where in newest if (value, where) == (label, split))
    for a, one in seen.items():
        for b, other in seen.items():
            assert (one.fingerprint == other.fingerprint) == (content(one) == content(other))
            assert (content(one) == content(other)) <= (not project.compare_revisions(name, a, b).moved)
