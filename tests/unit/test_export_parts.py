"""The parts of an export that need no model: sampling, comparison, the target's folder."""

from pathlib import Path

import numpy as np
import pytest

from tlstudio.api import ExporterDescriptor, ExportError, UsageError
from tlstudio.export.compare import Reference, compare
from tlstudio.export.sampling import spread
from tlstudio.export.target import Target, choose_path

SOME = ExporterDescriptor(id="some", title="Some", description="", factory="a:b", suffix=".some")
OTHER = ExporterDescriptor(id="other", title="Other", description="", factory="a:b", suffix=".other")


def test_that_pictures_are_spread_evenly_over_the_classes_as_far_as_they_go() -> None:
    labels = [0] * 100 + [1] * 3 + [2] * 50
    chosen = spread(labels, 41)
    assert len(set(chosen)) == 41
    assert chosen == sorted(chosen) == spread(labels, 41)
    counts = [sum(labels[position] == label for position in chosen) for label in range(3)]
    assert counts == [19, 3, 19]
    assert max(position for position in chosen if labels[position] == 0) > 90  # not the first ones alone


def test_that_few_pictures_are_all_taken() -> None:
    assert spread([1, 0, 1], 200) == [0, 1, 2]
    assert spread([], 200) == []


def reference(rounding: float = 0.0) -> Reference:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    logits = rng.normal(size=(200, 4)).astype(np.float32)
    logits[np.arange(200), labels] += 8
    noise = (rng.uniform(-1, 1, logits.shape) * rounding).astype(np.float32)
    return Reference(
        from_files=logits, from_inputs=logits + noise, score=lambda rows: float((rows.argmax(1) == labels).mean())
    )


def test_that_a_file_that_agrees_passes() -> None:
    model = reference(rounding=0.02)
    found = compare(model, model.from_inputs + np.float32(1e-4), model.from_inputs)
    assert found.problem == ""
    assert found.samples == 200
    assert found.agreement == found.decided_agreement == 1.0
    assert found.before == found.after == 1.0


def test_that_a_difference_on_the_same_pixels_beyond_a_thousandth_is_refused_with_the_numbers() -> None:
    model = reference()
    off = model.from_inputs.copy()
    off[17, 2] += 0.05
    found = compare(model, model.from_files, off)
    assert found.difference == pytest.approx(0.05, rel=1e-3)
    assert "differ from the model's by up to 0.05" in found.problem


def test_that_other_classes_from_files_are_refused_even_if_the_network_is_right() -> None:
    model = reference(rounding=0.02)
    shuffled = model.from_inputs.copy()
    shuffled[:3] = np.roll(shuffled[:3], 1, axis=1)
    found = compare(model, shuffled, model.from_inputs)
    assert found.decided_agreement == pytest.approx(197 / 200)
    assert "98.5 %" in found.problem


def test_that_a_near_tie_that_rounding_explains_is_not_held_against_the_file() -> None:
    model = reference(rounding=0.02)
    model.from_files[5] = [1.0, 1.0 + 1e-3, 0, 0]
    model.from_inputs[5] = [1.0 + 1e-2, 1.0, 0, 0]
    found = compare(model, model.from_inputs, model.from_inputs)
    assert found.near_ties == 1
    assert found.agreement < 1.0
    assert found.problem == ""


def test_that_rounding_cannot_excuse_pictures_that_are_decoded_in_another_way() -> None:
    model = reference()
    model.from_inputs[:20] = np.roll(model.from_inputs[:20], 1, axis=1)  # what is shared by both paths is wrong
    assert "same class for only" in compare(model, model.from_inputs, model.from_inputs).problem


def test_that_not_a_number_is_never_agreement() -> None:
    model = reference()
    assert compare(model, model.from_files, model.from_inputs * np.float32("nan")).problem


def test_that_the_suffix_is_added_where_there_is_none(tmp_path: Path) -> None:
    assert choose_path(tmp_path / "v1.2", SOME, [SOME, OTHER], tmp_path / "p").name == "v1.2.some"
    assert choose_path(tmp_path / "m.SOME", SOME, [SOME, OTHER], tmp_path / "p").name == "m.SOME"
    with pytest.raises(UsageError, match="format 'other'"):
        choose_path(tmp_path / "m.other", SOME, [SOME, OTHER], tmp_path / "p")


def test_that_files_appear_together_and_only_when_published(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.some"
    with Target(path, overwrite=False) as target:
        target.file.write_text("weights")
        target.file.with_suffix(".json").write_text("card")
        target.check()
        assert not path.exists()
        assert target.publish() == [path, path.with_suffix(".json")]
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["model.json", "model.some"]


def test_that_a_card_in_the_way_of_another_file_is_no_loss(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("somebody's notes")
    with Target(tmp_path / "model.some", overwrite=False) as target:
        target.file.write_text("weights")
        target.file.with_suffix(".json").write_text("card")
        with pytest.raises(ExportError, match=r"model\.json exists already"):
            target.check()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.json"]
    assert (tmp_path / "model.json").read_text() == "somebody's notes"
