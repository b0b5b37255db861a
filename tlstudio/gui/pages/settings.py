"""Settings: theme, downloads, computing, folders in use, versions. Each takes effect as it is changed."""

import platform
from importlib import metadata

from PySide6.QtCore import QUrl, Slot, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QWidget

import tlstudio
from tlstudio import paths
from tlstudio import settings as settings_module
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Card,
    ElidedLabel,
    Page,
    PageHeader,
    button,
    icon_button,
    muted_label,
    scrolled,
    small_label,
)

THEMES = (("system", "As the system is"), ("light", "Light"), ("dark", "Dark"))
DEVICES = (
    ("auto", "Choose for me"),
    ("cpu", "CPU"),
    ("cuda", "NVIDIA GPU (cuda)"),
    ("mps", "Apple GPU (mps)"),
)
PRECISIONS = (
    ("auto", "Measure, and take the faster"),
    ("float32", "float32"),
    ("bfloat16", "bfloat16"),
)
_PACKAGES = ("torch", "torchvision", "PySide6-Essentials", "pyqtgraph", "onnxruntime", "numpy", "pydantic", "pluggy")


class SettingsPage(Page):
    page_id = "settings"
    title = "Settings"
    help_text = (
        "Everything here takes effect at once and is kept in one file, settings.json. Device and precision are what "
        "new runs begin with; a run never falls back to another device without saying so."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.layout_.addWidget(PageHeader("Settings", "take effect at once"))
        area, column = scrolled()
        self.layout_.addWidget(area, 1)
        settings = session.settings
        self.theme = _choice("Theme", THEMES, settings.theme)
        self.theme.currentIndexChanged.connect(self._on_theme)
        self.device = _choice("Device", DEVICES, settings.device)
        self.device.currentIndexChanged.connect(self._on_computing)
        self.precision = _choice("Precision", PRECISIONS, settings.precision)
        self.precision.currentIndexChanged.connect(self._on_computing)
        self.mirror = QLineEdit(settings.mirror)
        self.mirror.setAccessibleName("Mirror for published weights")
        self.mirror.setMaximumWidth(640)
        self.mirror.setPlaceholderText("https://mirror.example.org/weights")
        self.mirror.editingFinished.connect(self._on_mirror)
        self.mirror_error = small_label()
        self.mirror_error.setObjectName("error")
        self.mirror_error.setVisible(False)

        appearance = Card("Appearance")
        appearance.body.addLayout(_form(("Theme", self.theme)))
        column.addWidget(appearance)
        computing = Card("Computing")
        computing.body.addWidget(
            muted_label("What new runs begin with. Choosing for you means measuring on the model itself for a second.")
        )
        computing.body.addLayout(_form(("Device", self.device), ("Precision", self.precision)))
        column.addWidget(computing)
        downloads = Card("Downloads")
        downloads.body.addWidget(
            muted_label(
                "Published weights come from their authors' addresses. A mirror is asked instead, if you set one."
            )
        )
        downloads.body.addLayout(_form(("Mirror", self.mirror)))
        downloads.body.addWidget(self.mirror_error)
        column.addWidget(downloads)
        column.addWidget(self._folders_card())
        column.addWidget(self._about_card())
        column.addStretch(1)
        self.command_line = "tlstudio doctor"

    def _folders_card(self) -> Card:
        card = Card("Folders in use")
        form = _form()
        for name, folder in (
            ("Settings", settings_module.path()),
            ("Weights and plugins", paths.data_dir()),
            ("Cache", paths.cache_dir()),
            ("Log", paths.data_dir() / "tlstudio.log"),
        ):
            row = QHBoxLayout()
            row.setSpacing(4)
            label = ElidedLabel(str(folder))
            copy = icon_button("copy", f"Copy the path: {name}")
            copy.clicked.connect(_Copy(str(folder)))
            show = icon_button("folder", f"Open the folder: {name}")
            place = folder.parent if folder.suffix else folder
            show.clicked.connect(_Open(str(place)))
            row.addWidget(label, 1)
            row.addWidget(copy)
            row.addWidget(show)
            form.addRow(_title(name), row)
        card.body.addLayout(form)
        return card

    def _about_card(self) -> Card:
        card = Card("About")
        self.versions = versions()
        copy = button("Copy", "copy", tip="Copy the versions, for a report")
        copy.clicked.connect(_Copy("\n".join(f"{name} {version}" for name, version in self.versions.items())))
        card.header.addWidget(copy)
        form = _form()
        for name, version in self.versions.items():
            form.addRow(_title(name), ElidedLabel(version))
        card.body.addLayout(form)
        return card

    # ---- what was changed

    @Slot()
    def _on_theme(self) -> None:
        self.session.settings.theme = self.theme.currentData()
        self.session.save_settings()

    @Slot()
    def _on_computing(self) -> None:
        self.session.settings.device = self.device.currentData()
        self.session.settings.precision = self.precision.currentData()
        self.session.save_settings()

    @Slot()
    def _on_mirror(self) -> None:
        address = self.mirror.text().strip()
        url = QUrl(address, QUrl.ParsingMode.StrictMode)
        good = not address or (url.isValid() and url.scheme() in ("http", "https") and bool(url.host()))
        self.mirror_error.setText("" if good else "An address begins with https:// or http:// and names a machine.")
        self.mirror_error.setVisible(not good)
        self.mirror.setProperty("invalid", not good)
        self.mirror.style().polish(self.mirror)
        if good and address != self.session.settings.mirror:
            self.session.settings.mirror = address
            self.session.save_settings()


class _Copy:
    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self) -> None:
        QGuiApplication.clipboard().setText(self._text)


class _Open:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __call__(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._folder))


def versions() -> dict[str, str]:
    """Names and versions for a report. Looks into the installed packages' metadata; imports none of them."""
    found = {
        "Transfer Learning Studio": tlstudio.__version__,
        "Python": platform.python_version(),
        "Qt": qVersion() or "",
        "System": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _choice(name: str, choices: tuple[tuple[str, str], ...], current: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setMinimumWidth(280)
    box.setMaximumWidth(420)
    for value, shown in choices:
        box.addItem(shown, value)
    if box.findData(current) < 0:
        box.addItem(current, current)  # such as cuda:1, set in the file
    box.setCurrentIndex(box.findData(current))
    return box


def _form(*rows: tuple[str, QWidget]) -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(8)
    for name, field in rows:
        form.addRow(_title(name), field)
    return form


def _title(name: str) -> QLabel:
    title = QLabel(name)
    title.setObjectName("muted")
    title.setMinimumWidth(170)
    return title
