"""What a model says of one sample, and how that is read from the answer of the job ``predict``. No Qt."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

TYPED = "text:"
"""What the path of a text begins with that was typed; the text follows."""


@dataclasses.dataclass(frozen=True)
class Guess:
    """``top``: classes (labels) with their probabilities, or with their shares of a picture, the likeliest first;
    ``given``: how many of them the model gives; ``numbers`` of a regression; all empty while it is being worked on.
    ``mask``: a file; ``pixels``: the value of each class in it, ``names`` the classes. ``text``: its beginning.
    """

    path: str
    top: tuple[tuple[str, float], ...] = ()
    error: str = ""
    numbers: tuple[tuple[str, float], ...] = ()
    given: int = 1
    mask: str = ""
    names: tuple[str, ...] = ()
    pixels: tuple[int, ...] = ()
    text: str = ""

    @property
    def key(self) -> str:
        return hashlib.sha256(self.path.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def answered(self) -> bool:
        return bool(self.top or self.numbers or self.error)

    @property
    def name(self) -> str:
        return self.text.strip() if self.path.startswith(TYPED) else Path(self.path).name

    @property
    def spoken(self) -> str:
        if self.error:
            return self.error
        if self.numbers:
            return ", ".join(f"{name} {number:.4g}" for name, number in self.numbers)
        return ", ".join(f"{name} {share * 100:.1f} %" for name, share in self.top) or "looking"


def answers(result: dict[str, Any]) -> dict[str, Guess]:
    """What the job ``predict`` found, by file, or by text behind ``TYPED``."""
    found = {}
    for entry in result.get("predictions", []):
        text = str(entry.get("text", ""))
        path = str(entry["file"]) if "file" in entry else TYPED + text
        rows = [(str(row["class"]), float(row["probability"])) for row in entry.get("top", entry.get("scores", []))]
        if "shares" in entry:
            shares = {str(name): float(share) for name, share in entry["shares"].items()}
            rows = sorted(shares.items(), key=lambda row: -row[1])
        numbers = tuple((str(name), float(number)) for name, number in entry.get("values", {}).items())
        error = str(entry.get("error", "")) or ("" if rows or numbers else "There is no answer for this picture.")
        values = {str(name): int(value) for name, value in entry.get("mask_values", {}).items()}
        found[path] = Guess(
            path,
            tuple(rows),
            error,
            numbers,
            given=len(entry["labels"]) if "labels" in entry else 1,
            mask=str(entry.get("mask", "")),
            names=tuple(values),
            pixels=tuple(values.values()),
            text=text,
        )
    return found
