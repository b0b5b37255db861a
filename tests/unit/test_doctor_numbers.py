"""The doctor's arithmetic, on matrices whose answers are known."""

import collections
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlstudio.api.errors import StoppedByUser
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.doctor import bonds, confident, crossval, domain, neighbours, reducing
from tlstudio.doctor.cache import DoctorCache, digest
from tlstudio.doctor.classes import half_width
from tlstudio.doctor.stages import Stage


def result(work: Generator[Event, None, Any], events: list[Event] | None = None) -> Any:
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value
        if events is not None:
            events.append(event)


def clouds(count: int, classes: int, seed: int = 0, columns: int = 16) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    centres = generator.normal(size=(classes, columns)) * 2
    return (centres[labels] + generator.normal(size=(count, columns))).astype(np.float32), labels


def test_that_neighbours_are_exact_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch):
    rows = reducing.directions(np.random.default_rng(1).normal(size=(3000, 12)).astype(np.float32))
    monkeypatch.setattr(neighbours, "_COLUMNS", 1431)
    at, cosines = result(neighbours.nearest(rows, 7, Stage.silent()))
    products = rows @ rows.T
    np.fill_diagonal(products, -2)
    assert np.allclose(np.sort(products, 1)[:, ::-1][:, :7], cosines, atol=1e-6)
    assert np.allclose(np.take_along_axis(products, at, 1), cosines, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_that_few_rows_have_few_neighbours(count: int):
    at, cosines = result(neighbours.nearest(np.eye(count, 4, dtype=np.float32), 10, Stage.silent()))
    assert at.shape == cosines.shape == (count, max(0, count - 1))


def test_that_a_search_that_was_stopped_goes_on_where_it_was(tmp_path: Path):
    rows = reducing.directions(np.random.default_rng(1).normal(size=(4000, 8)).astype(np.float32))
    control = Control()
    work = neighbours.nearest(rows, 3, Stage("Comparing", control, DoctorCache(tmp_path)), "k")
    assert isinstance(next(work), Progress)
    control.request_stop()
    with pytest.raises(StoppedByUser):
        result(work)
    kept = sorted(tmp_path.glob("*.npz"))
    assert len(kept) == 1
    written = kept[0].stat().st_mtime_ns
    events: list[Event] = []
    at, _ = result(neighbours.nearest(rows, 3, Stage("Comparing", Control(), DoctorCache(tmp_path)), "k"), events)
    assert len(list(tmp_path.glob("*.npz"))) == 4
    assert kept[0].stat().st_mtime_ns == written
    assert (at == result(neighbours.nearest(rows, 3, Stage.silent()))[0]).all()
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.done, last.total, last.text) == (4000, 4000, "Comparing")


def test_that_a_damaged_piece_of_the_cache_is_computed_again(tmp_path: Path):
    cache = DoctorCache(tmp_path)
    cache.save("a", rows=np.arange(3))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:50])
    assert cache.load("a") is None
    other = DoctorCache(tmp_path)
    other.save("b", rows=np.arange(3))
    other.prune()
    assert [file.name for file in tmp_path.iterdir()] == ["b.npz"]
    assert digest("a", [1, 2]) != digest("a", [2, 1])


def test_that_components_follow_pairs_and_keys_in_any_number_of_steps():
    first, second = ["", "", "x", "x", "", "", ""], ["", "", "", "y", "y", "", ""]
    numbers = bonds.components(7, np.array([[0, 1], [1, 2]]), first, second)
    assert bonds.members(numbers) == [[0, 1, 2, 3, 4]]
    assert len(set(numbers.tolist())) == 3


def test_that_folds_keep_together_what_belongs_together_and_are_alike():
    generator = np.random.default_rng(3)
    joined = np.arange(1000)
    joined[:300] = joined[:300] // 7
    strata = [str(n) for n in generator.integers(0, 4, 1000)]
    folds = crossval.deal(strata, joined)
    for group in bonds.members(joined):
        assert len({int(folds[p]) for p in group}) == 1
    assert np.ptp(np.bincount(folds)) <= 25
    for stratum in set(strata):
        counts = np.bincount([int(f) for f, s in zip(folds, strata, strict=True) if s == stratum], minlength=5)
        assert np.ptp(counts) <= 12
    assert (folds == crossval.deal(strata, joined)).all()


def test_that_wrong_labels_are_found_and_ranked_first():
    features, truth = clouds(1500, 6)
    generator = np.random.default_rng(5)
    labels = truth.copy()
    wrong = generator.choice(1500, 30, replace=False)
    labels[wrong] = (labels[wrong] + generator.integers(1, 6, 30)) % 6
    folds = crossval.deal([str(n) for n in labels], np.arange(1500))
    rows = result(crossval.probabilities(reducing.standardized(features), labels, folds, Stage.silent()))
    assert np.allclose(rows.sum(1), 1, atol=1e-5)
    found = confident.suspects(rows, labels)
    assert np.isin(wrong, found.positions).mean() >= 0.9
    assert np.isin(found.positions[:25], wrong).mean() >= 0.95
    assert (found.looks[:20] == truth[found.positions[:20]]).mean() >= 0.95
    assert (np.diff(found.suspicion) <= 0).all()


def test_that_the_confident_joint_is_that_of_the_paper():
    rows = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.85, 0.15], [0.9, 0.1], [0.2, 0.8],
                     [0.1, 0.9], [0.1, 0.9], [0.75, 0.25]], np.float32)  # fmt: skip
    labels = np.array([0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1])
    assert confident.thresholds(rows, labels) == pytest.approx([0.825, (0.9 + 0.8 + 0.15 + 0.8 + 0.9 + 0.9 + 0.25) / 7])
    found = confident.suspects(rows, labels)  # 5 reaches the threshold of class 0, 10 does not
    assert found.positions.tolist() == [] or found.positions.tolist() == [5]
    assert confident.suspicion(rows, labels)[5] == pytest.approx(0.85)


def test_that_two_halves_of_one_set_cannot_be_told_apart_and_two_sets_can():
    features, _ = clouds(800, 3)
    same = result(domain.shift(features[:400], features[400:], np.arange(800), Stage.silent()))
    assert 0.4 < same.auc < 0.6
    moved = result(domain.shift(features[:400], features[400:] + 1.5, np.arange(800), Stage.silent()))
    assert moved.low > 0.8
    assert moved.low <= moved.auc <= moved.high
    assert result(domain.shift(features[:5], features[5:], np.arange(800), Stage.silent())) is None


def test_that_the_area_under_the_curve_counts_ties_half():
    negative, positive = np.array([0.1, 0.5, 0.5], np.float32), np.array([0.5, 0.9], np.float32)
    assert domain.auc(negative, positive) == pytest.approx((1 + 0.5 + 0.5 + 3) / 6)


def test_that_principal_components_keep_the_distances():
    generator = np.random.default_rng(0)
    flat = generator.normal(size=(500, 5)) @ generator.normal(size=(5, 60))
    reduced = reducing.principal(flat.astype(np.float32), 10)
    before = np.linalg.norm(flat[:50, None] - flat[None, :50], axis=2)
    after = np.linalg.norm(reduced[:50, None] - reduced[None, :50], axis=2)
    assert np.allclose(before, after, atol=1e-3)
    assert reducing.principal(flat[:3].astype(np.float32), 10).shape == (3, 3)


def test_that_the_interval_of_few_items_is_wide():
    assert half_width(32) == pytest.approx(0.104, abs=0.01)
    assert half_width(10_000) == pytest.approx(0.0059, abs=0.0002)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), max_size=60), st.integers(2, 5))
def test_that_no_fold_parts_what_belongs_together(items: list[tuple[int, str]], count: int):
    joined = np.array([bond for bond, _ in items], np.int64)
    folds = crossval.deal([stratum for _, stratum in items], joined, count)
    assert len(folds) == len(items)
    assert set(folds.tolist()) <= set(range(count))
    assert len(set(zip(joined.tolist(), folds.tolist(), strict=True))) == len(set(joined.tolist()))


def test_that_rare_strata_are_dealt_out_too():
    folds = crossval.deal(["a"] * 97 + ["b"] * 3, np.arange(100))
    assert collections.Counter(folds.tolist()) == dict.fromkeys(range(5), 20)
    assert crossval.deal([], np.empty(0, np.int64)).shape == (0,)
