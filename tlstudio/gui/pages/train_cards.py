"""The three columns of the Train page, put into cards."""

from PySide6.QtWidgets import QPushButton, QWidget

from tlstudio.gui.widgets.kit import Card, link_button, pill_button, rule, scrolled

_HEADER = 28  # height of a card's title row, the same in all three


def _card(title: str) -> Card:
    card = Card(title)
    card.header.addStrut(_HEADER)
    return card


def backbone_card(backbones: QWidget) -> tuple[Card, QPushButton]:
    """The card, and its link to import weights."""
    card, import_weights = _card("Backbone"), link_button("Import weights…")
    card.header.addWidget(import_weights)
    card.body.addWidget(backbones, 1)
    return card, import_weights


def method_card(methods: QWidget) -> Card:
    card = _card("Method")
    area, inside = scrolled()
    inside.addWidget(methods)
    card.body.addWidget(area, 1)
    return card


def options_card(form: QWidget, *others: QWidget) -> tuple[Card, QPushButton, QPushButton]:
    """The card, the link that resets the options, and the switch that shows all of them."""
    card = _card("Options")
    reset_all, all_options = link_button("Reset"), pill_button("all", checkable=True)
    reset_all.setToolTip("Every option back to its default")
    all_options.setToolTip("Show every option of the method")
    card.header.addWidget(reset_all)
    card.header.addWidget(all_options)
    area, inside = scrolled()
    inside.setContentsMargins(0, 0, 4, 0)
    inside.addWidget(form)
    inside.addWidget(rule())
    for other in others:
        inside.addWidget(other)
    inside.addStretch(1)
    card.body.addWidget(area, 1)
    return card, reset_all, all_options
