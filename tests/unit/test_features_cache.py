import os
from pathlib import Path

import pytest
import torch

from tlstudio.api import Preprocessing
from tlstudio.data.features import FeatureCache, cache_key


def _hashes(count: int, start: int = 0) -> list[str]:
    return [f"{number:064x}" for number in range(start, start + count)]


def test_that_rows_come_back_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    rows = torch.randn(10, 8)
    FeatureCache(tmp_path, "k", 8).add(_hashes(10), rows)
    again = FeatureCache(tmp_path, "k", 8)
    order = [7, 2, 2, 9]
    assert torch.equal(again.get([_hashes(10)[i] for i in order]), rows[order])


def test_that_only_what_is_missing_is_named_and_equal_pictures_once(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "k", 8)
    cache.add(_hashes(3), torch.zeros(3, 8))
    assert cache.missing([*_hashes(4), _hashes(1, 3)[0]]) == [3]


def test_that_two_writers_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    first, second = FeatureCache(tmp_path, "k", 4), FeatureCache(tmp_path, "k", 4)
    a, b = torch.randn(5, 4), torch.randn(5, 4)
    first.add(_hashes(3), a[:3])
    second.add(_hashes(5, 10), b)
    first.add(_hashes(2, 3), a[3:])
    both = FeatureCache(tmp_path, "k", 4)
    assert torch.equal(both.get(_hashes(5)), a)
    assert torch.equal(both.get(_hashes(5, 10)), b)


@pytest.mark.parametrize("kept", [0, 3, 17, 40, 79])
def test_that_a_shard_cut_short_loses_its_tail_and_nothing_else(tmp_path: Path, kept: int) -> None:
    rows = torch.randn(5, 4)
    FeatureCache(tmp_path, "k", 4).add(_hashes(5), rows)
    (shard,) = (tmp_path / "k").glob("*.f32")
    os.truncate(shard, kept)
    cache = FeatureCache(tmp_path, "k", 4)
    whole = kept // 16
    assert cache.missing(_hashes(5)) == list(range(whole, 5))
    assert torch.equal(cache.get(_hashes(whole)), rows[:whole])


def test_that_the_key_names_weights_preprocessing_and_precision() -> None:
    p = Preprocessing(resize=256, crop=224)
    keys = {
        cache_key("a", p, "float32"),
        cache_key("b", p, "float32"),
        cache_key("a", p, "bfloat16"),
        cache_key("a", Preprocessing(resize=232, crop=224), "float32"),
    }
    assert len(keys) == 4
