"""What stands beside the result of a CAM transfer: its controls, the honest sentence, and the regions of items."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from tlstudio.api.errors import StudioError
from tlstudio.evaluation import controls
from tlstudio.gui.models.player import Player
from tlstudio.gui.models.sounds import read as read_sound
from tlstudio.gui.pages.results_cam_table import ControlTable, about
from tlstudio.gui.pages.results_data import RunResults
from tlstudio.gui.pages.results_views import ResultsView
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import Card, button, muted_label, pill_button, scrolled
from tlstudio.gui.widgets.picture_view import PictureView
from tlstudio.project import Run

_MOST = 12  # items whose regions are drawn at once


@dataclasses.dataclass(frozen=True)
class AttentionReport:
    """``entry``: of ``controls.json``; ``regions``: those that have been drawn; ``truths``: by item."""

    entry: dict[str, Any]
    regions: list[dict[str, Any]]
    truths: dict[int, str]


class AttentionView(ResultsView):
    view_id, title = "attention", "Attention"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._run: Run | None = None
        self._split, self._place = "test", 0
        self.report = AttentionReport({}, [], {})
        self.player, self._looked = Player(self), False
        self.sentence, self.words = QLabel(), muted_label("")
        self.sentence.setWordWrap(True)
        self.table = ControlTable()
        self.left = Card("Does attention help?")
        scroll, column = scrolled()
        column.addWidget(self.sentence)
        column.addWidget(self.table)
        column.addWidget(self.words)
        self.left.body.addWidget(scroll, 1)
        self.right = Card("Where it looks")
        self.draw = button("Draw regions")
        self.draw.setToolTip("Of items that were answered wrongly, the surest first, and of some that were right")
        self.right.header.addWidget(self.draw)
        self.picture, self.caption = PictureView(), muted_label("")
        self.picture.setAccessibleName("The item with its region")
        self.back, self.next, self.play = pill_button("Previous"), pill_button("Next"), pill_button("Play the region")
        row = QHBoxLayout()
        for pill in (self.back, self.next, self.play):
            row.addWidget(pill)
        row.addStretch(1)
        self.job = JobPanel("Drawing regions")
        self.job.hide()
        self.right.body.addWidget(self.job)
        self.right.body.addWidget(self.picture, 1)
        self.right.body.addWidget(self.caption)
        self.right.body.addLayout(row)
        panes = QSplitter()
        panes.setChildrenCollapsible(False)
        panes.setHandleWidth(14)
        for card in (self.left, self.right):
            panes.addWidget(card)
        panes.setSizes([6000, 5000])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(panes)
        self.draw.clicked.connect(self.begin)
        self.job.finished.connect(self._on_drawn)
        for ended in (self.job.stopped, self.job.failed):
            ended.connect(self._on_ended)
        self.back.clicked.connect(self._on_back)
        self.next.clicked.connect(self._on_next)
        self.play.clicked.connect(self._on_play)
        self.player.looked.connect(self._show_item)
        self.player.failed.connect(self.caption.setText)
        self._show_report()

    # ---- from outside

    def applies(self, run: Run) -> bool:
        return (Path(run.dir) / controls.FILE).is_file()

    def show_run(self, run: Run, results: RunResults, split: str) -> None:
        self._run, self._split, self._place = run, split, 0
        if not self.job.busy:
            self.job.hide()
        folder = Path(run.dir)
        self.session.background.submit(lambda: (run.id, split, read_report(folder, split)), self._on_read, self._on_bad)

    def command(self) -> str:
        project, run = self.session.project, self._run
        if project is None or run is None:
            return ""
        return f"tlstudio region {project.path} {run.id} FILE --out region.png"

    @Slot()
    def begin(self) -> None:
        project, run = self.session.project, self._run
        if project is None or run is None or self.job.busy:
            return
        self.draw.setEnabled(False)
        self.job.begin(f"Drawing regions of run {run.id}")
        arguments = {"project": str(project.path), "run": run.id, "split": self._split, "most": _MOST}
        self.job.follow(self.session.start_job("regions", arguments, self.job.on_event))

    # ---- inside

    def _on_read(self, answer: tuple[int, str, AttentionReport]) -> None:
        run_id, split, report = answer
        if self._run is not None and (run_id, split) == (self._run.id, self._split):
            self.report = report
            self._show_report()

    def _on_bad(self, sentence: str) -> None:
        self.report = AttentionReport({}, [], {})
        self._show_report()
        self.sentence.setText(sentence)

    @Slot(dict)
    def _on_drawn(self, result: dict[str, Any]) -> None:
        self._on_ended()
        self.job.hide()
        if self._run is not None and result.get("run") == self._run.id and result.get("split") == self._split:
            self.report = dataclasses.replace(self.report, regions=list(result["regions"]))
            self._place = 0
            self._show_item()

    @Slot()
    def _on_ended(self) -> None:
        self.draw.setEnabled(True)

    def _show_report(self) -> None:
        entry = self.report.entry
        self.table.setVisible(bool(entry))
        self.sentence.setText(entry.get("sentence", "This split has no controls: the run was stopped before it."))
        rows = entry.get("rows", [])
        metric = entry.get("metric", "")
        percent = any(one.id == metric and one.percent for one in self.session.registry.metrics())
        self.table.show_rows(rows, percent)
        self.words.setText("\n".join(about(entry["values"], entry["n"])) if entry else "")
        self._show_item()

    @Slot()
    def _show_item(self) -> None:
        shown = pictures(self.report.regions)
        self._place = max(0, min(self._place, len(shown) - 1))
        self.back.setEnabled(self._place > 0)
        self.next.setEnabled(self._place + 1 < len(shown))
        for pill in (self.back, self.next):
            pill.setVisible(bool(shown))
        if not shown:
            self.play.setVisible(False)
            self.picture.show_image(QImage(), "The region of each item: what the answer rests on.")
            self.caption.setText("")
            return
        entry = shown[self._place]
        self.picture.show_image(QImage(entry["out"]), "The picture is no longer there. Draw the regions again.")
        self.caption.setText(f"{self._place + 1} of {len(shown)} · {caption(entry, self.report.truths)}")
        self.play.setVisible(bool(entry["sound"]))
        if entry["sound"] and not self._looked:
            self._looked = True
            self.player.look()
        self.play.setEnabled(not self.player.reason)
        self.play.setToolTip(self.player.reason)

    @Slot()
    def _on_back(self) -> None:
        self._place -= 1
        self._show_item()

    @Slot()
    def _on_next(self) -> None:
        self._place += 1
        self._show_item()

    @Slot()
    def _on_play(self) -> None:
        shown = pictures(self.report.regions)
        place = shown[self._place]["sound"]
        self.session.background.submit(lambda: read_sound(place, None), self._on_sound, self.caption.setText)

    def _on_sound(self, sound: Any) -> None:
        self.player.play(sound.wave, sound.rate)


def pictures(regions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What can be shown: of an item with several labels, the region of each that it was given."""
    return [{**entry, **one} for entry in regions if "error" not in entry for one in entry.get("labels") or [{}]]


def caption(entry: dict[str, Any], truths: dict[int, str]) -> str:
    """What the model and the target network say of an item, and how wide the gates are."""
    answer, led = entry["answer"], entry["led_by"][0]
    named = answer.get("class") or ", ".join(answer.get("labels", [])) or "none"
    truth = truths.get(int(entry.get("item", -1)), "")
    words = [f"truth {truth}"] if truth else []
    words.append(f"from the region {named}")
    words.append(
        f"target network {led['class']} ({100 * led['probability']:.0f} %){', a flip' if entry['flip'] else ''}"
    )
    whose = f" of {entry['label']}" if entry.get("label") else ""
    words.append(f"region{whose} {100 * entry['share']:.0f} % of the view")
    gates = ", ".join(f"{int(channel)} (×{gate:.2f})" for channel, gate in entry["gates"][:5])
    return " · ".join([*words, f"widest gates {gates}"])


def read_report(folder: Path, split: str) -> AttentionReport:
    """Raises ``DataError`` where the controls are damaged; regions that cannot be read count as missing."""
    entry = controls.load(folder).get("splits", {}).get(split, {})
    regions: list[dict[str, Any]] = []
    truths: dict[int, str] = {}
    try:
        found = json.loads((folder / "regions" / f"{split}.json").read_text(encoding="utf-8"))
        regions = [one for one in found["regions"] if isinstance(one, dict)]
        truths = _truths(folder, split)
    except (OSError, ValueError, KeyError, TypeError):
        regions = []
    return AttentionReport(entry, regions, truths)


def _truths(folder: Path, split: str) -> dict[int, str]:
    from tlstudio.evaluation import load_predictions, load_results

    try:
        stored, names = load_predictions(folder, split), load_results(folder)["class_names"]
    except StudioError:
        return {}
    targets = np.asarray(stored["targets"])
    if targets.ndim != 1 or targets.dtype.kind != "i":
        return {}
    return {int(item): names[int(k)] for item, k in zip(stored["item_ids"], targets, strict=True) if k < len(names)}
