"""Train: what, from what, how; then one button."""

from typing import Any

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QLabel, QSplitter, QWidget

from tlstudio import runs as planning
from tlstudio.api.errors import OptionsError, StudioError
from tlstudio.gui import estimate
from tlstudio.gui.options_fields import spell
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages import train_cards
from tlstudio.gui.pages.train_backbones import BackboneList, choices
from tlstudio.gui.pages.train_footer import TrainFooter, command
from tlstudio.gui.pages.train_import import ImportWeightsDialog, weights_in
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.gui.pages.train_runtime import RuntimeForm
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Banner,
    EmptyState,
    Page,
    PageHeader,
)
from tlstudio.project import Run


class TrainPage(Page):
    page_id = "train"
    title = "Train"
    help_text = (
        "Choose the data, a pretrained backbone and a method, and press Train. The options have good defaults: "
        "“all” shows every one of them, each with its help. The sentence at the bottom says what will happen and "
        "about how long it takes. Several seeds make several runs. Ctrl+Enter trains."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._busy = False
        self._dialog: ImportWeightsDialog | None = None
        self._wanted_backbone = ""
        self.dataset = QComboBox()
        self.dataset.setAccessibleName("Data set")
        self.dataset.setMinimumWidth(180)
        self.dataset.setMaximumWidth(360)
        self.backbones = BackboneList()
        self.methods = MethodList()
        self.form = OptionsForm()
        self.runtime = RuntimeForm(session.settings)
        self.footer = TrainFooter()
        self.train, self.headline, self.summary = self.footer.train, self.footer.headline, self.footer.summary
        self.problem = Banner("error")
        self._lay_out()
        self._connect()
        self._on_registry_changed()
        self._on_datasets_changed()

    # --- layout --------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.header = PageHeader("Train", "what, from what, how")
        label = QLabel("Data")
        label.setBuddy(self.dataset)
        self.header.add_action(label)
        self.header.add_action(self.dataset)
        self.layout_.addWidget(self.header)
        self.empty = EmptyState(
            "data",
            "There is nothing to train on yet",
            "Import a folder of pictures first: one folder for each class, or a table of labels.",
            "Go to Data",
        )
        self.layout_.addWidget(self.empty, 1)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(14)
        backbone, self.import_weights = train_cards.backbone_card(self.backbones)
        options, self.reset_all, self.all_options = train_cards.options_card(self.form, self.runtime)
        for card, least in ((backbone, 224), (train_cards.method_card(self.methods), 206), (options, 314)):
            card.setMinimumWidth(least)
            self.columns.addWidget(card)
        self.columns.setSizes([340, 300, 460])
        self.columns.setStretchFactor(2, 1)
        self.layout_.addWidget(self.columns, 1)
        self.layout_.addWidget(self.problem)
        self.layout_.addWidget(self.footer)

    def _connect(self) -> None:
        session = self.session
        session.registry_changed.connect(self._on_registry_changed)
        session.datasets_changed.connect(self._on_datasets_changed)
        session.selected_dataset_changed.connect(self._on_datasets_changed)
        session.runs_changed.connect(self._refresh)
        self.dataset.activated.connect(self._on_dataset_chosen)
        self.backbones.chosen.connect(self._refresh)
        self.methods.chosen.connect(self._on_method_chosen)
        self.form.changed.connect(self._refresh)
        self.runtime.changed.connect(self._refresh)
        self.all_options.toggled.connect(self.form.set_show_all)
        self.reset_all.clicked.connect(self.form.reset)
        self.import_weights.clicked.connect(self._on_import_asked)
        self.empty.triggered.connect(self._on_data_asked)
        self.train.clicked.connect(self.start)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(self.start)

    # --- what changed elsewhere ----------------------------------------------------------------------------

    def shown(self) -> None:
        self._on_datasets_changed()

    @Slot()
    def _on_registry_changed(self) -> None:
        registry, dataset = self.session.registry, self.session.dataset()
        self.backbones.set_choices(choices(registry, dataset))
        if self._wanted_backbone and self.backbones.select(self._wanted_backbone):
            self._wanted_backbone = ""
        self.methods.set_methods(registry.methods(), dataset)
        self._refresh()

    @Slot()
    def _on_datasets_changed(self, _name: str = "") -> None:
        names = [dataset.name for dataset in self.session.datasets]
        self.dataset.clear()
        for dataset in self.session.datasets:
            self.dataset.addItem(f"{dataset.name} · r{dataset.revision}", dataset.name)
        self.dataset.setCurrentIndex(
            names.index(self.session.selected_dataset) if names and self.session.selected_dataset in names else -1
        )
        self.empty.setVisible(not names)
        for widget in (self.columns, self.footer, self.dataset):
            widget.setVisible(bool(names))
        self._on_registry_changed()

    @Slot(int)
    def _on_dataset_chosen(self, index: int) -> None:
        self.session.select_dataset(str(self.dataset.itemData(index)))

    @Slot(str)
    def _on_method_chosen(self, method: str) -> None:
        self.form.set_model(self.session.registry.method(method).options)
        self.all_options.setVisible(self.form.has_more)
        self._refresh()

    # --- what will happen ----------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        """Says what would happen now, and whether it can."""
        self.problem.set("")
        dataset, choice = self.session.dataset(), self.backbones.current
        seeds = self.runtime.seeds()
        ready = dataset is not None and choice is not None and bool(self.methods.current)
        self.train.setEnabled(ready and bool(seeds) and self.form.is_valid and not self._busy)
        self.train.setText(f"Train {len(seeds)} runs" if len(seeds) > 1 else "Train")
        if dataset is None or choice is None or not self.methods.current:
            self.headline.setText("Choose data, a backbone and a method")
            self.footer.say("", "small")
            self.command_line = ""
            return
        registry = self.session.registry
        device = str(self.runtime.device.currentData())
        guess = estimate.estimate(
            dataset,
            registry.backbone(choice.backbone),
            registry.method(self.methods.current),
            self.form.values(),
            self.session.runs,
            device,
        )
        self.headline.setText(guess.headline)
        self.command_line = command(
            self.session.project, dataset.name, choice, self.methods.current, self._settings(), seeds
        )
        wrong = "" if seeds else "The seeds cannot be read: write whole numbers such as 0, 1, 2 or 0-4."
        if not self.form.is_valid:
            wrong = "An option cannot be used as it is; the sentence beside it says why."
        self.footer.say(wrong, "error" if wrong else "small")
        if wrong:
            return
        parts = [guess.sentence(len(seeds)), "best model by validation accuracy", "test is looked at once, at the end"]
        if not choice.ready:
            parts.insert(1, f"{choice.place.replace('download', 'downloads')} of weights first")
        self.footer.say(" · ".join(parts), "small")

    def _settings(self) -> list[str]:
        """The words of the command line that are not said by default."""
        words: list[str] = []
        for name, value in self.form.changed_values().items():
            words += ["--set", f"{name}={spell(value)}"]
        return words + self.runtime.flags()

    # --- doing it ------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Makes the runs and starts the first; the others wait for it."""
        project, dataset, choice = self.session.project, self.session.dataset(), self.backbones.current
        seeds = self.runtime.seeds()
        if not self.train.isEnabled() or project is None or dataset is None or choice is None:
            return
        request: dict[str, Any] = {
            "dataset": dataset.name,
            "backbone": choice.backbone,
            "weights_id": choice.weights,
            "method": self.methods.current,
            "options": self.form.changed_values(),
            "runtime": self.runtime.preferences(),
        }
        registry = self.session.registry
        self._set_busy(True)

        def create() -> "list[Run] | StudioError":
            try:
                return [planning.create_run(project, registry, seed=seed, **request) for seed in seeds]
            except StudioError as error:  # handed over whole: the page puts it beside its field
                return error

        self.session.background.submit(create, self._on_created, self._on_failed)

    def _on_created(self, made: "list[Run] | StudioError") -> None:
        self._set_busy(False)
        if isinstance(made, OptionsError):
            self.form.show_problems(made.problems)
        elif isinstance(made, StudioError):
            self._on_failed(str(made))
        else:
            for run in made:
                self.session.start_run(run.id)
            self.session.select_run(made[0].id)
            self.session.show_page("run")

    def _on_failed(self, sentence: str) -> None:
        self._set_busy(False)
        self.problem.set(sentence, "error")

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._refresh()
        if busy:
            self.train.setText("Preparing…")

    # --- weights -------------------------------------------------------------------------------------------

    @Slot()
    def _on_import_asked(self) -> None:
        self._open_import("")

    def _open_import(self, path: str) -> None:
        current = self.backbones.current
        self._dialog = ImportWeightsDialog(self.session, current.backbone if current else "", self)
        self._dialog.imported.connect(self._on_imported)
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if path:
            self._dialog.set_file(path)
        self._dialog.open()

    @Slot(str, str)
    def _on_imported(self, backbone: str, name: str) -> None:
        self._wanted_backbone = f"{backbone}:{name}"
        self._on_registry_changed()

    @Slot()
    def _on_data_asked(self) -> None:
        self.session.show_page("data")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if weights_in(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = weights_in(event)
        if path is not None:
            self._open_import(path)
            event.acceptProposedAction()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "methods"):
            self.methods.refresh_colours()
