"""What training sees of an item, and new splits for a data set that is there already."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tlstudio.api.errors import UsageError
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.data.augmenting import spread, words
from tlstudio.data.resplitting import resplit
from tlstudio.project import Change, ItemFilter, Project
from tlstudio.worker import events_of


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Project]:
    """The data set \"shapes\" at revision 2: three classes of twelve pictures, one of which is excluded."""
    for label, color in (("blue", "#2060c0"), ("green", "#209050"), ("red", "#c03030")):
        (tmp_path / "shapes" / label).mkdir(parents=True)
        for number in range(12):
            picture = Image.new("RGB", (120, 90), "#f4f1ea")
            ImageDraw.Draw(picture).ellipse((4 * number, 10, 4 * number + 60, 70), fill=color)
            picture.save(tmp_path / "shapes" / label / f"{label}_{number:02}.png")
    path = tmp_path / "colours.tlproj"
    Project.create(path).close()
    source = {"project": str(path), "source": str(tmp_path / "shapes"), "name": "shapes", "near": False}
    last = list(events_of("import-data", source, Control()))[-1]
    assert isinstance(last, Finished), last
    with Project.open(path) as project:
        item = project.view("shapes").page(5, 1)[0]
        project.edit("shapes", [Change(item.id, split="excluded")], "one is blurred", "exclude")
        yield project


def test_that_the_preview_is_what_training_sees(edited: Project) -> None:
    """Bit by bit: the n-th variant is what the loader gives in the n-th epoch of a run with this seed."""
    from PIL import Image

    from tlstudio.api.phases import Stream
    from tlstudio.data.loading import SampleDataset
    from tlstudio.registry import Registry
    from tlstudio.training import embedding, subject
    from tlstudio.training.reading import make_reading

    arguments = {"project": str(edited.path), "dataset": "shapes", "variants": 3, "seed": 5, "count": 2}
    last = list(events_of("augment", {**arguments, "augmentation": "medium"}, Control()))[-1]
    assert isinstance(last, Finished), last
    assert len({row["label"] for row in last.result["items"]}) == 2
    registry = Registry.discover()
    manifest = edited.manifest("shapes")
    choice = embedding.choose(registry, "image")
    what = subject.of_manifest(manifest, registry, choice.backbone, choice.weights.preprocessing)
    train = manifest.splits["train"]
    reading = make_reading(what, train, manifest.root, "medium", True)
    loader = SampleDataset(train.paths, reading, 5, Stream().name)
    row = last.result["items"][0]
    position = train.item_ids.index(row["id"])
    for epoch, path in enumerate(row["variants"]):
        _, made = loader[epoch, position]
        assert not isinstance(made, str)
        expected = made[0].permute(1, 2, 0).numpy()
        assert np.array_equal(np.asarray(Image.open(path)), expected)
    assert not np.array_equal(np.asarray(Image.open(row["variants"][0])), np.asarray(Image.open(row["variants"][1])))


def test_that_an_excluded_item_is_not_shown_as_if_it_were_trained_on(edited: Project) -> None:
    excluded = edited.view("shapes", ItemFilter(split="excluded")).page(0, 1)[0]
    arguments = {"project": str(edited.path), "dataset": "shapes", "items": [excluded.id], "variants": 1}
    last = list(events_of("augment", arguments, Control()))[-1]
    assert isinstance(last, Finished), last
    assert "excluded" in last.result["items"][0]["problem"]


def test_that_a_new_split_keeps_groups_of_a_pattern_together_and_leaves_out_what_is_excluded(edited: Project) -> None:
    result, revision = resplit(edited, "shapes", splits="0.5,0.25,0.25", group_by=r"_(\d\d)\.", seed=3)
    items = edited.view("shapes").page(0, 36)
    parts: dict[str, set[str]] = {}
    for item in items:
        if item.split != "excluded":
            parts.setdefault(item.path[-6:-4], set()).add(item.split)
    assert all(len(splits) == 1 for splits in parts.values())
    assert {split for splits in parts.values() for split in splits} == {"train", "val", "test"}
    assert sum(item.split == "excluded" for item in items) == 1
    assert revision.revision == 3
    assert edited.revisions("shapes")[0].revision == 3
    assert result.note.endswith(".")


def test_that_a_column_that_is_not_there_is_said(edited: Project) -> None:
    with pytest.raises(UsageError, match="neither a column of 'shapes' nor a pattern"):
        resplit(edited, "shapes", group_by="patient")
    assert edited.dataset("shapes").revision == 2


def test_that_a_job_splits_anew_and_says_what_moved(edited: Project) -> None:
    last = list(
        events_of("resplit", {"project": str(edited.path), "dataset": "shapes", "splits": "kfold:4:2"}, Control())
    )[-1]
    assert isinstance(last, Finished), last
    assert sum(last.result["splits"].values()) == 35
    assert last.result["revision"] == 3
    assert last.result["changed"] > 0
    again = list(
        events_of("resplit", {"project": str(edited.path), "dataset": "shapes", "splits": "folders"}, Control())
    )[-1]
    assert isinstance(again, Failed)
    assert "first revision" in again.sentence


def test_that_examples_are_spread_over_the_classes() -> None:
    assert spread([1, 2, 3, 4, 5], ["a", "a", "b", "b", "c"], 4) == [1, 3, 5, 2]
    assert spread([1, 2], ["a", "a"], 6) == [1, 2]
    assert len(spread(range(1000), [str(n) for n in range(1000)], 6)) == 6


def test_that_numbers_of_bytes_become_their_text() -> None:
    assert words([number + 1 for number in "Grüße".encode()] + [0, 0]) == "Grüße"
    assert words([700, 3, 0]) == "700 3"
