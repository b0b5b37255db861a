"""Large JSON, element by element."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlstudio_builtins.formats.json_arrays import element_at, elements

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(JSON, max_size=4)), st.sampled_from([None, 2]))
def test_that_every_element_comes_once_and_can_be_read_again(content: dict[str, list[Any]], indent: int | None) -> None:
    text = json.dumps({"other": {"a": [1]}, **content}, indent=indent)
    found = list(elements(text, ("a", "c")))
    assert [(key, element) for key, _, element in found] == [
        (key, element) for key, several in content.items() if key in ("a", "c") for element in several
    ]
    assert all(element_at(text, start) == element for _, start, element in found)


@given(st.text('{}[]:," a1', max_size=20))
def test_that_anything_else_is_a_value_error_or_json(text: str) -> None:
    try:
        list(elements(text, ("a",)))
    except ValueError:
        return
    assert text.lstrip().startswith("{")


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}', '{"a": [1}', '{"a": [1] "b": 2}', '{"a": [1', '{"a"'])
def test_that_what_is_cut_off_is_noticed(text: str) -> None:
    with pytest.raises(ValueError, match=r"character|char"):
        list(elements(text, ("a",)))
