"""Texts that are empty, very long, or the same but for case, spaces and punctuation."""

import re
import unicodedata

import numpy as np

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.doctor.bonds import Pairs
from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, finding

_CAPTION = 300  # characters of a text that the project holds
_SEEN = 2048  # bytes that networks for texts see
_MUCH_LONGER = 10  # times the median
_NOT_WORDS = re.compile(r"[\W_]+")
_FEWEST = 8  # characters, below which equal texts are no surprise


def look(case: Case) -> list[Finding]:
    lengths = np.array([record.width for record in case.records], np.float64)
    found = []
    empty = [case.item(p, "no characters", 1.0) for p, r in enumerate(case.records) if not r.width or not r.caption]
    if empty:
        advice = "Exclude them: there is nothing to learn from."
        found.append(finding("empty-texts", "problem", f"{case.count(len(empty))} empty.", advice, empty))
    usual = float(np.median(lengths)) if len(lengths) else 0.0
    long = np.flatnonzero((lengths > _SEEN) | ((lengths > _MUCH_LONGER * max(usual, 1)) & (lengths > 400)))
    if len(long):
        order = long[np.argsort(-lengths[long], kind="stable")]
        listed = [case.item(int(p), f"{lengths[p]:,.0f} characters", lengths[p] / max(usual, 1)) for p in order]
        sentence = f"{case.count(len(listed))} much longer than the others (half have at most {usual:,.0f} characters)."
        advice = f"A network for texts sees at most the first {_SEEN:,} bytes; split what matters further back."
        found.append(finding("long-texts", "note", sentence, advice, listed))
    encodings = case.meta.get("encoding", [])
    odd = [case.item(p, name, 1.0) for p, name in enumerate(encodings) if name]
    if odd:
        sentence = f"{case.count(len(odd))} in another encoding than UTF-8, which had to be guessed."
        found.append(finding("odd-encodings", "note", sentence, "Look whether accents are right.", odd))
    return found


def same_words(case: Case) -> Pairs:
    """Pairs of texts that are equal once case, accents' notation, spaces and punctuation are left out."""
    first: dict[str, int] = {}
    pairs = []
    for position in range(len(case.records)):
        words = _words(case, position)
        if len(words) >= _FEWEST and (other := first.setdefault(words, position)) != position:
            pairs.append((other, position))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _words(case: Case, position: int) -> str:
    record = case.records[position]
    text = record.caption
    if record.width > _CAPTION:
        try:
            text = places.read_bytes(record.place).decode("utf-8", "replace")
        except DataError:
            return ""  # it is among what is missing
    return _NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
