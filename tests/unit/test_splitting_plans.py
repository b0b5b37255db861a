"""By time, in folds, from lists, with near duplicates, and added to: no leak, whatever was asked for."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlstudio.api.errors import DataError, UsageError
from tlstudio.data.clusters import SplitItem, make_clusters
from tlstudio.data.splitting import SplitPlan, parse_plan, split

SPREAD = 0x9E3779B97F4A7C15
"""Multiples of it, modulo 2**63, are fingerprints that have nothing to do with each other."""


@st.composite
def rich_data_sets(draw: st.DrawFn, prefix: str = "") -> list[SplitItem]:
    """Copies, near copies, groups, times, and items without one or the other."""
    item = st.tuples(
        st.sampled_from(["a", "b", "c", ""]),
        st.integers(0, 30),
        st.sampled_from(["", "", *"GHIJ"]),
        st.integers(0, 9),
        st.one_of(st.none(), st.tuples(st.integers(1, 12), st.integers(0, 62))),
    )
    drawn = draw(st.lists(item, min_size=1, max_size=50))
    items = []
    for n, (label, content, group, time, fingerprint) in enumerate(drawn):
        near = None if fingerprint is None else (fingerprint[0] * SPREAD) % 2**63 ^ (1 << fingerprint[1])
        items.append(
            SplitItem(f"{prefix}{n}.jpg", label, f"{prefix}{content}".encode(), "", group, f"202{time}-01-01", near)
        )
    return items


def no_cluster_crosses(items: Sequence[SplitItem], splits: Sequence[str]) -> bool:
    """Copies, groups and near duplicates; the last as clusters.py finds them."""
    places: dict[object, set[str]] = defaultdict(set)
    for item, cluster, name in zip(items, make_clusters(items).of.tolist(), splits, strict=True):
        for bond in (item.sha256, item.group or item.sha256, cluster):
            places[bond].add(name)
    return all(len(names) == 1 for names in places.values())


PLANS = ["", "0.6,0.2,0.2", "time", "kfold:3:1", "kfold:5:5"]


@settings(max_examples=120, deadline=None)
@given(rich_data_sets(), st.sampled_from(PLANS), st.integers(0, 3))
def test_that_nothing_that_belongs_together_is_parted_and_all_is_split(
    items: list[SplitItem], text: str, seed: int
) -> None:
    result = split(items, parse_plan(text), seed)
    assert len(result.splits) == len(items)
    assert set(result.splits) <= {"train", "val", "test"}
    assert no_cluster_crosses(items, result.splits)
    assert split(items, parse_plan(text), seed) == result


@settings(max_examples=60, deadline=None)
@given(rich_data_sets(), st.sampled_from(PLANS), st.randoms(use_true_random=False))
def test_that_the_order_plays_no_part_in_any_plan(items: list[SplitItem], text: str, random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    plan = parse_plan(text)
    first = dict(zip(items, split(items, plan).splits, strict=True))
    assert first == dict(zip(shuffled, split(shuffled, plan).splits, strict=True))


@settings(max_examples=100, deadline=None)
@given(rich_data_sets(), rich_data_sets("new "), st.sampled_from(PLANS), st.sampled_from(PLANS))
def test_that_what_is_fixed_never_moves_when_items_are_added(
    old: list[SplitItem], new: list[SplitItem], first: str, then: str
) -> None:
    before = split(old, parse_plan(first)).splits
    there = [item._replace(given=name, fixed=True) for item, name in zip(old, before, strict=True)]
    # The new ones may bring copies of the old, and members of their groups.
    copies = [item._replace(path=f"copy of {item.path}") for item in old[::3]]
    after = split([*there, *new, *copies], parse_plan(then)).splits
    assert after[: len(old)] == before
    split_of = dict(zip((item.sha256 for item in there), before, strict=True))
    for item, name in zip(copies, after[len(old) + len(new) :], strict=True):
        assert name == split_of[item.sha256]


@settings(max_examples=60, deadline=None)
@given(rich_data_sets(), st.integers(3, 6), st.integers(0, 2))
def test_that_the_folds_are_a_partition(items: list[SplitItem], folds: int, seed: int) -> None:
    results = [split(items, parse_plan(f"kfold:{folds}:{fold}"), seed).splits for fold in range(1, folds + 1)]
    for position in range(len(items)):
        names = [splits[position] for splits in results]
        assert Counter(names) == {"test": 1, "val": 1, "train": folds - 2}
        assert names[names.index("test") - 1] == "val"  # the fold after the test's is for validation


def test_that_folds_are_even_in_size_and_in_every_class() -> None:
    items = [SplitItem(f"{n}.jpg", "abc"[n % 3], f"{n}".encode()) for n in range(602)]
    for fold in range(1, 6):
        result = split(items, parse_plan(f"kfold:5:{fold}"))
        counts = Counter(zip((item.label for item in items), result.splits, strict=True))
        assert all(39 <= counts[label, "test"] <= 41 for label in "abc")
        assert 119 <= result.splits.count("test") <= 122
        assert result.note.startswith(f"Fold {fold} of 5 is the test split, fold {fold % 5 + 1} is for validation")


def test_that_grouped_folds_are_even_in_every_class_too() -> None:
    items = [
        SplitItem(f"{g}-{n}.jpg", "abc"[(g * n) % 3], f"{g} {n}".encode(), "", f"patient {g}")
        for g in range(40)
        for n in range(5 + g % 7)
    ]
    total = Counter(item.label for item in items)
    for fold in range(1, 5):
        result = split(items, parse_plan(f"kfold:4:{fold}"))
        held = Counter(i.label for i, name in zip(items, result.splits, strict=True) if name == "test")
        assert all(abs(held[label] / total[label] - 0.25) < 0.05 for label in total)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=30, max_size=60), st.integers(0, 3))
def test_that_groups_are_dealt_out_as_evenly_as_they_allow(groups: list[tuple[int, int]], seed: int) -> None:
    items = [
        SplitItem(f"{g}-{n}.jpg", "ab"[n % (kind + 1) % 2], f"{g} {n}".encode(), "", f"{g}")
        for g, (size, kind) in enumerate(groups)
        for n in range(size)
    ]
    splits = split(items, SplitPlan(given=False), seed).splits
    for name, part in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        assert abs(splits.count(name) - part * len(items)) <= 9


def test_that_the_oldest_train_and_the_newest_test() -> None:
    items = [SplitItem(f"{n}.jpg", "ab"[n % 2], f"{n}".encode(), time=f"2024-01-{n // 4 + 1:02}") for n in range(100)]
    result = split(items, parse_plan("time:0.6,0.2,0.2"))
    assert Counter(result.splits) == {"train": 60, "val": 20, "test": 20}
    last = [max(i.time for i, s in zip(items, result.splits, strict=True) if s == n) for n in ("train", "val", "test")]
    assert last == sorted(set(last))
    assert result.warnings == []
    assert "oldest for training" in result.note


@pytest.mark.parametrize("times", [["3", "20", "100"], ["2023-12-31T23:00", "2024-01-01", "2024-01-01T00:30Z"]])
def test_that_times_are_compared_as_numbers_or_dates(times: list[str]) -> None:
    items = [SplitItem(f"{n}-{m}.jpg", "a", f"{n} {m}".encode(), time=times[n]) for n in range(3) for m in range(4)]
    assert split(items, parse_plan("time")).splits == ["train"] * 4 + ["val"] * 4 + ["test"] * 4


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["", "", "G", "H"])), min_size=1, max_size=40))
def test_that_no_moment_is_parted_and_nothing_in_training_is_newer(drawn: list[tuple[int, str]]) -> None:
    items = [SplitItem(f"{n}.jpg", "a", f"{n}".encode(), "", group, f"{t}") for n, (t, group) in enumerate(drawn)]
    splits = split(items, parse_plan("time")).splits
    newest_of = {group: max(int(i.time) for i in items if i.group == group) for group in "GH" if
                 any(i.group == group for i in items)}  # fmt: skip
    moments: dict[int, set[str]] = defaultdict(set)
    for item, name in zip(items, splits, strict=True):
        moments[newest_of.get(item.group, int(item.time))].add(name)
    assert all(len(names) == 1 for names in moments.values())
    order = [min(("train", "val", "test").index(name) for name in moments[moment]) for moment in sorted(moments)]
    assert order == sorted(order)


def test_that_times_that_cannot_be_read_are_named() -> None:
    items = [SplitItem(f"{n}.jpg", "a", f"{n}".encode(), time=f"{n}") for n in range(20)]
    items[7] = items[7]._replace(time="last summer")
    result = split(items, parse_plan("time"))
    assert result.splits[7] == "train"
    assert any("1 of 20 items cannot be read: 7.jpg ('last summer')" in w for w in result.warnings)
    with pytest.raises(DataError, match="0 have a time that can be read"):
        split([item._replace(time="") for item in items], parse_plan("time"))


def test_that_a_group_that_spans_the_years_is_kept_whole_and_said() -> None:
    items = [SplitItem(f"{n}.jpg", "a", f"{n}".encode(), "", f"p{n % 10}", f"{n}") for n in range(100)]
    result = split(items, parse_plan("time"))
    assert no_cluster_crosses(items, result.splits)
    assert any("as old as training but held out" in w for w in result.warnings)


def test_that_near_duplicates_stay_together_and_are_counted() -> None:
    items = [SplitItem(f"{n}.jpg", "ab"[n % 2], f"{n}".encode(), phash=(n + 1) * SPREAD % 2**63) for n in range(200)]
    copies = [
        item._replace(path=f"copy {item.path}", sha256=b"copy" + item.sha256, phash=(item.phash or 0) ^ 0b1001 << n)
        for n, item in enumerate(items[:40])
    ]
    result = split([*items, *copies], parse_plan(""))
    assert result.splits[:40] == result.splits[200:]
    assert len(set(result.splits[:40])) == 3
    assert "80 files were held together as near duplicates" in result.note


def test_that_pictures_known_to_be_copies_stay_together() -> None:
    items = [SplitItem(f"{n}.jpg", "ab"[n % 2], f"{n}".encode()) for n in range(100)]
    result = split(items, parse_plan(""), pairs=[(n, n + 50) for n in range(50)])
    assert result.splits[:50] == result.splits[50:]
    assert set(result.splits) == {"train", "val", "test"}


def test_that_too_few_groups_for_a_split_without_a_leak_are_said() -> None:
    items = [SplitItem(f"{n}.jpg", "ab"[n % 3 % 2], f"{n}".encode(), "", "GH"[n % 2]) for n in range(40)]
    result = split(items, SplitPlan(given=False))
    assert no_cluster_crosses(items, result.splits)
    assert any("There is no split without a leak: the 40 files make up 2 groups" in w for w in result.warnings)


def test_that_one_giant_group_is_said_with_numbers() -> None:
    items = [
        SplitItem(f"{n}.jpg", "ab"[n % 2], f"{n}".encode(), "", "giant" if n < 90 else f"g{n}") for n in range(100)
    ]
    result = split(items, SplitPlan(given=False))
    assert any("the group 'giant', holds 90 of them" in w and "90 / 5 / 5 %" in w for w in result.warnings)


def test_that_a_class_that_only_one_group_has_is_trained_on_and_said() -> None:
    items = [
        SplitItem(f"{n}.jpg", "rare" if n % 10 == 0 and n % 4 == 0 else "ab"[n % 2], f"{n}".encode(), "", f"g{n % 10}")
        for n in range(200)
    ]
    result = split(items, SplitPlan(given=False))
    assert {name for i, name in zip(items, result.splits, strict=True) if i.label == "rare"} == {"train"}
    assert any("1 class with fewer than 3 different samples or groups" in w for w in result.warnings)


def test_that_classes_of_few_groups_each_do_not_keep_the_other_splits_empty() -> None:
    items = [
        SplitItem(f"{g}-{n}.jpg", f"product {g // 2}", f"{g} {n}".encode(), "", f"g{g}")
        for g in range(40)
        for n in range(5)
    ]
    mixed = [item._replace(label="common", path=f"x{item.path}", sha256=b"x" + item.sha256) for item in items]
    result = split([*items, *mixed], SplitPlan(given=False))
    assert Counter(result.splits)["test"] >= 40
    assert any("in fewer than 3 groups" in w or "fewer than 3 different" in w for w in result.warnings)


def test_that_a_new_file_that_ties_two_splits_together_is_called_a_leak() -> None:
    old = [SplitItem("a.jpg", "a", b"1", "train", "", fixed=True), SplitItem("b.jpg", "a", b"2", "test", fixed=True)]
    bridge = SplitItem("new.jpg", "a", b"3")
    others = [SplitItem(f"{n}.jpg", "ab"[n % 2], f"o{n}".encode(), "train", fixed=True) for n in range(9)]
    result = split([*old, bridge, *others], SplitPlan(), pairs=[(0, 2), (1, 2)])
    assert result.splits[:3] == ["train", "test", "test"]
    assert any(w.startswith("A leak: 3 files") and "new.jpg" in w for w in result.warnings)


def test_that_added_items_are_shared_out_although_the_old_ones_have_no_test_split() -> None:
    old = [SplitItem(f"{n}.jpg", "a", f"{n}".encode(), "train", fixed=True) for n in range(20)]
    new = [SplitItem(f"new {n}.jpg", "a", f"n{n}".encode()) for n in range(20)]
    assert Counter(split([*old, *new], SplitPlan()).splits[20:]) == {"train": 14, "val": 3, "test": 3}


def test_that_strata_are_spread_alike_but_are_no_classes_to_be_warned_about() -> None:
    items = [SplitItem(f"{n}.jpg", f"{n // 50}", f"{n}".encode()) for n in range(101)]
    result = split(items, SplitPlan(given=False), classes=False)
    assert result.warnings == []
    held = Counter(zip((item.label for item in items), result.splits, strict=True))
    assert all(7 <= held[stratum, "test"] <= 8 for stratum in "01")


def test_that_items_without_a_label_are_shared_out_too() -> None:
    items = [SplitItem(f"{n}.jpg", "", f"{n}".encode(), "", f"g{n % 20}" if n % 2 else "") for n in range(200)]
    counts = Counter(split(items, SplitPlan(given=False)).splits)
    assert all(abs(counts[name] - 200 * part) <= 10 for name, part in (("train", 0.7), ("val", 0.15), ("test", 0.15)))


def test_that_lists_in_a_folder_say_the_splits(tmp_path: Path) -> None:
    items = [SplitItem(f"images/{n}.jpg", "ab"[n % 2], f"{n}".encode()) for n in range(30)]
    for name, numbers in (("train", range(20)), ("val", range(20, 25)), ("test", range(25, 30))):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{n}" for n in numbers) + "\n")
    result = split(items, parse_plan(f"files:{tmp_path}"))
    assert result.splits == ["train"] * 20 + ["val"] * 5 + ["test"] * 5
    assert f"those of the lists in {tmp_path}" in result.note


def test_that_a_table_says_the_splits(tmp_path: Path) -> None:
    items = [SplitItem(f"{n}.jpg", "ab"[n % 2], f"{n}".encode()) for n in range(30)]
    table = tmp_path / "splits.csv"
    rows = [f"{n}.jpg,{'test' if n % 5 == 0 else 'valid' if n % 5 == 1 else 'train'}" for n in range(28)]
    table.write_text("path,split\n" + "\n".join(rows))
    result = split(items, parse_plan(f"files:{table}"))
    assert result.splits[:5] == ["test", "val", "train", "train", "train"]
    assert "What it leaves open (2 files)" in result.note


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,split\na.jpg,east\n", "splits.csv, line 2: 'east' is no split"),
        ("name,fold\na.jpg,1\n", "no columns named path and split"),
        ("path,split\nz.jpg,train\n", "None of the 1 names .* the first being 'z.jpg'"),
        ("path,split\na.jpg,train\na.jpg,test\n", "line 3: a.jpg is in two splits"),
    ],
)
def test_that_unusable_lists_are_refused_with_the_line(text: str, said: str, tmp_path: Path) -> None:
    table = tmp_path / "splits.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=said):
        split([SplitItem("a.jpg", "a", b"a")], parse_plan(f"files:{table}"))
    with pytest.raises(DataError, match="cannot be read"):
        split([SplitItem("a.jpg", "a", b"a")], parse_plan(f"files:{tmp_path / 'nothing.csv'}"))


@pytest.mark.parametrize(
    "text", ["kfold", "kfold:5", "kfold:2:1", "kfold:5:0", "kfold:5:6", "kfold:x:1", "kfold:5:1:2"]
)
def test_that_impossible_folds_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="such as kfold:5:1"):
        parse_plan(text)


def test_that_plans_are_read_as_written() -> None:
    assert parse_plan(" Time:60/20/20 ") == SplitPlan(given=False, kind="time", ratios=(0.6, 0.2, 0.2))
    assert parse_plan("time") == SplitPlan(given=False, kind="time")
    assert parse_plan("kfold:5:2") == SplitPlan(given=False, kind="kfold", folds=5, fold=2)
    assert parse_plan("files:/Data/My Lists").source == "/Data/My Lists"
    with pytest.raises(UsageError, match="no way to split"):
        parse_plan("time:tomorrow")
