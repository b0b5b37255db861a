"""Choosing the backbone that looks at the data: the best that is here, or one of those whose weights are here."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QWidget

from tlstudio import weights
from tlstudio.gui.session import Session

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo
    from tlstudio.registry import Registry

BEST = "Best backbone here"


class BackboneBox(QComboBox):
    """``picked`` after a choice by the user. Weights that would have to be downloaded are not offered."""

    picked = Signal()

    def __init__(self, session: Session, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._modality = ""
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(15)
        self.setToolTip("Backbones whose weights are here. Others are downloaded on the Train page.")
        self.addItem(BEST, ("", "", 0.3))
        self.activated.connect(self._on_activated)

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        """Fills the list in the background; what was chosen stays where it is possible."""
        if dataset.modality == self._modality:
            return
        self._modality = dataset.modality
        registry, modality = self._session.registry, dataset.modality
        self._session.background.submit(lambda: (modality, usable(registry, modality)), self._on_found)

    @property
    def backbone(self) -> str:
        """Its id; empty for the best."""
        return str(self.currentData()[0])

    @property
    def weights(self) -> str:
        return str(self.currentData()[1])

    @property
    def gflops(self) -> float:
        """Multiply-adds in 1e9 for one item, for estimates."""
        return float(self.currentData()[2])

    @property
    def spelled(self) -> str:
        """As the command line takes it: ``backbone:weights``, or empty."""
        return f"{self.backbone}:{self.weights}" if self.weights else self.backbone

    def choose(self, backbone: str) -> None:
        for index in range(self.count()):
            if self.itemData(index)[0] == backbone:
                self.setCurrentIndex(index)
                return

    def _on_found(self, answer: tuple[str, list[tuple[str, Any]]]) -> None:
        modality, rows = answer
        if modality != self._modality:
            return
        chosen = self.currentData()
        while self.count() > 1:
            self.removeItem(self.count() - 1)
        for title, data in rows:
            self.addItem(title, data)
            if data == chosen:
                self.setCurrentIndex(self.count() - 1)

    @Slot(int)
    def _on_activated(self, _index: int) -> None:
        self.picked.emit()


def usable(registry: "Registry", modality: str) -> list[tuple[str, tuple[str, str, float]]]:
    """Titles and (backbone, weights, GFLOPs) of all that takes such items and is here, imported weights first."""
    inputs = registry.modality(modality).backbones
    rows = []
    for entry in weights.catalog(registry):
        if entry["modality"] not in inputs:
            continue
        rows += [
            (0, f"{entry['title']} · {own['name']}", (entry["id"], own["name"], entry["gflops"]))
            for own in reversed(entry["imported"])
        ]
        for published in entry["weights"]:
            if published["bundled"] or published["cached"]:
                title = f"{entry['title']} · {published['trained_on']}"
                rows.append((1, title, (entry["id"], published["id"], entry["gflops"])))
    rows.sort(key=lambda row: row[0])
    return [(title, data) for _, title, data in rows]
