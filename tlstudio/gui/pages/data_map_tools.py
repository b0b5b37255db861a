"""The row above the map: how it is made, by which backbone, how points are coloured, and what dragging does."""

import importlib.util

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QWidget

from tlstudio.gui.pages.data_backbone import BackboneBox
from tlstudio.gui.plots.scatter import LASSO, MOVE, RECTANGLE
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import pill_button
from tlstudio.gui.widgets.pill_menu import PillMenu

METHODS = {"pca": "Overview", "tsne": "t-SNE", "umap": "UMAP"}
_TIPS = {
    "pca": "Principal components: at once, and distances are true, but much lies on top of each other.",
    "tsne": "Takes a while; pulls neighbours together. Distances between the clumps mean little.",
    "umap": "Takes a while; keeps neighbours together and something of the large picture.",
}
_TOOLS = {MOVE: "Move", RECTANGLE: "Rectangle", LASSO: "Lasso"}
_COLOURS = [("class", "class"), ("part", "part"), ("finding", "finding")]


class MapTools(QWidget):
    """``method_changed``: another way or backbone; ``colour_changed`` carries class, part or finding;
    ``mode_changed`` what dragging does.
    """

    method_changed = Signal()
    colour_changed = Signal(str)
    mode_changed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.methods = {}
        methods, tools = QButtonGroup(self), QButtonGroup(self)
        for method, title in METHODS.items():
            made = pill_button(title, checkable=True)
            made.setToolTip(_TIPS[method])
            if method == "umap" and importlib.util.find_spec("umap") is None:
                made.setEnabled(False)
                made.setToolTip("UMAP is not installed here (umap-learn); t-SNE is much like it.")
            methods.addButton(made)
            row.addWidget(made)
            self.methods[method] = made
        self.methods["pca"].setChecked(True)
        methods.buttonClicked.connect(self._on_method)
        row.addSpacing(8)
        self.backbone = BackboneBox(session, "Backbone that looks at the data")
        self.backbone.picked.connect(self.method_changed)
        row.addWidget(self.backbone)
        row.addStretch(1)
        self.colour = PillMenu("Colour by")
        self.colour.set_choices(_COLOURS, "class")
        self.colour.set("class", "colour by")
        self.colour.picked.connect(self._on_colour)
        row.addWidget(self.colour)
        row.addSpacing(8)
        self.tools = {}
        for mode, title in _TOOLS.items():
            made = pill_button(title, checkable=True)
            made.setToolTip("Drag to move, wheel to zoom." if mode == MOVE else "Drag around points to choose them.")
            tools.addButton(made)
            row.addWidget(made)
            self.tools[mode] = made
        self.tools[MOVE].setChecked(True)
        tools.buttonClicked.connect(self._on_tool)

    @property
    def method(self) -> str:
        return next(method for method, made in self.methods.items() if made.isChecked())

    def set_drawn(self, drawn: bool) -> None:
        """Whether there is a map to work with."""
        for made in (*self.tools.values(), self.colour):
            made.setEnabled(drawn)

    @Slot(QAbstractButton)
    def _on_method(self, _button: QAbstractButton) -> None:
        self.method_changed.emit()

    @Slot(str)
    def _on_colour(self, by: str) -> None:
        self.colour.set(by, "colour by")
        self.colour_changed.emit(by)

    @Slot(QAbstractButton)
    def _on_tool(self, _button: QAbstractButton) -> None:
        self.mode_changed.emit(next(mode for mode, made in self.tools.items() if made.isChecked()))
