"""Which format a source is in, asked of every format that the plugins offer."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api.errors import StudioError

if TYPE_CHECKING:
    from tlstudio.api.dataset_format import FormatDescriptor

SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


@dataclasses.dataclass(frozen=True)
class Sniffed:
    """``sentence`` says what the source looks like; ``has_splits``: it brings a split of its own."""

    sentence: str
    format: str = ""
    has_splits: bool = False


def sniff(formats: "list[FormatDescriptor]", source: Path) -> Sniffed:
    """Looks at the disk; call it off the window's thread."""
    if not source.exists():
        return Sniffed(f"There is nothing at {source}.")
    best, sureness = None, 0.0
    for descriptor in formats:
        try:
            found = float(descriptor.load()().sniff(source))
        except (StudioError, OSError):
            continue
        if found > sureness:
            best, sureness = descriptor, found
    if best is None:
        return Sniffed("No format recognises it. Pictures are expected in one folder for each class, or a CSV.")
    has_splits = source.is_dir() and bool(_folders(source) & SPLIT_NAMES)
    extra = " It brings its own split." if has_splits else ""
    return Sniffed(f"Looks like: {best.title}.{extra}", best.id, has_splits)


def _folders(source: Path) -> set[str]:
    with os.scandir(source) as entries:
        return {entry.name.lower() for entry in entries if entry.is_dir()}
