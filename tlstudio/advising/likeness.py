"""What the doctor knows about how alike two data sets are, or training and test of one. No torch here."""

import dataclasses

from tlstudio.project import DatasetInfo, Project

APART = 0.8  # area under the curve of a classifier between two domains, above which they are said to differ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likeness:
    """``auc`` of a classifier between the two, with its 95 % interval; ``mmd``: squared maximum mean discrepancy."""

    auc: float
    low: float
    high: float
    mmd: float

    @property
    def apart(self) -> bool:
        return self.auc > APART

    @property
    def words(self) -> str:
        return (
            f"a classifier between the two reaches an area under the curve of {self.auc:.2f} ({self.low:.2f} to "
            f"{self.high:.2f}; MMD² {self.mmd:.3f})"
        )


def measured(project: Project, info: DatasetInfo, others: tuple[DatasetInfo, ...]) -> dict[str, Likeness]:
    """By the name of another data set: what the newest reports on either of the two say, if they are about the
    revisions of today.
    """
    found = {}
    for other in others:
        for one, against in ((info, other), (other, info)):
            report = project.report(one.name) or {}
            known = report.get("likeness")
            wanted = (one.revision, against.name, against.revision)
            if known and (report["revision"], known["dataset"], known["revision"]) == wanted:
                found[other.name] = Likeness(**{name: float(known[name]) for name in ("auc", "low", "high", "mmd")})
                break
    return found


def between_splits(project: Project, info: DatasetInfo) -> str:
    """The doctor's sentence, where training and test of this revision differ clearly; empty otherwise."""
    report = project.report(info.name) or {}
    if report.get("revision") != info.revision:
        return ""
    warnings = [f for f in report["findings"] if f["kind"] == "shift" and f["severity"] == "warning"]
    return str(warnings[0]["sentence"]) if warnings else ""
