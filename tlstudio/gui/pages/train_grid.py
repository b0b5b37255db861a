"""What stands above and below a method's options on the Train page, in line with them."""

from PySide6.QtWidgets import QGridLayout, QWidget

from tlstudio.gui.options_form import LABEL_WIDTH

_WAY_BACK = 34  # where the options have their button for the default


def in_line(widget: QWidget, spacing: int = 4, below: int = 0) -> QGridLayout:
    """A layout of ``widget``: labels in column 0, fields in 1. ``spacing``: between rows; ``below``: under the last."""
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, _WAY_BACK, below)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(spacing)
    grid.setColumnMinimumWidth(0, LABEL_WIDTH)
    grid.setColumnStretch(1, 1)
    return grid
