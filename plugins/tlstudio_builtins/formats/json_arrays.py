"""Large JSON objects, the elements of whose lists are looked at one by one, so that they need not be kept."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def elements(text: str, keys: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """(key, where it begins, element) for each element of the lists that the outermost object has under ``keys``.

    Raises ``ValueError`` for text that is no JSON object, or has something else than lists there.
    """
    position = _after(text, 0, "{")
    if text.startswith("}", position):
        return
    while True:
        key, position = _DECODER.raw_decode(text, position)
        position = _after(text, position, ":")
        if key in keys:
            for start, element, end in _listed(text, _after(text, position, "[")):
                if start >= 0:
                    yield key, start, element
                position = end
        else:
            _, position = _DECODER.raw_decode(text, position)
        position = _space(text, position)
        if text.startswith("}", position):
            return
        position = _after(text, position, ",")


def element_at(text: str, start: int) -> Any:
    return _DECODER.raw_decode(text, start)[0]


def _listed(text: str, position: int) -> Iterator[tuple[int, Any, int]]:
    """(begin, element, end) of the elements; at last -1, nothing, and the end of the list."""
    while not text.startswith("]", position):
        start = position
        element, position = _DECODER.raw_decode(text, position)
        yield start, element, position
        position = _space(text, position)
        if not text.startswith("]", position):
            position = _after(text, position, ",")
    yield -1, None, position + 1


def _space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _after(text: str, position: int, sign: str) -> int:
    """Behind the sign and the space around it."""
    position = _space(text, position)
    if not text.startswith(sign, position):
        raise ValueError(f"'{sign}' is missing at character {position + 1:,}")
    return _space(text, position + 1)
