"""The three columns of the Train page, put into cards."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton, QWidget
from shiboken6 import isValid

from tlstudio.gui.pages.train_backbones import BackboneList
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.gui.pages.train_ranking import RankLine
from tlstudio.gui.widgets.kit import Card, EmptyState, link_button, pill_button, rule, scrolled

_HEADER = 28  # height of a card's title row, the same in all three


def _card(title: str) -> Card:
    card = Card(title)
    card.header.addStrut(_HEADER)
    return card


def backbone_card(backbones: BackboneList, ranking: RankLine) -> tuple[Card, QPushButton]:
    """The card, and its link to import weights. The cards of backbones say what the ranking has measured."""
    ranking.measured.connect(backbones.set_measured)
    card, import_weights = _card("Backbone"), link_button("Import…")
    import_weights.setAccessibleName("Import weights")
    import_weights.setToolTip("Weights that you have on disk, for one of the networks below")
    card.header.addWidget(import_weights)
    card.body.addWidget(backbones, 1)
    card.body.addWidget(ranking)
    return card, import_weights


def method_card(methods: MethodList) -> Card:
    card = _card("Method")
    area, inside = scrolled()

    def show_row(row: QWidget) -> None:
        QTimer.singleShot(0, area, lambda: area.ensureWidgetVisible(row, 0, 40) if isValid(row) else None)

    methods.wants_view.connect(show_row)
    inside.addWidget(methods)
    card.body.addWidget(area, 1)
    return card


def options_card(
    inputs: QWidget, recipe: QWidget, form: QWidget, *others: QWidget
) -> tuple[Card, QPushButton, QPushButton]:
    """The card, the link that resets the options, and the switch that shows all of them. ``inputs`` and ``recipe``
    stand above the options.
    """
    card = _card("Options")
    reset_all, all_options = link_button("Reset"), pill_button("all", checkable=True)
    reset_all.setToolTip("Every option back to its default")
    all_options.setToolTip("Show every option of the method")
    card.header.addWidget(reset_all)
    card.header.addWidget(all_options)
    area, inside = scrolled()
    inside.setContentsMargins(0, 0, 4, 0)
    inside.addWidget(inputs)
    inside.addWidget(recipe)
    inside.addWidget(form)
    inside.addWidget(rule())
    for other in others:
        inside.addWidget(other)
    inside.addStretch(1)
    card.body.addWidget(area, 1)
    return card, reset_all, all_options


def nothing_yet() -> EmptyState:
    """What stands on the page of a project without data."""
    return EmptyState(
        "data",
        "There is nothing to train on yet",
        "Import data first: a folder with one folder of pictures, sounds or texts for each class, or a table.",
        "Go to Data",
    )
