"""Under the list of backbones: which of them suits the data, measured on request."""

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.api.events import Event, Failed, Finished, Progress
from tlstudio.comparing.metrics import Shown
from tlstudio.gui.pages.train_ranking_table import RankingDialog
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import link_button, small_label
from tlstudio.ranking import store
from tlstudio.ranking.columns import MEASURED, QUICK
from tlstudio.ranking.store import Ranked, Ranking

_SHOWN = 2  # of the ranking; the cards, the tooltip and the table have all


class RankLine(QWidget):
    """``ranked`` when a new ranking is there; ``measured`` carries, by the key of a backbone, what its card says of it
    (text and explanation), whenever another ranking is shown.
    """

    ranked = Signal()
    measured = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._thread: RunThread | None = None
        self._dataset = ""
        self._ticket = 0
        self.ranking: Ranking | None = None
        self.link = link_button("Rank on my data")
        self.link.setToolTip(
            "A linear probe on the frozen features of each backbone on this computer, in 5 folds of the training "
            "split. One pass over the data for each; an order to begin with."
        )
        self.link.clicked.connect(self._on_clicked)
        self.text = small_label()
        self.text.hide()
        row = QHBoxLayout()
        self.more = link_button("All scores…")
        *others, last = [score.title for score in (*MEASURED[1:], *QUICK)]
        self.more.setToolTip(f"{', '.join(others)} and {last} of each backbone")
        self.more.clicked.connect(self._on_more)
        self.more.hide()
        self.dialog: RankingDialog | None = None
        row.addWidget(self.link, 0, Qt.AlignmentFlag.AlignLeft)
        row.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.text)
        column.addLayout(row)

    def look(self) -> None:
        """Reads the ranking of the selected data set, in the background."""
        session, dataset = self._session, self._session.dataset()
        self._ticket += 1
        self.link.setEnabled(dataset is not None and session.registry.task(dataset.task).label != "mask")
        if session.project is None or dataset is None:
            self._show(None)
            return
        path, name, revision, ticket = session.project.path, dataset.name, dataset.revision, self._ticket
        session.background.submit(lambda: (ticket, store.load(path, name, revision)), self._on_read)

    def _on_read(self, answer: tuple[int, Ranking | None]) -> None:
        if answer[0] == self._ticket and self._thread is None:
            self._show(answer[1])

    def _show(self, ranking: Ranking | None) -> None:
        self.ranking = ranking
        self.more.setVisible(ranking is not None)
        self.measured.emit(self._cards(ranking))
        if ranking is None:
            self.text.hide()
            self.link.setText("Rank on my data")
            return
        metric = Shown.of(self._session.registry, ranking.metric)
        lines = [
            f"{place}. {ranking.name(row)} {metric.value(row.probe)} {metric.spread(row.probe_sd)}".rstrip()
            for place, row in enumerate(ranking.rows, 1)
        ]
        about = f"{metric.title} of a linear probe, {ranking.folds} folds of {ranking.items:,} training items"
        self.text.setText("\n".join(lines[:_SHOWN]))
        self.text.setToolTip("\n".join([about, *lines, *ranking.left_out]))
        self.text.setAccessibleName(f"{about}: {'; '.join(lines)}")
        self.text.show()
        self.link.setText("Rank again")

    def _cards(self, ranking: Ranking | None) -> dict[str, tuple[str, str]]:
        if ranking is None:
            return {}
        metric = Shown.of(self._session.registry, ranking.metric)
        return {row.key: _card(place, row, metric, ranking) for place, row in enumerate(ranking.rows, 1)}

    @Slot()
    def _on_more(self) -> None:
        if self.ranking is not None:
            metric = Shown.of(self._session.registry, self.ranking.metric)
            self.dialog = RankingDialog(self.ranking, metric, self)
            self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.dialog.open()

    @Slot()
    def _on_clicked(self) -> None:
        """Starts, or stops what was started."""
        if self._thread is not None:
            self._thread.send("stop")
            self.link.setEnabled(False)
            return
        project, dataset = self._session.project, self._session.dataset()
        if project is None or dataset is None:
            return
        self._dataset = dataset.name
        arguments: dict[str, Any] = {"project": str(project.path), "dataset": dataset.name}
        self._thread = self._session.start_job("rank", arguments, self._on_event)
        self.link.setText("Stop ranking")
        self._say("Ranking…")

    def _say(self, sentence: str) -> None:
        self.text.setText(sentence)
        self.text.setVisible(bool(sentence))

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            total = f" of {event.total:,}" if event.total else ""
            self._say(f"{event.text or 'Ranking'}: {event.done:,}{total} {event.unit}")
        if not isinstance(event, Finished | Failed):
            return
        self._thread = None
        self.link.setEnabled(True)
        self._show(None)
        if isinstance(event, Failed):
            self._say(event.sentence)
            return
        self.look()
        if event.status == "finished":
            self.ranked.emit()


def _card(place: int, row: Ranked, metric: Shown, ranking: Ranking) -> tuple[str, str]:
    """What the card of a backbone says, and the explanation."""
    probe = f"{metric.value(row.probe)} {metric.spread(row.probe_sd)}".rstrip()
    others = ", ".join(f"{one.title} {value:.4g}" for one in QUICK if (value := one.of(row)) is not None)
    about = (
        f"On your data: {metric.word} of a linear probe {probe}, {place}. of {len(ranking.rows)}; neighbours "
        f"{metric.value(row.neighbours)}{'; ' + others if others else ''}."
        f"{' ' + row.caution if row.caution else ''}"
    )
    return f"{place}. {probe}", about
