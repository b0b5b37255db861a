"""The doctor's report as people read it."""

from collections.abc import Iterator

from tlstudio.doctor.findings import Finding, Report

SHOWN = 10  # examples of each finding
_SECTIONS = (
    ("Files", ("root-missing", "missing", "changed", "skipped", "odd-masks")),
    ("Copies and leaks", ("leaks", "near-leaks", "group-leaks", "duplicates", "near-duplicates", "split-advice")),
    ("Labels", ("label-conflicts", "label-errors", "empty-masks", "unlabelled-pixels")),
    ("Classes and splits", (
        "imbalance", "tiny-classes", "rare-pixels", "class-pixels", "empty-splits", "few-test-items",
        "shift", "shift-against",
    )),
)  # fmt: skip
_OTHERS = "Unusual items"
_MARKS = {"problem": "!!", "warning": " !", "note": "  "}


def as_text(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    excluded = f", {report['excluded']:,} more are excluded" if report["excluded"] else ""
    yield f"{report['dataset']}, revision {report['revision']}: {report['items']:,} items{excluded}."
    known = {kind for _, kinds in _SECTIONS for kind in kinds}
    others = tuple(f["kind"] for f in report["findings"] if f["kind"] not in known)
    for title, kinds in (*_SECTIONS, (_OTHERS, others)):
        found = [finding for finding in report["findings"] if finding["kind"] in kinds]
        if found:
            yield ""
            yield title
            for finding in found:
                yield from _finding(finding)
    yield ""
    if not report["findings"]:
        yield "Nothing suspicious was found."
    if report["skipped"]:
        yield "Not looked at"
        yield from (f"     {sentence}" for sentence in report["skipped"])
        yield ""
    by = f", features of {report['backbone']} ({report['weights']})" if report["backbone"] else ""
    yield f"{report['seconds']:.1f} s{by}. Nothing was changed or deleted."


def _finding(finding: Finding) -> Iterator[str]:
    yield f" {_MARKS[finding['severity']]}  {_one_line(finding['sentence'])}"
    if finding["advice"]:
        yield f"     {_one_line(finding['advice'])}"
    for item in finding["items"][:SHOWN]:
        name = item["path"] or item["label"]
        label = f" ({item['label']})" if item["path"] and item["label"] else ""
        yield _one_line(f"       {name}{label}{': ' if item['note'] else ''}{item['note']}")
    if (more := len(finding["items"]) - SHOWN) > 0:
        yield f"       and {more:,} more"


def _one_line(text: str) -> str:
    """On one line, whatever a file is called."""
    kept = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return kept.encode("utf-8", "backslashreplace").decode("utf-8")
