"""The doctor: what is wrong with a data set, and what to do about it."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.pages.data_doctor_ask import AskCard
from tlstudio.gui.pages.data_findings import SEVERITIES, STRIP, FindingCard, ago, moment, write_report
from tlstudio.gui.pages.data_view import DataView, preview_of
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Banner, button, muted_label, scrolled, small_label

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item, Project


class DoctorView(DataView):
    """Examines by the job ``doctor`` and shows the newest report. ``examined`` when a new one is there."""

    examined = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._report: dict[str, Any] | None = None
        self._asked = 0
        self._cards: list[FindingCard] = []
        self.thumbnails = Thumbnails(None, self)
        area, column = scrolled()
        self.layout_.addWidget(area)
        self.ask = AskCard(session)
        self.ask.changed.connect(self._on_chosen)
        self.backbone, self.against, self.quick = self.ask.backbone, self.ask.against, self.ask.quick
        self.what, self.examine = self.ask.what, self.ask.examine
        self.examine.clicked.connect(self.begin)
        column.addWidget(self.ask)
        self.job = JobPanel("Examining")
        self.job.finished.connect(self._on_examined)
        self.job.stopped.connect(self._on_stopped)
        self.job.failed.connect(self._on_failed)
        self.job.hide()
        column.addWidget(self.job)
        self.banner = Banner()
        column.addWidget(self.banner)
        head = QHBoxLayout()
        self.headline = QLabel()
        self.headline.setObjectName("cardtitle")
        self.when = muted_label(wrap=False)
        self.save = button("Save report…", "down")
        self.save.clicked.connect(self._on_save)
        head.addWidget(self.headline)
        head.addWidget(self.when)
        head.addStretch(1)
        head.addWidget(self.save)
        self._head = QWidget()
        self._head.setLayout(head)
        head.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._head)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(10)
        column.addLayout(self._findings)
        column.addStretch(1)
        self._show_report(None)

    # ---- from outside

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        another = self.dataset is None or self.dataset.id != dataset.id
        super().show_dataset(dataset)
        self.ask.show_dataset(dataset)
        project = self.session.project
        if project is None:
            return
        self.thumbnails.set_folder(project.path / "cache" / "thumbnails")
        self.thumbnails.set_preview(preview_of(self.session, dataset.modality))
        if another:
            self._show_report(None)
            if not self.job.busy:
                self.job.hide()
            self.banner.set("")
        self._read()
        self.command_changed.emit(self.command())

    def command(self) -> str:
        if self.dataset is None:
            return ""
        return shlex.join(["tlstudio", "data", "doctor", self.project_path, self.dataset.name, *self.ask.flags()])

    @Slot()
    def begin(self) -> None:
        if self.dataset is None or self.job.busy:
            return
        arguments = {"project": self.project_path, "dataset": self.dataset.name, **self.ask.arguments()}
        self.banner.set("")
        self.examine.setEnabled(False)
        self.job.begin(f"Examining {self.dataset.name}")
        self.job.follow(self.session.start_job("doctor", arguments, self.job.on_event))

    @Slot()
    def _on_chosen(self) -> None:
        self.command_changed.emit(self.command())

    # ---- the job

    @Slot(dict)
    def _on_examined(self, _result: dict[str, Any]) -> None:
        self.job.hide()
        self.examine.setEnabled(True)
        self._read()
        self.examined.emit()

    @Slot()
    def _on_stopped(self) -> None:
        self.job.hide()
        self.examine.setEnabled(True)
        self.banner.set("Stopped. What was looked at is kept, so that the next time it goes on from there.", "neutral")

    @Slot(str)
    def _on_failed(self, _sentence: str) -> None:
        self.examine.setEnabled(True)

    # ---- the report

    def _read(self) -> None:
        project, dataset = self.session.project, self.dataset
        if project is not None and dataset is not None:
            self._asked += 1
            asked = self._asked
            self.session.background.submit(lambda: (asked, *_read_report(project, dataset.name)), self._on_read)

    def _on_read(self, answer: "tuple[int, dict[str, Any] | None, dict[str, list[Item]]]") -> None:
        asked, report, items = answer
        if asked != self._asked or self.dataset is None:
            return
        self._show_report(report)
        wanted = []
        for card in self._cards:
            card.show_items(items.get(card.kind, []))
            wanted += [(self.thumbnails.key_of(i), i.place(self.dataset.root)) for i in items.get(card.kind, [])]
        self.thumbnails.want(wanted)

    def _show_report(self, report: dict[str, Any] | None) -> None:
        self._report = report
        while (entry := self._findings.takeAt(0)) is not None:
            if widget := entry.widget():
                widget.hide()
                widget.deleteLater()
        self._cards = []
        self._head.setVisible(report is not None)
        if report is None or self.dataset is None:
            return
        findings = report.get("findings", [])
        self.headline.setText(text.plural(len(findings), "finding") if findings else "Nothing suspicious was found")
        self.when.setText(self._provenance(report))
        if not findings:
            self._findings.addWidget(_calm(report))
        for severity, title in SEVERITIES.items():
            own = [one for one in findings if one.get("severity", "note") == severity]
            if own:
                self._findings.addWidget(small_label(f"{title} · {len(own)}"))
            for one in own:
                card = FindingCard(one, self.thumbnails)
                card.asked.connect(self._on_asked)
                card.opened.connect(self.item_asked)
                self._cards.append(card)
                self._findings.addWidget(card)
        for sentence in report.get("skipped", ()):
            self._findings.addWidget(small_label(f"Not looked at: {sentence}"))
        self._tell_age(report)

    def _provenance(self, report: dict[str, Any]) -> str:
        created = float(report.get("created") or 0)
        parts = [ago(time.time() - created) if created else "", f"revision {report.get('revision', '?')}"]
        if report.get("quick"):
            parts.append("quick")
        elif report.get("backbone"):
            parts.append(f"seen by {self._title_of(str(report['backbone']))}")
        if report.get("against"):
            parts.append(f"compared with {report['against']}")
        self.when.setToolTip(moment(created) if created else "")
        return " · ".join(part for part in parts if part)

    def _title_of(self, backbone: str) -> str:
        known = {one.id: one.title for one in self.session.registry.backbones()}
        return known.get(backbone, backbone)

    def _tell_age(self, report: dict[str, Any]) -> None:
        assert self.dataset is not None
        seen, now = int(report.get("revision") or 0), self.dataset.revision
        if seen and seen != now:
            self.banner.set(
                f"The data changed since: this is about revision {seen}, and they are at revision {now}. Examine "
                "them again; what did not change is not computed again.",
                "warning",
            )
        elif not self.job.busy:
            self.banner.set("")

    @Slot(str)
    def _on_asked(self, kind: str) -> None:
        from tlstudio.project import ItemFilter

        card = next((one for one in self._cards if one.kind == kind), None)
        if card is not None:
            self.items_asked.emit(ItemFilter(finding=kind, order="suspicion", descending=True), card.sentence.text())

    @Slot()
    def _on_save(self) -> None:
        if self._report is None or self.dataset is None:
            return
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the report", f"{self.dataset.name}-doctor.txt", "Text (*.txt);;JSON (*.json)"
        )
        if name:
            self.save_report(Path(name))

    def save_report(self, path: Path) -> None:
        report = self._report
        if report is not None:
            self.session.background.submit(lambda: write_report(report, path), self._on_saved, self._on_save_failed)
            self._saving = path

    def _on_saved(self, _none: None) -> None:
        self.banner.set(f"The report was written to {self._saving}.", "ok")

    def _on_save_failed(self, sentence: str) -> None:
        self.banner.set(f"The report could not be written: {sentence} Choose another place.", "error")


def _read_report(project: "Project", dataset: str) -> "tuple[dict[str, Any] | None, dict[str, list[Item]]]":
    """The newest report, and the first items of each finding. In a thread."""
    report = project.report(dataset)
    items: dict[str, list[Item]] = {}
    for finding in (report or {}).get("findings", ()):
        ids = list(dict.fromkeys(int(one["id"]) for one in finding["items"] if one.get("id")))
        if ids:
            items[finding["kind"]] = project.items_of(dataset, ids[:STRIP])
    return report, items


def _calm(report: dict[str, Any]) -> QWidget:
    what = "files, copies, classes and sizes" if report.get("quick") else "files, copies, labels, classes and sizes"
    return Banner("ok", f"All {report.get('items', 0):,} items were looked at: their {what} are in order.")
