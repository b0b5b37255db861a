"""Train: what, from what, how; then one button."""

from typing import Any

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QLabel, QSplitter, QWidget

from tlstudio.advising import Advice
from tlstudio.api.errors import OptionsError, StudioError
from tlstudio.api.method import MethodDescriptor
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages import train_cards, train_choices
from tlstudio.gui.pages.compare_ask import CompareDialog
from tlstudio.gui.pages.train_advice import AdviceLine
from tlstudio.gui.pages.train_backbones import BackboneList, choices
from tlstudio.gui.pages.train_finder import FinderDoor
from tlstudio.gui.pages.train_footer import TrainFooter
from tlstudio.gui.pages.train_inputs import InputsForm
from tlstudio.gui.pages.train_making import RunMaker
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.gui.pages.train_outlook import Outlook, look_ahead
from tlstudio.gui.pages.train_ranking import RankLine
from tlstudio.gui.pages.train_recipe import RecipeLine
from tlstudio.gui.pages.train_runtime import RuntimeForm
from tlstudio.gui.pages.train_sweep import SweepForm
from tlstudio.gui.pages.train_weights import WeightsDoor
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import Banner, Page, PageHeader


class TrainPage(Page):
    page_id = "train"
    title = "Train"
    help_text = (
        "Choose the data, a pretrained backbone and a method, and press Train. The options have good defaults: "
        "“all” shows every one of them, each with its help. The sentence at the bottom says what will happen and "
        "about how long it takes. Several seeds, or a sweep over an option, make several runs. Compare… "
        "trains several side by side. Ctrl+Enter trains; Ctrl+Shift+Enter lines up for later."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._wanted_backbone = ""
        self._finished: list[int] = []
        self._comparing: CompareDialog | None = None
        self.weights, self.outlook = WeightsDoor(session, self, self._current_backbone), Outlook()
        self.dataset = QComboBox()
        self.dataset.setAccessibleName("Data set")
        self.dataset.setMinimumWidth(180)
        self.dataset.setMaximumWidth(360)
        self.backbones = BackboneList()
        self.methods = MethodList()
        self.inputs = InputsForm(session)
        self.advice, self.ranking = AdviceLine(session), RankLine(session)
        self.form = OptionsForm()
        self.recipe = RecipeLine(session, self.form, self.backbones, self.methods)
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
        self.data = QLabel("Data")
        self.data.setBuddy(self.dataset)
        self.header.add_action(self.data)
        self.header.add_action(self.dataset)
        self.layout_.addWidget(self.header)
        self.empty = train_cards.nothing_yet()
        self.layout_.addWidget(self.empty, 1)
        self.layout_.addWidget(self.advice)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(14)
        backbone, self.import_weights = train_cards.backbone_card(self.backbones, self.ranking)
        options, self.reset_all, self.all_options = train_cards.options_card(
            self.inputs, self.recipe, self.form, self.sweep, self.runtime
        )
        self.finder = FinderDoor(self.session, self, self.form, self._request, options)
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
        session.runs_changed.connect(self._on_runs_changed)
        self.dataset.activated.connect(self._on_dataset_chosen)
        self.backbones.chosen.connect(self._refresh)
        self.methods.chosen.connect(self._on_method_chosen)
        self.form.changed.connect(self._refresh)
        self.inputs.changed.connect(self._refresh)
        self.advice.wanted.connect(self._on_advised)
        self.ranking.ranked.connect(self.advice.ask)
        self.runtime.changed.connect(self._refresh)
        self.sweep.changed.connect(self._refresh)
        for form in (self.form, self.inputs):
            self.all_options.toggled.connect(form.set_show_all)
        self.reset_all.clicked.connect(self.recipe.reset)
        self.import_weights.clicked.connect(self.weights.ask)
        self.empty.triggered.connect(self._on_data_asked)
        self.train.clicked.connect(self.start)
        self.maker.started.connect(self._on_started)
        self.maker.changed.connect(self._refresh)
        self.maker.refused.connect(self._on_refused)
        self.footer.enqueue.clicked.connect(self.line_up)
        self.footer.compare.clicked.connect(self.compare)
        self.weights.imported.connect(self._on_imported)
        for keys, slot in (("Return", self.start), ("Shift+Return", self.line_up)):
            for variant in (keys, keys.replace("Return", "Enter")):
                QShortcut(QKeySequence(f"Ctrl+{variant}"), self).activated.connect(slot)

    # --- what changed elsewhere ----------------------------------------------------------------------------

    def shown(self) -> None:
        self._on_datasets_changed()

    @Slot()
    def _on_registry_changed(self) -> None:
        registry, dataset = self.session.registry, self.session.dataset()
        self.backbones.set_choices(choices(registry, dataset, self.session.project))
        if self._wanted_backbone and self.backbones.select(self._wanted_backbone):
            self._wanted_backbone = ""
        self.methods.set_methods(registry.methods(), dataset, self._impossible)
        self._on_runs_changed()

    @Slot()
    def _on_runs_changed(self) -> None:
        finished = [run.id for run in self.session.runs if run.state == "finished"]
        if finished != self._finished:
            self._finished = finished  # their backbones can be begun with, and methods may begin from them
            self._on_registry_changed()
            return
        current, dataset = self.methods.current, self.session.dataset()
        self.inputs.set_method(self.session.registry.method(current) if current else None, dataset)
        self._refresh()

    def _impossible(self, method: MethodDescriptor) -> str:
        dataset = self.session.dataset()
        if dataset is None:
            return ""
        return train_choices.impossible(method, dataset, self.session.datasets, self.session.runs)

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
        for widget in (self.columns, self.footer, self.data, self.dataset):
            widget.setVisible(bool(names))
        self._on_registry_changed()
        self.advice.ask()
        self.ranking.look()

    @Slot(int)
    def _on_dataset_chosen(self, index: int) -> None:
        self.session.select_dataset(str(self.dataset.itemData(index)))

    @Slot(str)
    def _on_method_chosen(self, method: str) -> None:
        self.form.set_model(self.session.registry.method(method).options)
        self.sweep.set_model(self.session.registry.method(method).options)
        self._on_runs_changed()

    # --- what will happen ----------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        """Says what would happen now, and whether it can."""
        self.problem.set("")
        self.sweep.check(self.form.values())
        self.outlook = look_ahead(
            self.session,
            self.backbones.current,
            self.methods.current,
            self.form,
            self.recipe.flags(),
            self.inputs,
            self.sweep,
            self.runtime,
        )
        ready, runs = self.outlook.ready and not self.maker.busy, self.outlook.runs
        for made in (self.train, self.footer.enqueue):
            made.setEnabled(ready)
        self.footer.compare.setEnabled(self.outlook.chosen and not self.maker.busy)
        self.train.setText("Preparing…" if self.maker.busy else f"Train {runs} runs" if runs > 1 else "Train")
        self.footer.foresee(self.outlook.headline, self.outlook.sentence, wrong=self.outlook.wrong)
        self.command_line = self.outlook.command_line

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
        shared = self._shared()
        if not self.train.isEnabled() or shared is None:
            return None
        return {
            **shared,
            "method": self.methods.current,
            **self.recipe.request(self.sweep),
            "seeds": self.runtime.seeds(),
            **self.inputs.request(),
        }

    def _shared(self) -> dict[str, Any] | None:
        """What does not depend on the method."""
        dataset, choice = self.session.dataset(), self.backbones.current
        if self.session.project is None or dataset is None or choice is None:
            return None
        runtime = self.runtime.preferences()
        return {"dataset": dataset.name, "backbone": choice.backbone, "weights_id": choice.weights, "runtime": runtime}

    @Slot()
    def compare(self) -> None:
        """Asks which methods, and trains them side by side on what stands on this page."""
        if (shared := self._shared()) is None:
            return
        request = {**shared, **self.inputs.all_inputs()}
        options = self.recipe.for_comparison()
        self._comparing = CompareDialog(self.session, request, options, self.runtime.seeds(), self)
        self._comparing.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._comparing.open()

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

    def _current_backbone(self) -> str:
        return self.backbones.current.backbone if self.backbones.current else ""

    @Slot(str)
    def _on_imported(self, backbone: str) -> None:
        self._wanted_backbone = backbone
        self._on_registry_changed()

    @Slot(object)
    def _on_advised(self, advice: Advice) -> None:
        """Puts what was proposed into the form; nothing is trained yet."""
        if advice.backbone:
            self.backbones.search.clear()
            self.backbones.select(advice.backbone)
        self.methods.select(advice.method)
        self.recipe.set_values(advice.options)
        self.inputs.set_values(advice.inputs)
        if advice.seeds > 1:
            self.runtime.seed_text.setText(f"0-{advice.seeds - 1}")
        self._refresh()

    @Slot()
    def _on_data_asked(self) -> None:
        self.session.show_page("data")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "methods"):
            self.methods.refresh_colours()
