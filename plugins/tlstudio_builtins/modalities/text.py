"""Texts, without torch: bytes of UTF-8, as the networks for texts take them."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError, Facts, Preprocessing
from tlstudio.api.regions import Canvas

CAPTION = 300  # characters
LONGEST = 2048  # bytes that a network is given of one text
_LENGTHS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, LONGEST)
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_ODD = 0.1  # share of control characters above which something is no text
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
# Five bytes mean nothing in Windows-1252; they become what they are in Latin-1, control characters.
_WINDOWS = {b: ord(bytes([b]).decode("cp1252")) for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}


class Text:
    """A :class:`tlstudio.api.Modality`."""

    def check(self, content: bytes, name: str) -> Facts:
        """``width`` of the facts counts characters, ``height`` bytes of UTF-8."""
        text, encoding = read(content)
        size = len(text.encode())
        meta = [("bytes", str(size)), ("words", str(len(text.split())))]
        if encoding != "utf-8":
            meta.append(("encoding", encoding))
        return Facts(
            width=len(text), height=size, caption=text.strip()[:CAPTION], phash=fingerprint(text), meta=tuple(meta)
        )

    def preview(self, content: bytes, size: int) -> None:
        return None

    def parameters(self, facts: Sequence[Facts]) -> dict[str, Any]:
        """``length``: of the bytes that a network is given, such that 19 of 20 texts are seen whole; at most 2048."""
        lengths = [_bytes(fact) for fact in facts]
        wanted = float(np.percentile(lengths, 95)) if lengths else 256.0
        return {"length": next((length for length in _LENGTHS if length >= wanted), LONGEST)}

    def inputs(
        self, contents: Sequence[bytes], preprocessing: Preprocessing, parameters: Mapping[str, Any]
    ) -> npt.NDArray[np.int64]:
        length = int(parameters["length"])
        rows = np.zeros((len(contents), length), np.int64)
        for row, content in zip(rows, contents, strict=True):
            values = numbers(content)[:length]
            row[: len(values)] = values
        return rows

    def canvas(self, content: bytes, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> Canvas:
        """A :class:`tlstudio.api.regions.DrawnModality`."""
        text, _ = read(content)
        return Canvas(text=text.strip(), length=int(parameters["length"]))


def fingerprint(text: str) -> int:
    """63 bits that texts share which differ but in case, spaces and punctuation."""
    plain = "".join(character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum())
    return int.from_bytes(hashlib.blake2b((plain or text).encode(), digest_size=8).digest(), "big") >> 1


def _bytes(fact: Facts) -> float:
    """Of the text in UTF-8: its ``height``; where that is not told, as many for each character as in its beginning."""
    if fact.height:
        return fact.height
    return fact.width * len(fact.caption.encode()) / max(1, len(fact.caption)) or fact.width


def read(content: bytes) -> tuple[str, str]:
    """The text, and the encoding that it was in: UTF-8, UTF-16 where a mark says so, otherwise Windows-1252.

    Raises :class:`DataError` with a sentence for what is empty or no text.
    """
    text, encoding = _decoded(content)
    if not text.strip():
        raise DataError("The text is empty.")
    if "\0" in text or len(_CONTROLS.findall(text)) > max(1, _ODD * len(text)):
        raise DataError("It is not a text: it holds bytes that stand for no characters.")
    return text, encoding


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace"), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1").translate(_WINDOWS), "windows-1252"


def numbers(content: bytes) -> npt.NDArray[np.uint16]:
    """The bytes of the text in UTF-8, each plus 1, without white space at the ends. Raises :class:`DataError`."""
    text, _ = read(content)
    return np.frombuffer(text.strip().encode(), np.uint8).astype(np.uint16) + 1
