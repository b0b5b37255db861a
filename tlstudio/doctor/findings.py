"""What the doctor says: findings with the items that they are about."""

from collections.abc import Iterable
from typing import Any, Literal, TypedDict

Severity = Literal["problem", "warning", "note"]


class FoundItem(TypedDict):
    """``id`` 0: no item of the data set (a class, a file that was left out). ``score``: higher is more suspicious."""

    id: int
    path: str
    label: str
    note: str
    score: float


class Finding(TypedDict):
    """``count``: of what the sentence is about. ``items``: all of them, the most suspicious first."""

    kind: str
    severity: Severity
    count: int
    sentence: str
    advice: str
    items: list[FoundItem]


class Report(TypedDict):
    """``pairs``: ids of items that are near duplicates. ``skipped``: sentences about what was not looked at, and why.
    ``healthy``: nothing but notes was found. ``likeness``: to the data set ``against``, where one was named:
    ``dataset``, ``revision``, ``auc`` with ``low`` and ``high``, ``mmd``, ``p``.
    """

    dataset: str
    revision: int
    items: int
    excluded: int
    root: str
    root_found: bool
    healthy: bool
    quick: bool
    backbone: str
    weights: str
    against: str
    findings: list[Finding]
    pairs: list[list[int]]
    skipped: list[str]
    likeness: dict[str, Any] | None
    seconds: float


def item(
    item_id: int = 0, path: str = "", label: str = "", note: str = "", score: float = 0.0
) -> FoundItem:  # fmt: skip
    return {"id": int(item_id), "path": path, "label": label, "note": note, "score": round(float(score), 6)}


def finding(
    kind: str, severity: Severity, sentence: str, advice: str, items: Iterable[FoundItem], count: int | None = None
) -> Finding:
    listed = list(items)
    return {
        "kind": kind,
        "severity": severity,
        "count": len(listed) if count is None else count,
        "sentence": sentence,
        "advice": advice,
        "items": listed,
    }


def many(count: int, one: str, several: str, verb: tuple[str, str] = ("is", "are")) -> str:
    """``1 file is``, ``1,200 files are``."""
    return f"1 {one} {verb[0]}" if count == 1 else f"{count:,} {several} {verb[1]}"
