"""Drop a sample, see what a model says."""

import shlex

from PySide6.QtCore import Qt, QTemporaryDir, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QSplitter, QWidget

from tlstudio.api.events import Event, Failed, Finished
from tlstudio.gui import icons
from tlstudio.gui.pages import try_model
from tlstudio.gui.pages.data_words import Previewer
from tlstudio.gui.pages.run_chooser import RunChooser, with_model
from tlstudio.gui.pages.try_guess import TYPED, answers
from tlstudio.gui.pages.try_list import GuessList
from tlstudio.gui.pages.try_model import ICONS, VIEWS, Subject, beginnings, of_run, question, samples_in, suffixes_of
from tlstudio.gui.pages.try_preview import TryPreview
from tlstudio.gui.pages.try_text import TextField
from tlstudio.gui.run_thread import RunThread
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import (
    Banner,
    Card,
    EmptyState,
    Page,
    PageHeader,
    button,
    link_button,
    muted_label,
    pill_button,
    primary_button,
)

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class TryPage(Page):
    page_id = "try"
    title = "Try it"
    help_text = (
        "Drop pictures, sounds, texts or films, whatever the model was trained on, or a folder of them, to see what it "
        "says: the likeliest classes with their probabilities, the labels, the numbers, or a mask over the picture. "
        "A model of texts answers what is typed, too. The model is that of a finished run, or an exported file. "
        "“Several views” looks at each sample mirrored and shifted as well, and takes the mean: slower, often surer."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._file = ""  # an exported model; empty: the run's
        self._thread: RunThread | None = None
        self._again = False
        self._said, self._jobs = "", 0  # of the answers that are shown; how many jobs there were
        self._asked = ("", 1)  # the model that works now, and the views
        self._masks = QTemporaryDir()
        self.subject, self._noun = Subject(), "picture"
        self.header = PageHeader("Try it", "")
        self.runs = RunChooser(session, with_model)
        self.open_model = button("Model file…", "file", tip="An exported model instead of a run's")
        self.open_samples = primary_button("Open pictures…", "image")
        for widget in (self.runs, self.open_model, self.open_samples):
            self.header.add_action(widget)
        self.model_file, self.problem = Banner("neutral"), Banner("error")
        self.no_model = EmptyState(
            "try", "No model yet", "A finished run leaves a model to try. An exported file does as well.", "Go to Train"
        )
        self.no_model.add_action(second := button("Model file…", "file"))
        second.clicked.connect(self._on_open_model)
        self.drop_here = EmptyState(
            "image", "Drop pictures here", "Single ones or a whole folder; they stay where they are.", "Open…"
        )
        self.field = TextField()
        self.card = Card("Predictions")
        self.clear, self.views = link_button("Clear"), pill_button("Several views", checkable=True)
        self.status = muted_label("", wrap=False)
        self.card.header.addWidget(self.status)
        self.card.header.addWidget(self.views)
        self.card.header.addWidget(self.clear)
        self.list = GuessList()
        self.preview = TryPreview(session.background)
        panes = QSplitter(Qt.Orientation.Horizontal)
        panes.setChildrenCollapsible(False)
        panes.setHandleWidth(14)
        panes.addWidget(self.list)
        panes.addWidget(self.preview)
        panes.setSizes([6000, 5000])
        self.card.body.addWidget(panes, 1)
        for part in (self.header, self.model_file, self.problem, self.field):
            self.layout_.addWidget(part)
        for whole in (self.no_model, self.drop_here, self.card):
            self.layout_.addWidget(whole, 1)
        self._connect()
        self.model_file.set("")
        self.problem.set("")
        self._refresh()

    def _connect(self) -> None:
        self.runs.run_chosen.connect(self._on_run_chosen)
        self.open_model.clicked.connect(self._on_open_model)
        self.model_file.triggered.connect(self._on_back_to_runs)
        self.open_samples.clicked.connect(self._on_open_samples)
        self.drop_here.triggered.connect(self._on_open_samples)
        self.no_model.triggered.connect(self._on_train)
        self.clear.clicked.connect(self._on_clear)
        self.views.toggled.connect(self._on_views)
        self.field.entered.connect(self._on_entered)
        self.list.guess_chosen.connect(self.preview.show_guess)

    def shown(self) -> None:
        self.runs.refresh()
        self._refresh()

    # --- the model -----------------------------------------------------------------------------------------

    @property
    def model_path(self) -> str:
        """The file that predicts: exported, or the run's own."""
        run, project = self.runs.run, self.session.project
        if self._file or run is None or project is None:
            return self._file
        return str(project.path / run.model)

    @property
    def _views(self) -> int:
        return VIEWS if self.views.isChecked() and self.views.isEnabled() else 1

    def set_model_file(self, path: str) -> None:
        self._file = path
        self.model_file.set(f"The model is {path}" if path else "", "neutral", "Back to the runs" if path else "")
        self._model_changed()

    @Slot(int)
    def _on_run_chosen(self, _run_id: int) -> None:
        if not self._file:
            self._model_changed()

    def _model_changed(self) -> None:
        run, model = self.runs.run, self.model_path
        if not self._file and run is not None:
            self.session.background.submit(lambda: (model, of_run(run.dir)), self._on_subject)
        self._forget()

    def _on_subject(self, answer: tuple[str, Subject]) -> None:
        model, subject = answer
        if model == self.model_path and subject != self.subject:
            self._set_subject(subject)

    def _set_subject(self, subject: Subject) -> None:
        self.subject = subject
        registry = self.session.registry
        preview = None if subject.modality == "image" else Previewer(subject.modality, registry)
        one, many = next((m.noun for m in registry.modalities() if m.id == subject.modality), ("file", "files"))
        self.list.thumbnails.set_preview(preview)
        self.preview.set_kind(subject.task, subject.modality, preview)
        self.open_samples.setText(f"Open {many}…")
        self.open_samples.setIcon(icons.icon(ICONS.get(subject.modality, "file"), "on_accent"))
        self.open_samples.setAccessibleName(f"Open {many}")
        self.drop_here.title.setText(f"Drop {many} here")
        self._noun = one
        self._refresh()

    @Slot()
    def _on_open_model(self) -> None:
        suffixes = " ".join(f"*{exporter.suffix}" for exporter in self.session.registry.exporters())
        name, _ = QFileDialog.getOpenFileName(self, "Model", "", f"Models ({suffixes});;All files (*)")
        if name:
            self.set_model_file(name)

    @Slot()
    def _on_back_to_runs(self) -> None:
        self.set_model_file("")

    # --- samples -------------------------------------------------------------------------------------------

    def add_samples(self, paths: list[str]) -> None:
        """Files, or folders whose samples are taken; the listing happens in the background."""
        suffixes, texts = suffixes_of(self.session.registry, self.subject.modality), self.subject.modality == "text"

        def read() -> tuple[list[str], dict[str, str]]:
            found = samples_in(paths, suffixes)
            return found, beginnings(found) if texts else {}

        self.session.background.submit(read, self._on_listed)

    def _on_listed(self, answer: tuple[list[str], dict[str, str]]) -> None:
        found, texts = answer
        if not found:
            self.problem.set("There is nothing among these files that the model takes.", "warning")
            return
        self.problem.set("")
        self.list.guesses.add(found, texts)
        self._refresh()
        self._predict()

    @Slot(str)
    def _on_entered(self, text: str) -> None:
        self.list.guesses.add([TYPED + text], {TYPED + text: text})
        self._refresh()
        self._predict()

    def _predict(self) -> None:
        """One job at a time; samples that came meanwhile, or another model, follow when it ends. A model file is asked
        once without any: it then says what it takes.
        """
        waiting, model = self.list.guesses.waiting, self.model_path
        if not model or not (waiting or self._file):
            return
        if self._thread is not None:
            self._again = True
            return
        self._again = False
        self.problem.set("")
        self._asked = (model, self._views)
        self._jobs += 1
        out = self._masks.filePath(str(self._jobs)) if self.subject.task == "segmentation" or self._file else ""
        arguments = question(model, waiting, self._views, out)
        self.status.setText(f"looking at {len(waiting)}…" if waiting else "")
        self._thread = self.session.start_job("predict", arguments, self.on_event)

    @Slot(object)
    def on_event(self, event: Event) -> None:
        match event:
            case Finished(result=result) if self._asked == (self.model_path, self._views):
                self._said = f"mean of {result['views']} views" if "views" in result else ""
                self._on_subject((self.model_path, Subject(result.get("task", ""), result.get("modality", ""))))
                self.list.guesses.set_answers(answers(result))
                current = self.list.currentIndex()
                if not current.isValid() and self.list.guesses.guesses:
                    self.list.setCurrentIndex(self.list.guesses.index(0))
                elif current.isValid():
                    self.preview.show_guess(self.list.guesses.guesses[current.row()])
            case Failed(sentence=sentence):
                self.problem.set(sentence, "error")
        if event.terminal:
            self._thread = None
            self.status.setText(self._said)
            if self._again:
                self._predict()

    def _refresh(self) -> None:
        model, shots = self.model_path, self.list.guesses.guesses
        typed = self.subject.modality == "text"
        self.no_model.setVisible(not model)
        self.field.setVisible(bool(model) and typed)
        run = None if self._file else self.runs.run
        reason = try_model.one_way(self.session.registry, self.subject, run.backbone if run is not None else "")
        self.views.setEnabled(not reason)
        self.views.setToolTip(reason or try_model.LOOKS.format(self._noun))
        self.drop_here.setVisible(bool(model) and not shots)
        self.card.setVisible(bool(model) and bool(shots))
        self.open_samples.setVisible(bool(model))
        self.open_model.setVisible(bool(model))
        self.runs.setVisible(self.runs.count() > 0 and not self._file)
        if model:
            example = '--text "..."' if typed else self._noun.upper()
            several = f" --views {VIEWS}" if self._views > 1 else ""
            self.command_line = f"{shlex.join(['tlstudio', 'predict', model])} {example}{several}"

    @Slot()
    def _on_open_samples(self) -> None:
        pattern = " ".join(f"*{suffix}" for suffix in suffixes_of(self.session.registry, self.subject.modality))
        names, _ = QFileDialog.getOpenFileNames(self, "Open", "", f"Samples ({pattern});;All files (*)")
        if names:
            self.add_samples(names)

    @Slot(bool)
    def _on_views(self, _several: bool) -> None:
        """Everything is asked again."""
        self._said = ""
        self._forget()

    def _forget(self) -> None:
        self.list.guesses.forget_answers()
        self.preview.clear()
        self._refresh()
        self._predict()

    @Slot()
    def _on_clear(self) -> None:
        self.list.guesses.clear()
        self.preview.clear()
        self._refresh()

    @Slot()
    def _on_train(self) -> None:
        self.session.show_page("train")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        suffixes = tuple(exporter.suffix for exporter in self.session.registry.exporters())
        if len(paths) == 1 and suffixes and paths[0].endswith(suffixes):
            self.set_model_file(paths[0])
        elif paths:
            self.add_samples(paths)
        event.acceptProposedAction()
