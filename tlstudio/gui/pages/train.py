"""Train: what, from what, how; then one button."""

from typing import Any

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QLabel, QSplitter, QWidget

from tlstudio.api.errors import OptionsError, StudioError
from tlstudio.gui import estimate
from tlstudio.gui.options_fields import spell
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages import train_cards
from tlstudio.gui.pages.train_backbones import BackboneList, choices
from tlstudio.gui.pages.train_footer import TrainFooter, command
from tlstudio.gui.pages.train_import import ImportWeightsDialog, weights_in
from tlstudio.gui.pages.train_making import RunMaker
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.gui.pages.train_runtime import RuntimeForm
from tlstudio.gui.pages.train_sweep import SweepForm
from tlstudio.gui.plots.curves import metric_name
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Banner,
    EmptyState,
    Page,
    PageHeader,
)
from tlstudio.runs import select_by


class TrainPage(Page):
    page_id = "train"
    title = "Train"
    help_text = (
        "Choose the data, a pretrained backbone and a method, and press Train. The options have good defaults: "
        "“all” shows every one of them, each with its help. The sentence at the bottom says what will happen and "
        "about how long it takes. Several seeds, or a sweep over an option, make several runs. Ctrl+Enter trains; "
        "Ctrl+Shift+Enter lines up for later."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._dialog: ImportWeightsDialog | None = None
        self._wanted_backbone = ""
        self.dataset = QComboBox()
        self.dataset.setAccessibleName("Data set")
        self.dataset.setMinimumWidth(180)
        self.dataset.setMaximumWidth(360)
        self.backbones = BackboneList()
        self.methods = MethodList()
        self.form = OptionsForm()
        self.sweep = SweepForm()
        self.runtime = RuntimeForm(session.settings)
        self.footer = TrainFooter()
        self.train, self.headline, self.summary = self.footer.train, self.footer.headline, self.footer.summary
        self.problem = Banner("error")
        self.maker = RunMaker(session, self)
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
        options, self.reset_all, self.all_options = train_cards.options_card(self.form, self.sweep, self.runtime)
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
        self.sweep.changed.connect(self._refresh)
        self.all_options.toggled.connect(self.form.set_show_all)
        self.reset_all.clicked.connect(self.form.reset)
        self.import_weights.clicked.connect(self._on_import_asked)
        self.empty.triggered.connect(self._on_data_asked)
        self.train.clicked.connect(self.start)
        self.maker.started.connect(self._on_started)
        self.maker.changed.connect(self._refresh)
        self.maker.refused.connect(self._on_refused)
        self.footer.enqueue.clicked.connect(self.line_up)
        for keys, slot in (("Return", self.start), ("Shift+Return", self.line_up)):
            for variant in (keys, keys.replace("Return", "Enter")):
                QShortcut(QKeySequence(f"Ctrl+{variant}"), self).activated.connect(slot)

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
        self.sweep.set_model(self.session.registry.method(method).options)
        self.all_options.setVisible(self.form.has_more)
        self._refresh()

    # --- what will happen ----------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        """Says what would happen now, and whether it can."""
        self.problem.set("")
        dataset, choice = self.session.dataset(), self.backbones.current
        seeds = self.runtime.seeds()
        self.sweep.check(self.form.values())
        runs = len(seeds) * len(self.sweep.choices({}))
        ready = dataset is not None and choice is not None and bool(self.methods.current)
        ready = ready and bool(runs) and self.form.is_valid and not self.sweep.problem and not self.maker.busy
        for made in (self.train, self.footer.enqueue):
            made.setEnabled(ready)
        self.train.setText("Preparing…" if self.maker.busy else f"Train {runs} runs" if runs > 1 else "Train")
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
            self.session.project,
            dataset.name,
            choice,
            self.methods.current,
            self._settings(),
            seeds,
            self.sweep.flags(),
        )
        wrong = "" if seeds else "The seeds cannot be read: write whole numbers such as 0, 1, 2 or 0-4."
        if self.sweep.problem:
            wrong = f"The sweep cannot be made as it is. {self.sweep.problem}"
        if not self.form.is_valid:
            wrong = "An option cannot be used as it is; the sentence beside it says why."
        self.footer.say(wrong, "error" if wrong else "small")
        if wrong:
            return
        parts = [
            guess.sentence(runs),
            f"best model by validation {metric_name(select_by(registry.task(dataset.task), dataset))}",
            "test is looked at once, at the end",
        ]
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
        """Makes the runs and trains them one after another, after those that wait already."""
        if (request := self._request()) is not None:
            self.maker.train(request, beside=self.runtime.beside.isChecked())

    @Slot()
    def line_up(self) -> None:
        """Makes the runs and puts them into the queue; what trains is not disturbed."""
        if (request := self._request()) is not None:
            self.maker.line_up(request)

    def _request(self) -> dict[str, Any] | None:
        """``None`` where something is missing or wrong, or runs are being made already."""
        dataset, choice = self.session.dataset(), self.backbones.current
        if not self.train.isEnabled() or self.session.project is None or dataset is None or choice is None:
            return None
        return {
            "dataset": dataset.name,
            "backbone": choice.backbone,
            "weights_id": choice.weights,
            "method": self.methods.current,
            "options": self.sweep.choices(self.form.changed_values()),
            "seeds": self.runtime.seeds(),
            "runtime": self.runtime.preferences(),
        }

    @Slot(int)
    def _on_started(self, run_id: int) -> None:
        self.session.select_run(run_id)
        self.session.show_page("run")

    @Slot(object)
    def _on_refused(self, error: StudioError) -> None:
        if isinstance(error, OptionsError):
            self.form.show_problems(error.problems)
        else:
            self.problem.set(str(error), "error")

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
