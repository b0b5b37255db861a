"""The bottom line: what is going on, and the command line that would do the same."""

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from tlstudio.gui.session import Session
from tlstudio.gui.widgets.controls import ElidedLabel, icon_button


class StatusBar(QFrame):
    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusbar")
        self.setFixedHeight(30)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 10, 0)
        row.setSpacing(8)
        self.status = ElidedLabel("Ready")
        self.command = ElidedLabel()
        self.command.setObjectName("commandline")
        self.command.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.copy = icon_button("copy", "Copy the command line", size=14)
        self.copy.clicked.connect(self.copy_command)
        row.addWidget(self.status, 2)
        row.addWidget(self.command, 3)
        row.addWidget(self.copy)
        self._restore = QTimer(self)
        self._restore.setSingleShot(True)
        self._restore.setInterval(1500)
        self._restore.timeout.connect(self._on_restore)
        session.status_changed.connect(self._on_status_changed)
        session.command_line_changed.connect(self._on_command_changed)
        self._on_command_changed(session.command_line)

    @Slot()
    def copy_command(self) -> None:
        if self.command.text():
            QGuiApplication.clipboard().setText(self.command.text())
            self.copy.setToolTip("Copied")
            self.copy.setText("copied")
            self.copy.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self._restore.start()

    @Slot()
    def _on_restore(self) -> None:
        self.copy.setToolTip("Copy the command line")
        self.copy.setText("")
        self.copy.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)

    @Slot(str)
    def _on_status_changed(self, text: str) -> None:
        self.status.setText(text or "Ready")

    @Slot(str)
    def _on_command_changed(self, text: str) -> None:
        self.command.setText(text)
        self.copy.setVisible(bool(text))
