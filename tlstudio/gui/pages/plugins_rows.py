"""One plugin, and one problem, as rows."""

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from tlstudio.gui import text
from tlstudio.gui.widgets.kit import Banner, ElidedLabel, Pill, button, link_button, small_label
from tlstudio.registry import singular

if TYPE_CHECKING:
    from tlstudio.registry import Plugin, Problem

_TONES = {"loaded": "ok", "failed": "error", "disabled": "neutral"}


class PluginRow(QWidget):
    """``switched`` carries the plugin's name and whether it is to be used from the next start on."""

    switched = Signal(str, bool)
    uninstall_asked = Signal(str)

    def __init__(self, plugin: "Plugin", *, builtin: bool, removable: bool, disabled: bool) -> None:
        super().__init__()
        self.plugin = plugin
        self._disabled = disabled
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(10)
        name = ElidedLabel(plugin.name)
        name.setObjectName("cardtitle")
        row.addWidget(name)
        row.addWidget(small_label(plugin.version, wrap=False))
        self.state = Pill(plugin.state, _TONES[plugin.state])
        row.addWidget(self.state)
        if builtin:
            row.addWidget(Pill("comes with the application"))
        row.addStretch(1)
        if removable:
            remove = button("Uninstall")
            remove.setAccessibleName(f"Uninstall {plugin.name}")
            remove.clicked.connect(self._on_uninstall)
            row.addWidget(remove)
        if not builtin:
            self.switch = button("Enable" if disabled else "Disable")
            self.switch.setAccessibleName(f"{self.switch.text()} {plugin.name} from the next start on")
            self.switch.clicked.connect(self._on_switch)
            row.addWidget(self.switch)
        column.addLayout(row)
        self._add_contributions(column)
        if disabled != (plugin.state == "disabled"):
            column.addWidget(small_label(f"{'Disabled' if disabled else 'Enabled'} from the next start on."))

    def _add_contributions(self, column: QVBoxLayout) -> None:
        kinds = Counter(one.partition(":")[0] for one in self.plugin.contributions)
        line = QHBoxLayout()
        line.setSpacing(8)
        said = ", ".join(text.plural(n, singular(kind)) for kind, n in kinds.items())
        line.addWidget(small_label(said or "It contributes nothing now.", wrap=False))
        self.contributions = small_label("\n".join(_grouped(self.plugin.contributions)))
        self.contributions.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.contributions.setVisible(False)
        if kinds:
            self._toggle = link_button("show all")
            self._toggle.setAccessibleName(f"Show everything that {self.plugin.name} contributes")
            self._toggle.clicked.connect(self._on_toggle)
            line.addWidget(self._toggle)
        line.addStretch(1)
        column.addLayout(line)
        column.addWidget(self.contributions)

    @Slot()
    def _on_toggle(self) -> None:
        hidden = self.contributions.isHidden()
        self.contributions.setVisible(hidden)
        self._toggle.setText("hide" if hidden else "show all")

    @Slot()
    def _on_switch(self) -> None:
        self.switched.emit(self.plugin.name, self._disabled)

    @Slot()
    def _on_uninstall(self) -> None:
        self.uninstall_asked.emit(self.plugin.name)


class ProblemRow(QWidget):
    """The sentence; its traceback unfolds."""

    def __init__(self, problem: "Problem") -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.banner = Banner("error", problem.sentence, "Details" if problem.traceback else "")
        self.banner.triggered.connect(self._on_toggle)
        self.details = QPlainTextEdit(problem.traceback.strip())
        self.details.setObjectName("mono")
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.details.setMinimumHeight(180)
        self.details.setAccessibleName(f"Traceback of {problem.plugin}")
        self.details.setVisible(False)
        column.addWidget(self.banner)
        column.addWidget(self.details)

    @Slot()
    def _on_toggle(self) -> None:
        self.details.setVisible(self.details.isHidden())


def _grouped(contributions: tuple[str, ...]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for one in contributions:
        kind, _, identifier = one.partition(": ")
        groups.setdefault(kind, []).append(identifier)
    return [f"{kind}: {', '.join(ids)}" for kind, ids in groups.items()]
