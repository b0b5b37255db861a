"""What the doctor's newest report says, as the browser needs it: rows for the side panel, marks for the cells."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlstudio.project import Project

_MARKED = 200_000  # items at most that carry a mark
_SHORT = 26  # characters of a chip
_TONES = {"problem": "error", "warning": "warning", "note": "accent"}


@dataclasses.dataclass(frozen=True)
class Finding:
    kind: str
    tone: str
    count: int
    sentence: str

    @property
    def words(self) -> str:
        return self.kind.replace("-", " ").replace("_", " ")

    @property
    def mark(self) -> str:
        """Of one item."""
        return self.words.removesuffix("s") if not self.words.endswith("ss") else self.words


@dataclasses.dataclass(frozen=True)
class Report:
    """``checked``: whether there is a report. ``marks``: tone and words for each item, ``scores`` its suspicion.
    ``latest``: what the newest revision changed.
    """

    dataset: str = ""
    checked: bool = False
    findings: tuple[Finding, ...] = ()
    marks: Mapping[int, tuple[str, str]] = dataclasses.field(default_factory=dict)
    scores: Mapping[int, float] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    bins: tuple[tuple[str, int], ...] = ()
    latest: str = ""


def report_of(project: "Project", dataset: str, numbers: bool) -> Report:
    """In a thread. ``numbers``: the labels are numbers, whose distribution is wanted as well."""
    found = project.report(dataset)
    warnings = tuple(project.warnings(dataset))
    latest = project.revisions(dataset)[0].note
    bins = _bins(project, dataset) if numbers else ()
    if not isinstance(found, dict):
        return Report(dataset, warnings=warnings, bins=bins, latest=latest)
    findings: list[Finding] = []
    marks: dict[int, tuple[str, str]] = {}
    scores: dict[int, float] = {}
    for row in _rows(found):
        tone = _TONES.get(str(row.get("severity", "")), "warning")
        count = row.get("count", 0)
        finding = Finding(str(row.get("kind", "")), tone, int(count), str(row.get("sentence", "")))
        findings.append(finding)
        for item in row.get("items") or ():
            identifier = item.get("id") if isinstance(item, dict) else None
            if not isinstance(identifier, int) or len(marks) >= _MARKED:
                continue
            note = str(item.get("note") or "")
            if tone != "accent":  # what is merely worth knowing marks no single item
                marks.setdefault(identifier, (tone, note if 0 < len(note) <= _SHORT else finding.mark))
            score = item.get("score")
            if isinstance(score, int | float):
                scores[identifier] = max(scores.get(identifier, float("-inf")), float(score))
    return Report(dataset, True, tuple(findings), marks, scores, warnings, bins, latest)


def _rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The worst first, as the report has them."""
    return [row for row in report.get("findings") or () if isinstance(row, dict) and row.get("count")]


def _bins(project: "Project", dataset: str) -> tuple[tuple[str, int], ...]:
    """The histogram of the (first) number in all splits together."""
    counts: dict[str, int] = {}
    for split in project.class_values(dataset).values():
        for name, count in split.items():
            counts[name] = counts.get(name, 0) + count
    return tuple(counts.items())
