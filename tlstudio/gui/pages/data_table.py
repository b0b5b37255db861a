"""Which columns the table of a data set has."""

from typing import TYPE_CHECKING

from tlstudio.gui.pages.data_report import Report
from tlstudio.gui.pages.data_words import SPLIT_NAMES, Kind, bytes_text
from tlstudio.gui.widgets.gallery_table import Column

if TYPE_CHECKING:
    from tlstudio.project import Item

_SIZES = {"audio": "Duration", "text": "Length"}


def columns_of(kind: Kind, report: Report) -> list[Column]:
    """``report``: the doctor's newest."""
    scores, marks = report.scores, report.marks

    def suspicion(item: "Item") -> str:
        score = scores.get(item.id)
        return "" if score is None else f"{score:.2f}"

    def found(item: "Item") -> str:
        return marks.get(item.id, ("", ""))[1]

    text = kind.modality == "text"
    measured = "width" if kind.modality in _SIZES else "pixels"
    return [
        Column("path", "Name", lambda item: item.path, "path", 150 if text else 232),
        Column("label", kind.label.capitalize(), lambda item: item.label, "label", 126),
        Column("text", "Text", lambda item: item.caption, "", 420, shown=text),
        Column("split", "Split", lambda item: SPLIT_NAMES.get(item.split, item.split), "split", 92),
        Column("size", _SIZES.get(kind.modality, "Size"), kind.size, measured, 100, right=True),
        Column("bytes", "File size", lambda item: bytes_text(item.bytes), "bytes", 84, right=True, shown=not text),
        Column("group", "Group", lambda item: item.group, "group", 90),
        Column("finding", "Finding", found, "", 150, shown=report.checked),
        Column(
            "suspicion", "Suspicion", suspicion, "suspicion", 96, right=True, shown=report.checked,
            tip="How strongly the doctor suspects the item, from its newest report",
        ),
        Column("id", "Number", lambda item: f"{item.id}", "id", 80, right=True, shown=False),
        Column("sha", "SHA-256", lambda item: item.sha256, "", 150, shown=False),
    ]  # fmt: skip
