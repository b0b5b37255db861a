"""One finding of the doctor as a card, and a report as text."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.doctor.report import as_text
from tlstudio.gui import text
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_strip import Strip
from tlstudio.gui.widgets.kit import Card, Pill, button, muted_label

if TYPE_CHECKING:
    from tlstudio.doctor.findings import Report
    from tlstudio.project import Item

SEVERITIES = {"problem": "Problems", "warning": "Warnings", "note": "Worth knowing"}
TONES = {"problem": "error", "warning": "warning", "note": "neutral"}
STRIP = 12  # items with a thumbnail in a card


class FindingCard(Card):
    """``asked``: its items are to be shown; ``opened``: one of them."""

    asked = Signal(str)
    opened = Signal(int)

    def __init__(self, finding: Mapping[str, Any], thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.kind = str(finding["kind"])
        self.ids = [int(one["id"]) for one in finding.get("items", ()) if one.get("id")]
        self._notes = {int(one["id"]): str(one.get("note", "")) for one in finding.get("items", ())[:STRIP]}
        self.setAccessibleName(str(finding["sentence"]))
        row = QHBoxLayout()
        row.setSpacing(12)
        pill = Pill(f"{finding['count']:,}", TONES.get(str(finding.get("severity")), "neutral"))
        pill.setMinimumWidth(44)
        pill.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(pill, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        self.sentence = QLabel(str(finding["sentence"]))
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.addWidget(self.sentence)
        if finding.get("advice"):
            words.addWidget(muted_label(str(finding["advice"])))
        self.strip = Strip(thumbnails, f"Some of them: {finding['sentence']}")
        self.strip.opened.connect(self.opened)
        self.strip.hide()
        words.addWidget(self.strip)
        row.addLayout(words, 1)
        self.show_button = button("Show them")
        self.show_button.setAccessibleName(f"Show the items: {finding['sentence']}")
        self.show_button.clicked.connect(self._on_show)
        self.show_button.setVisible(bool(self.ids))
        row.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)

    def show_items(self, items: "list[Item]") -> None:
        self.strip.show_items(items, self._notes)

    @Slot()
    def _on_show(self) -> None:
        self.asked.emit(self.kind)


def ago(seconds: float) -> str:
    """How long ago something was: ``just now``, ``5 minutes ago``, a date."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{text.plural(int(seconds // 60), 'minute')} ago"
    if seconds < 86_400:
        return f"{text.plural(int(seconds // 3600), 'hour')} ago"
    return f"{text.plural(int(seconds // 86_400), 'day')} ago"


def moment(created: float) -> str:
    return datetime.datetime.fromtimestamp(created).strftime("%d %b %Y, %H:%M")


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """As JSON where the suffix says so, else as text. Raises ``OSError``."""
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        path.write_text(as_text(cast("Report", report)), encoding="utf-8")
