"""Plugins: what is loaded, what failed and why; installing and uninstalling."""

import os
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from tlstudio.gui import text
from tlstudio.gui.pages.plugins_rows import PluginRow, ProblemRow
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.job_panel import JobPanel
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    Page,
    PageHeader,
    button,
    muted_label,
    primary_button,
    rule,
    scrolled,
)

if TYPE_CHECKING:
    from tlstudio.registry import Registry


class PluginsPage(Page):
    page_id = "plugins"
    title = "Plugins"
    help_text = (
        "Backbones, methods, metrics, formats, exporters and engines come from plugins; the built-in ones do, too. "
        "A plugin is a Python package: install one by name, from a wheel or from a folder, or drop it here. It is "
        "put into a folder of its own and can never replace a part of the application. If a plugin keeps the "
        "application from starting, start it with --safe-mode: then only the built-in plugin is loaded."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._installed: frozenset[str] = frozenset()
        self.rows: list[PluginRow] = []
        self.problem_rows: list[ProblemRow] = []
        self.header = PageHeader("Plugins")
        self.install_button = primary_button("Install…", "plus")
        self.install_button.clicked.connect(self._on_install_asked)
        self.header.add_action(self.install_button)
        self.layout_.addWidget(self.header)
        self.notice = Banner()
        self.layout_.addWidget(self.notice)
        self.safe_mode = Banner("warning")
        self.layout_.addWidget(self.safe_mode)
        area, column = scrolled()
        self.layout_.addWidget(area, 1)
        self.install_card = self._install_card()
        self.install_card.setVisible(False)
        column.addWidget(self.install_card)
        self.job = JobPanel("Installing")
        self.job.setVisible(False)
        self.job.finished.connect(self._on_job_finished)
        self.job.stopped.connect(self._on_job_stopped)
        column.addWidget(self.job)
        self.problems_card = Card("Problems")
        column.addWidget(self.problems_card)
        self.plugins_card = Card("Found on this machine")
        self.plugins_card.body.setSpacing(0)
        column.addWidget(self.plugins_card)
        column.addStretch(1)
        self.command_line = "tlstudio plugins list"
        session.registry_changed.connect(self._on_registry_changed)
        session.settings_changed.connect(self._on_registry_changed)

    def _install_card(self) -> Card:
        card = Card("Install a plugin")
        card.body.addWidget(
            muted_label(
                "A name in the package index, a wheel (.whl), a source archive, or a folder with a pyproject.toml. "
                "A plugin is a program: install only what you trust."
            )
        )
        self.target = QLineEdit()
        self.target.setAccessibleName("Plugin to install: name, wheel or folder")
        self.target.setPlaceholderText("such as tlstudio-example")
        self.target.textChanged.connect(self._on_target_changed)
        self.target.returnPressed.connect(self._on_install)
        wheel = button("Wheel…", "file")
        wheel.clicked.connect(self._on_wheel)
        folder = button("Folder…", "folder")
        folder.clicked.connect(self._on_folder)
        self.go_button = primary_button("Install")
        self.go_button.clicked.connect(self._on_install)
        self.go_button.setEnabled(False)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.target, 1)
        for one in (wheel, folder, self.go_button):
            row.addWidget(one)
        card.body.addLayout(row)
        return card

    def shown(self) -> None:
        safe = os.environ.get("TLSTUDIO_SAFE_MODE", "") not in ("", "0")
        self.safe_mode.set("Safe mode: only the plugin that comes with the application is loaded." if safe else "")
        self.session.background.submit(_installed, self._on_installed)
        if self.session.pending_plugin:
            target, self.session.pending_plugin = self.session.pending_plugin, ""
            self.begin_install(target)

    def _on_installed(self, names: frozenset[str]) -> None:
        self._installed = names
        self._show(self.session.registry)

    @Slot()
    def _on_registry_changed(self) -> None:
        if self.isVisible():
            self.session.background.submit(_installed, self._on_installed)

    def _show(self, registry: "Registry") -> None:
        loaded = sum(plugin.state == "loaded" for plugin in registry.plugins)
        self.header.set_title("Plugins", f"{loaded} loaded · {text.plural(len(registry.problems), 'problem')}")
        _clear(self.problems_card)
        self.problem_rows = [ProblemRow(problem) for problem in registry.problems]
        for problem_row in self.problem_rows:
            self.problems_card.body.addWidget(problem_row)
        self.problems_card.setVisible(bool(self.problem_rows))
        _clear(self.plugins_card)
        self.rows = []
        from tlstudio.registry import BUILTINS

        for plugin in registry.plugins:
            if self.rows:
                self.plugins_card.body.addWidget(rule())
            row = PluginRow(
                plugin,
                builtin=plugin.name == BUILTINS,
                removable=bool({plugin.name, plugin.distribution} & self._installed),
                disabled=plugin.name in self.session.settings.disabled_plugins,
            )
            row.switched.connect(self._on_switched)
            row.uninstall_asked.connect(self._on_uninstall)
            self.rows.append(row)
            self.plugins_card.body.addWidget(row)

    @Slot(str, bool)
    def _on_switched(self, name: str, enable: bool) -> None:
        settings = self.session.settings
        others = [other for other in settings.disabled_plugins if other != name]
        settings.disabled_plugins = others if enable else [*others, name]
        self.session.save_settings()
        state = "used" if enable else "left out"
        self.notice.set(f"{name} is {state} from the next start of the application on.", "neutral")

    # ---- installing

    @Slot()
    def _on_install_asked(self) -> None:
        self.begin_install("")

    def begin_install(self, target: str) -> None:
        self.install_card.setVisible(True)
        self.target.setText(target)
        self.target.setFocus()

    @Slot(str)
    def _on_target_changed(self, target: str) -> None:
        self.go_button.setEnabled(bool(target.strip()) and not self.job.busy)
        self.command_line = f"tlstudio plugins install {target.strip()}" if target.strip() else "tlstudio plugins list"

    @Slot()
    def _on_install(self) -> None:
        target = self.target.text().strip()
        if target and not self.job.busy:
            self._start("install-plugin", {"target": target}, f"Installing {target}")

    @Slot(str)
    def _on_uninstall(self, name: str) -> None:
        if not self.job.busy:
            self._start("uninstall-plugin", {"name": name}, f"Uninstalling {name}")

    def _start(self, job: str, arguments: dict[str, Any], title: str) -> None:
        self.notice.set("")
        self.go_button.setEnabled(False)
        self.job.begin(title)
        self.job.follow(self.session.start_job(job, arguments, self.job.on_event))

    @Slot(dict)
    def _on_job_finished(self, result: dict[str, Any]) -> None:
        name = result.get("plugin") or result.get("distribution", "")
        if "removed" in result:
            self.notice.set(f"{name} is uninstalled.", "ok")
        else:
            brought = ", ".join(result.get("contributions", []))
            version = result.get("version", "")
            self.notice.set(f"{name} {version} is installed. It brings {brought or 'nothing yet'}.", "ok")
            self.install_card.setVisible(False)
            self.target.clear()
        self.job.setVisible(False)
        self.session.load_registry()

    @Slot()
    def _on_job_stopped(self) -> None:
        self.notice.set("Stopped; everything is as it was.", "neutral")
        self.job.setVisible(False)
        self._on_target_changed(self.target.text())

    @Slot()
    def _on_wheel(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Plugin", "", "Wheels and archives (*.whl *.tar.gz *.zip)")
        if chosen:
            self.target.setText(chosen)

    @Slot()
    def _on_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a plugin")
        if chosen:
            self.target.setText(chosen)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.begin_install(event.mimeData().urls()[0].toLocalFile())


def _installed() -> frozenset[str]:
    """Names of the plugins, and of their distributions, that the user has installed."""
    from tlstudio import installer

    return frozenset(name for plugin in installer.installed() for name in (*plugin.names, plugin.distribution))


def _clear(card: Card) -> None:
    while (entry := card.body.takeAt(0)) is not None:
        widget = entry.widget()
        if widget is not None:
            widget.deleteLater()
