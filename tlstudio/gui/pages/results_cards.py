"""The metrics of a split as a row of cards: the value, where it lies with a probability of 95 %, and the baseline."""

from collections.abc import Mapping

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.api.metric import MetricDescriptor
from tlstudio.gui import theme
from tlstudio.gui.pages.results_data import FIGURES, WEAKEST, SplitResults
from tlstudio.gui.plots.curves import metric_title
from tlstudio.gui.widgets.kit import ElidedLabel, small_label

_ORDER = {
    "classification": (
        "accuracy", "balanced_accuracy", "f1_macro", "roc_auc_macro", "precision_macro", "recall_macro",
    ),
    "multilabel": ("f1_macro", "pr_auc_macro", "accuracy", "roc_auc_macro", "precision_macro", "recall_macro"),
    "regression": ("mae", "rmse", "r2"),
    "segmentation": ("miou", "dice", "accuracy"),
}  # fmt: skip
_WORST = {"classification": "Weakest class", "multilabel": "Weakest label", "regression": "Hardest number"}
_LEAST = 116


class _MetricCard(QFrame):
    def __init__(self, title: str, value: str, beside: str, below: str, tip: str, last: str | None = None) -> None:
        """``last``: a further line, perhaps empty so that cards side by side are alike."""
        super().__init__()
        self.setObjectName("card")
        self.setMinimumWidth(_LEAST)
        self.setAccessibleName(f"{title}: {value} {beside}{f', {below}' if below else ''}{f', {last}' if last else ''}")
        self.setToolTip(tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(13, 10, 5, 10)
        layout.setSpacing(1)
        name = ElidedLabel(title)
        name.setObjectName("small")
        number = ElidedLabel(value)
        number.setFont(theme.scaled_font(20, bold=True))
        number.setStyleSheet("font-size: 20px; font-weight: 600;")
        layout.addWidget(name)
        layout.addWidget(number)
        for text in (beside, below) if last is None else (beside, below, last):
            line = small_label(text, wrap=False)
            line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            layout.addWidget(line)


class MetricCards(QWidget):
    """``metrics`` are the registry's: they say what a metric is called, and how it is written."""

    def __init__(self, metrics: list[MetricDescriptor], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: Mapping[str, MetricDescriptor] = {metric.id: metric for metric in metrics}
        self._cards: list[QWidget] = []
        self._several: tuple[int, SplitResults] | None = None
        self.setMinimumWidth(260)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)

    def show_split(self, split: SplitResults | None, several: tuple[int, SplitResults] | None = None) -> None:
        """``several``: the number of views and what their mean comes to, where that is known."""
        self._several = several
        self._cards = []
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if split is None:
            return
        order = _ORDER.get(split.task, ())
        names = [name for name in split.metrics if not name.endswith(("_low", "_high", "loss"))]
        names.sort(key=lambda name: (order.index(name) if name in order else len(order), name))
        cards: list[QWidget] = [self._card(split, name) for name in names[:6]]
        cards += self._weakest(split)
        for column, card in enumerate(cards):
            self._grid.addWidget(card, 0, column)
            self._grid.setColumnStretch(column, 1)
        self._cards = cards
        self._fit()

    def _weakest(self, split: SplitResults) -> list[QWidget]:
        key = WEAKEST.get(split.task, "")
        known = [(value, row.name) for row in split.rows if (value := row.values.get(key)) is not None]
        if len(known) < 2:
            return []
        value, name = min(known)
        title = next(title for one, title, _ in FIGURES[split.task] if one == key)
        beside = f"{title.lower() if title[1:].islower() else title} {value:.2f}"
        tip = f"What the model does worst, by {title}"
        last = None if self._several is None else ""
        return [_MetricCard(_WORST.get(split.task, "Weakest class"), name, beside, "", tip, last)]

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
        known = self._known.get(name)
        title = known.title if known else metric_title(name).removeprefix("Validation ")
        title, about = title[:1].upper() + title[1:], known.description if known else ""
        percent = known.percent if known else name in ("accuracy", "balanced_accuracy")
        value, low, high = (split.metrics.get(key) for key in (name, f"{name}_low", f"{name}_high"))
        beside = below = ""
        tips = [about]
        if low is not None and high is not None:
            beside = f"{shown(low, percent, bare=True)} – {shown(high, percent, bare=True)}"
            tips.append(f"In brackets of 95 % probability: {beside}")
        if name in split.baseline:
            below = f"baseline {shown(split.baseline[name], percent)}"
            tips.append(f"The baseline looks at nothing: {split.baseline_name}.")
        last = None
        if self._several is not None:
            views, other = self._several
            last, more = _of_views(views, other, name, percent)
            tips.append(more)
        tip = "\n".join(line for line in tips if line)
        return _MetricCard(title, shown(value or 0.0, percent), beside, below, tip, last)


def _of_views(views: int, split: SplitResults, name: str, percent: bool) -> tuple[str, str]:
    """``6 views 93.3 %``, and a sentence with its interval; empty where the metric is not there."""
    value, low, high = (split.metrics.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "", ""
    ends = "" if low is None or high is None else f" ({shown(low, percent, bare=True)} – {shown(high, percent)})"
    return f"{views} views {shown(value, percent)}", f"Mean of {views} views of each: {shown(value, percent)}{ends}"


def shown(value: float, percent: bool, *, bare: bool = False) -> str:
    """Shares in percent or to two places; larger numbers to four digits."""
    if percent:
        return f"{value * 100:.1f}" if bare else f"{value * 100:.1f} %"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.4g}"
