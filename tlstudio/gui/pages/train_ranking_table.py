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
from tlstudio.ranking.store import Ranked, Ranking

_HELP = (
    "A linear probe of each backbone's frozen features: the mean over the folds and the standard deviation, what the "
    "order is made by.",
    "The nearest neighbours' vote, likewise.",
    "The log evidence per item of a linear model (You et al. 2021); higher is better.",
    "How much of the features' spread lies between the classes (Ibrahim et al. 2021); higher is better. At most the "
    "number of classes less one.",
    "How much the features say of the labels (Huang et al. 2022); higher is better, among backbones with equally many "
    "features.",
    "How well the labels follow from the classes that the backbone was trained on (Nguyen et al. 2020); 0 is the most.",
    "Minus the entropy of the labels, given the class that the backbone takes an item for (Tran et al. 2019); 0 is the "
    "most.",
)
_TITLES = ("Probe", "Neighbours", "LogME", "H-score", "TransRate", "LEEP", "NCE")
_ONLY_CLASSES = "It needs one class for each item."


class RankingDialog(QDialog):
    def __init__(self, ranking: Ranking, metric: Shown, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Backbones on {ranking.dataset}")
        self.resize(880, 420)
        self.table = QTableWidget(len(ranking.rows), len(_TITLES) + 1)
        self.table.setAccessibleName("Scores of the backbones")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setHorizontalHeaderItem(0, QTableWidgetItem("Backbone"))
        for column, (title, words) in enumerate(zip(_TITLES, _HELP, strict=True), 1):
            head = QTableWidgetItem(title)
            head.setToolTip(words)
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
        of_classes, of_source = _ONLY_CLASSES, ranked.no_source or _ONLY_CLASSES
        cells = (
            (f"{metric.value(ranked.probe)} {metric.spread(ranked.probe_sd)}".strip(), ranked.probe, ""),
            (f"{metric.value(ranked.neighbours)} {metric.spread(ranked.neighbours_sd)}".strip(), ranked.neighbours, ""),
            (_number(ranked.logme, 3), ranked.logme, ""),
            (_number(ranked.h_score, 2), ranked.h_score, of_classes),
            (_number(ranked.transrate, 1), ranked.transrate, of_classes),
            (_number(ranked.leep, 3), ranked.leep, of_source),
            (_number(ranked.nce, 3), ranked.nce, of_source),
        )
        for column, (words, value, reason) in enumerate(cells, 1):
            cell = QTableWidgetItem(words)
            if value is None:
                cell.setToolTip(reason)
                cell.setForeground(theme.tokens().color("muted"))
            self.table.setItem(row, column, cell)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
