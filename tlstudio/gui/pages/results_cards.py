"""The metrics of a split as a row of cards: the value, and where it lies with a probability of 95 %."""

from collections.abc import Mapping

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.pages.results_data import SplitResults
from tlstudio.gui.plots.curves import metric_title
from tlstudio.gui.widgets.kit import ElidedLabel, small_label

_ORDER = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc_macro", "precision_macro", "recall_macro")
_LEAST = 116
_PERCENT = ("accuracy", "balanced_accuracy")


class _MetricCard(QFrame):
    def __init__(self, title: str, value: str, beside: str, tip: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setMinimumWidth(_LEAST)
        self.setAccessibleName(f"{title}: {value} {beside}")
        self.setToolTip(tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 10)
        layout.setSpacing(1)
        name = ElidedLabel(title)
        name.setObjectName("small")
        number = ElidedLabel(value)
        number.setFont(theme.scaled_font(20, bold=True))
        number.setStyleSheet("font-size: 20px; font-weight: 600;")
        interval = small_label(beside, wrap=False)
        interval.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for widget in (name, number, interval):
            layout.addWidget(widget)


class MetricCards(QWidget):
    """``titles`` maps a metric's id to its title and description, from the registry."""

    def __init__(self, titles: Mapping[str, tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles = dict(titles)
        self._cards: list[QWidget] = []
        self.setMinimumWidth(260)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)

    def show_split(self, split: SplitResults | None) -> None:
        self._cards = []
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if split is None:
            return
        names = [name for name in split.metrics if not name.endswith(("_low", "_high"))]
        names.sort(key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
        cards: list[QWidget] = [self._card(split, name) for name in names if not name.endswith("loss")][:6]
        if split.classes:
            weakest = min((row for row in split.classes if row.support), key=lambda row: row.recall, default=None)
            if weakest is not None:
                tip = "The class of which the smallest share was found"
                cards.append(_MetricCard("Weakest class", weakest.name, f"recall {weakest.recall:.2f}", tip))
        for column, card in enumerate(cards):
            self._grid.addWidget(card, 0, column)
            self._grid.setColumnStretch(column, 1)
        self._cards = cards
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As many as there is room for; the last, the weakest class, is worth more than the middle ones."""
        fitting = max(2, self.width() // (_LEAST + 12))
        for place, card in enumerate(self._cards):
            shown = place < fitting - 1 or place == len(self._cards) - 1 or len(self._cards) <= fitting
            card.setVisible(shown)
            self._grid.setColumnStretch(place, 1 if shown else 0)

    def _card(self, split: SplitResults, name: str) -> QWidget:
        title, about = self._titles.get(name, (metric_title(name).removeprefix("Validation "), ""))
        title = title[:1].upper() + title[1:]
        value, low, high = (split.metrics.get(key) for key in (name, f"{name}_low", f"{name}_high"))
        beside = ""
        if low is not None and high is not None:
            beside = f"{_shown(name, low, bare=True)} – {_shown(name, high, bare=True)}"
        tip = f"{about}\nIn brackets of 95 % probability: {beside}" if beside else about
        return _MetricCard(title, _shown(name, value or 0.0), beside, tip.strip())


def _shown(name: str, value: float, *, bare: bool = False) -> str:
    if name in _PERCENT:
        return f"{value * 100:.1f}" if bare else f"{value * 100:.1f} %"
    return f"{value:.2f}"
