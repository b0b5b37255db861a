"""What the tools of the Data page have in common: the doctor, the map, the history, the augmentation, the splits."""

import os
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tlstudio import estimating
from tlstudio.gui import text
from tlstudio.gui.session import Session

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo

_FILE_S = 0.004  # seconds to read and hash a file, and core


class DataView(QWidget):
    """A tool for one data set at a time; the Data page embeds it.

    ``items_asked``: an ``ItemFilter`` and a title, and the browser is to show these items; ``item_asked``: the id of
    one item that is to be opened; ``command_changed``: :meth:`command` gives another command line now.
    """

    items_asked = Signal(object, str)
    item_asked = Signal(int)
    command_changed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.dataset: DatasetInfo | None = None
        self.layout_ = QVBoxLayout(self)
        self.layout_.setContentsMargins(0, 0, 0, 0)
        self.layout_.setSpacing(14)

    def show_dataset(self, dataset: "DatasetInfo") -> None:
        """Shows the data set as it is now; what was typed or computed for the same data set stays."""
        self.dataset = dataset

    def command(self) -> str:
        """The command line that does the same; empty where there is none."""
        return ""

    @property
    def project_path(self) -> str:
        return str(self.session.project.path) if self.session.project is not None else ""


def preview_of(session: Session, modality: str) -> Any:
    """``Modality.preview`` of what a data set holds; ``None`` where it cannot be had."""
    try:
        return session.registry.modality(modality).load()().preview
    except Exception:  # noqa: BLE001 - a plugin may raise anything; the data are shown without pictures then
        return None


def duration_of(count: int, gflops: float) -> float:
    """Roughly how long it takes here, in seconds; ``gflops`` 0: no backbone."""
    cores = max(1, os.cpu_count() or 1)
    seconds = 2.0 + count * _FILE_S / cores
    if gflops:
        rate = estimating.CPU_RATE * cores
        each = (gflops + estimating.FIXED_COST) / rate + estimating.DECODING / cores
        seconds += estimating.STARTING / 2 + count * each
    return seconds


def rough(seconds: float) -> str:
    """A duration that claims no more than is known: ``a few seconds``, ``5 minutes``, ``2 hours``."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds, -1):.0f} seconds"
    if seconds < 5400:
        return text.plural(round(seconds / 60), "minute")
    return text.plural(round(seconds / 3600), "hour")
