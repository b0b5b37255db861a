"""Every score of a ranking of backbones, in a table; what cannot be computed is grey with its reason."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from tlstudio.comparing.metrics import Shown
from tlstudio.gui import theme
from tlstudio.gui.widgets.kit import small_label
from tlstudio.ranking.columns import MEASURED, QUICK
from tlstudio.ranking.store import Ranked, Ranking


class RankingDialog(QDialog):
    def __init__(self, ranking: Ranking, metric: Shown, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Backbones on {ranking.dataset}")
        self.resize(880, 420)
        self.table = QTableWidget(len(ranking.rows), len(MEASURED) + len(QUICK) + 1)
        self.table.setAccessibleName("Scores of the backbones")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setHorizontalHeaderItem(0, QTableWidgetItem("Backbone"))
        for column, score in enumerate((*MEASURED, *QUICK), 1):
            head = QTableWidgetItem(score.title)
            head.setToolTip(score.about)
            self.table.setHorizontalHeaderItem(column, head)
        for row, ranked in enumerate(ranking.rows):
            self._fill(row, ranked, ranking.name(ranked), metric)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        about = (
            f"Probe and neighbours: {metric.word}, {ranking.folds} folds of {ranking.items:,} training items; the "
            "order is that of the probe. The other scores are quicker guesses, and none of them is the accuracy after "
            "fine-tuning. LEEP and NCE ask the classifier that the weights came with."
        )
        reasons = [f"{row.key}: {row.no_source}" for row in ranking.rows if row.no_source]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(self.table, 1)
        cautions = [f"{row.key}: {row.caution}" for row in ranking.rows if row.caution]
        layout.addWidget(small_label("\n".join([about, *cautions, *ranking.left_out])))
        if reasons:
            layout.addWidget(small_label("No LEEP and NCE. " + "  ".join(reasons)))

    def _fill(self, row: int, ranked: Ranked, name: str, metric: Shown) -> None:
        title = QTableWidgetItem(f"{row + 1}. {name}")
        title.setToolTip(ranked.key)
        self.table.setItem(row, 0, title)
        measured = [f"{metric.value(one.of(ranked))} {metric.spread(one.spread(ranked))}".strip() for one in MEASURED]
        texts = [*measured, *(one.text(ranked) for one in QUICK)]
        for column, (score, words) in enumerate(zip((*MEASURED, *QUICK), texts, strict=True), 1):
            cell = QTableWidgetItem(words)
            if score.of(ranked) is None:
                cell.setToolTip(score.reason(ranked))
                cell.setForeground(theme.tokens().color("muted"))
            self.table.setItem(row, column, cell)
