"""A model beside its controls: the difference to each, with a paired interval, and what may be claimed of it."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import DataError

FILE = "controls.json"
RESAMPLES = 2000
Floats = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """``difference``: of the mean rightness of the model and the control on the same items; ``low`` and ``high``: its
    95 % interval by a paired bootstrap. ``differing``: items on which their answers differ; of these the model is
    right, and the control wrong, on ``won``, the other way round on ``lost``.
    """

    id: str
    title: str
    kind: str
    difference: float
    low: float
    high: float
    differing: int
    won: int
    lost: int


def paired_interval(differences: Floats, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean of ``differences [N]`` (model minus control, item by item): resampling
    items, both answers of an item together (Efron and Tibshirani 1993, section 8.3).
    """
    count = len(differences)
    random = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    block = max(1, 4_000_000 // max(1, count))
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        means[start : start + size] = np.asarray(differences)[random.integers(0, count, (size, count))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def compare(
    id: str, title: str, kind: str, right: tuple[Floats, Floats], answers: tuple[Sequence[str], Sequence[str]]
) -> Compared:
    """``right``: between 0 and 1 for each item, of the model and of the control; ``answers``: what they said."""
    ours, theirs = (np.asarray(r, np.float64) for r in right)
    differing = np.array([a != b for a, b in zip(*answers, strict=True)], bool)
    low, high = paired_interval(ours - theirs)
    return Compared(
        id=id,
        title=title,
        kind=kind,
        difference=float((ours - theirs).mean()),
        low=low,
        high=high,
        differing=int(differing.sum()),
        won=int((ours > theirs).sum()),
        lost=int((ours < theirs).sum()),
    )


def verdict(rows: Sequence[Compared], claim: str) -> tuple[bool, str]:
    """Whether the claim may be made, and the sentence. It may where the model is better than every baseline and every
    ablation, each beyond its interval.
    """
    by_difference = sorted((r for r in rows if r.kind == "baseline"), key=lambda r: r.difference)
    ablations = sorted((r for r in rows if r.kind == "ablation"), key=lambda r: r.difference)
    short = next((r for r in by_difference if r.low <= 0), None)
    idle = next((r for r in ablations if r.low <= 0), None)
    if short is None and idle is None:
        worst = min([*by_difference, *ablations], key=lambda r: r.low)
        return True, (
            f"In this run it is shown that {claim}: the model is better than each of the baselines, and worse without "
            f"what is claimed to help; the smallest margin, against '{worst.title}', is {_margin(worst)}."
        )
    parts = []
    if short is not None:
        parts.append(f"it is not shown to be better than '{short.title}' ({_margin(short)})")
    if idle is not None:
        parts.append(f"'{idle.title}' does as well within what can be told apart ({_margin(idle)})")
    used = " Without what is claimed to help it is worse, so it does use it." if ablations and idle is None else ""
    return False, f"In this run it is not shown that {claim}: {', and '.join(parts)}.{used}"


def _margin(row: Compared) -> str:
    return f"{100 * row.difference:+.1f} points, 95 % interval {100 * row.low:+.1f} to {100 * row.high:+.1f}"


def write(folder: Path, split: str, entry: dict[str, Any]) -> None:
    """Adds a split to ``controls.json`` of a run's folder; complete or not at all."""
    content = load(folder) or {"schema_version": 1, "splits": {}}
    content["splits"][split] = entry
    temporary = folder / f"{FILE}.tmp"
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    os.replace(temporary, folder / FILE)


def load(folder: Path) -> dict[str, Any]:
    """Empty where the run has no controls. Raises ``DataError`` where the file is damaged."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content["splits"], dict):
            raise TypeError("its splits are no table")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Train again to have the controls.") from error
    return content
