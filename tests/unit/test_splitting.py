"""No leak, fair shares, the same answer for the same data: checked on thousands of made-up data sets."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlstudio.api.errors import DataError, UsageError
from tlstudio.data.clusters import SplitItem
from tlstudio.data.splitting import SplitPlan, parse_plan, split

BY_SHARES = SplitPlan(given=False)


def items_of(counts: dict[str, int], copies: int = 1) -> list[SplitItem]:
    return [
        SplitItem(f"{label}/{n}-{copy}.jpg", label, f"{label} {n}".encode())
        for label, count in counts.items()
        for n in range(count)
        for copy in range(copies)
    ]


@st.composite
def data_sets(draw: st.DrawFn, groups: bool = True) -> list[SplitItem]:
    count = draw(st.integers(1, 60))
    item = st.tuples(
        st.sampled_from("abcd"), st.integers(0, 40), st.sampled_from(["", "", *"GHIJKL"]) if groups else st.just("")
    )
    drawn = draw(st.lists(item, min_size=count, max_size=count))
    return [
        SplitItem(f"{n}.jpg", label, f"{content}".encode(), "", group)
        for n, (label, content, group) in enumerate(drawn)
    ]


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.integers(0, 5))
def test_that_no_copy_and_no_group_crosses_a_split(items: list[SplitItem], seed: int) -> None:
    result = split(items, BY_SHARES, seed)
    places: dict[object, set[str]] = defaultdict(set)
    for item, name in zip(items, result.splits, strict=True):
        places[item.sha256].add(name)
        if item.group:
            places[item.group].add(name)
    assert all(len(names) == 1 for names in places.values())
    assert set(result.splits) <= {"train", "val", "test"}


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_that_the_order_of_the_files_plays_no_part(items: list[SplitItem], random, seed: int) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    first = dict(zip(items, split(items, BY_SHARES, seed).splits, strict=True))
    second = dict(zip(shuffled, split(shuffled, BY_SHARES, seed).splits, strict=True))
    assert first == second


@settings(max_examples=150, deadline=None)
@given(data_sets(), data_sets(groups=False), st.integers(0, 3))
def test_that_adding_items_moves_none_that_is_there(old: list[SplitItem], new: list[SplitItem], seed: int) -> None:
    before = split(old, BY_SHARES, seed).splits
    if "train" not in before:
        return
    kept = [item._replace(given=name) for item, name in zip(old, before, strict=True)]
    added = [item._replace(path=f"new {item.path}") for item in new]
    after = split([*kept, *added], SplitPlan(), seed).splits
    moved = [a for a, b in zip(before, after, strict=False) if a != b and {"val", "test"} <= set(before)]
    assert moved == []


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(3, 80), min_size=2, max_size=12),
       st.integers(0, 9))  # fmt: skip
def test_that_every_class_gets_its_share_of_every_split(counts: dict[str, int], seed: int) -> None:
    items = items_of(counts)
    splits = split(items, BY_SHARES, seed).splits
    held = Counter((item.label, name) for item, name in zip(items, splits, strict=True))
    for label, count in counts.items():
        for name, part in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
            assert held[label, name] >= 1
            assert abs(held[label, name] - part * count) <= 3
    if min(counts.values()) >= 7:
        assert abs(splits.count("val") - 0.15 * len(items)) <= 2
        assert abs(splits.count("test") - 0.15 * len(items)) <= 2


def test_that_many_tiny_classes_take_nothing_from_a_large_one() -> None:
    items = items_of({**{f"rare {n:03}": 3 for n in range(100)}, "vast": 10_000})
    splits = split(items, BY_SHARES).splits
    vast = Counter(name for item, name in zip(items, splits, strict=True) if item.label == "vast")
    assert abs(vast["val"] - 1500) <= 2
    assert abs(vast["test"] - 1500) <= 2


def test_that_another_seed_gives_another_split() -> None:
    items = items_of({"a": 50, "b": 50})
    assert split(items, BY_SHARES, 0).splits == split(items, BY_SHARES, 0).splits
    assert split(items, BY_SHARES, 0).splits != split(items, BY_SHARES, 1).splits


def test_that_groups_are_shared_out_fairly_too() -> None:
    items = [
        SplitItem(f"{speaker}/{n}.jpg", str(n % 10), f"{speaker} {n}".encode(), "", f"speaker {speaker}")
        for speaker in range(20)
        for n in range(50)
    ]
    counts = Counter(split(items, BY_SHARES).splits)
    assert counts == {"train": 700, "val": 150, "test": 150}


def test_that_three_groups_are_enough_for_three_splits() -> None:
    items = [SplitItem(f"{g}{n}.jpg", "ab"[n % 2], f"{g}{n}".encode(), "", f"{g}") for g in range(3) for n in range(10)]
    result = split(items, BY_SHARES)
    assert set(result.splits) == {"train", "val", "test"}
    (said,) = result.warnings
    assert "33.3 / 33.3 / 33.3 % instead of 70 / 15 / 15 %" in said
    assert "the 30 files make up 3 groups" in said


def test_that_a_class_too_small_to_split_stays_in_training_and_is_said() -> None:
    items = items_of({"a": 20, "b": 20, "rare": 2})
    result = split(items, BY_SHARES)
    rare = {name for item, name in zip(items, result.splits, strict=True) if item.label == "rare"}
    assert rare == {"train"}
    assert any("1 class with fewer than 3" in w and "rare (2)" in w for w in result.warnings)


def test_that_copies_of_one_picture_do_not_make_a_class_large_enough() -> None:
    items = [*items_of({"a": 20, "b": 20}), *items_of({"same": 1}, copies=9)]
    result = split(items, BY_SHARES)
    assert {n for i, n in zip(items, result.splits, strict=True) if i.label == "same"} == {"train"}
    assert any("same (1)" in w for w in result.warnings)


def test_that_one_picture_with_two_labels_is_a_warning_that_names_both_files() -> None:
    items = items_of({"a": 20, "b": 20})
    items.append(SplitItem("b/copy.jpg", "b", items[0].sha256))
    result = split(items, BY_SHARES)
    assert any("more than one label" in w and "a/0-0.jpg (a) = b/copy.jpg (b)" in w for w in result.warnings)
    assert result.splits[0] == result.splits[-1]


def given_items(**counts: int) -> list[SplitItem]:
    return [
        SplitItem(f"{name}/{label}/{n}.jpg", label, f"{name}{label}{n}".encode(), name)
        for name, count in counts.items()
        for label in "ab"
        for n in range(count)
    ]


def test_that_given_splits_are_used_as_they_are() -> None:
    items = given_items(train=10, val=4, test=5)
    result = split(items, SplitPlan())
    assert result.splits == [item.given for item in items]
    assert result.note == "The splits are those of the source."
    assert result.warnings == []


@pytest.mark.parametrize(("there", "lacking"), [("test", "val"), ("val", "test")])
def test_that_a_split_that_is_missing_is_taken_from_training_and_said(there: str, lacking: str) -> None:
    items = given_items(**{"train": 20, there: 5})
    result = split(items, parse_plan("folders"))
    counts = Counter(result.splits)
    assert counts == {"train": 34, there: 10, lacking: 6}
    assert all(name == there for item, name in zip(items, result.splits, strict=True) if item.given == there)
    assert "15 % of its training samples were set aside" in result.note
    assert result.warnings == []


def test_that_a_training_picture_whose_copy_is_in_the_test_split_goes_there_and_is_said() -> None:
    items = given_items(train=10, val=4, test=5)
    items.append(SplitItem("train/a/leak.jpg", "a", items[-1].sha256, "train"))
    result = split(items, SplitPlan())
    assert result.splits[-1] == "test"
    assert any("train/a/leak.jpg" in w and "moved to another split" in w for w in result.warnings)


def test_that_shares_win_over_given_splits_where_they_are_asked_for() -> None:
    counts = Counter(split(given_items(train=40), parse_plan("0.5,0.25,0.25")).splits)
    assert counts == {"train": 40, "val": 20, "test": 20}


def test_that_folders_are_refused_where_there_are_none() -> None:
    with pytest.raises(DataError, match="gives no splits"):
        split(items_of({"a": 5, "b": 5}), parse_plan("folders"))
    with pytest.raises(DataError, match="no training samples"):
        split(given_items(val=5, test=5), parse_plan("folders"))


@pytest.mark.parametrize("text", ["0.7,0.15,0.15", "70/15/15", " 70 %, 15 %, 15 % ", "7e1;15;15"])
def test_that_shares_are_read_in_any_usual_spelling(text: str) -> None:
    assert parse_plan(text).ratios == pytest.approx((0.7, 0.15, 0.15))


@pytest.mark.parametrize("text", ["half", "0.7,0.3", "0.7,0.3,0", "0.5,0.2,0.2", "nan,0.1,0.1", "-1,1,1", "inf,1,1"])
def test_that_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"such as 0\.7,0\.15,0\.15"):
        parse_plan(text)
