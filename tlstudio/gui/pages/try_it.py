"""Drop a picture, see what a model says."""

import shlex
from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from tlstudio.api.events import Event, Failed, Finished
from tlstudio.gui.pages.run_chooser import RunChooser, with_model
from tlstudio.gui.pages.try_list import Guess, GuessList
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
    primary_button,
)

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MOST = 2000


class TryPage(Page):
    page_id = "try"
    title = "Try it"
    help_text = (
        "Drop pictures, or a folder of them, to see what a model says: the likeliest classes with their "
        "probabilities. The model is that of a finished run, or an exported file."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self._file = ""  # an exported model; empty: the run's
        self._thread: RunThread | None = None
        self._again = False
        self._asked = ""  # the model that works now
        self.header = PageHeader("Try it", "")
        self.runs = RunChooser(session, with_model)
        self.open_model = button("Model file…", "file", tip="An exported model instead of a run's")
        self.open_pictures = primary_button("Open pictures…", "image")
        for widget in (self.runs, self.open_model, self.open_pictures):
            self.header.add_action(widget)
        self.model_file = Banner("neutral")
        self.problem = Banner("error")
        self.no_model = EmptyState(
            "try", "No model yet", "A finished run leaves a model to try. An exported file does as well.", "Go to Train"
        )
        self.no_model.add_action(self._second_open_model())
        self.drop_here = EmptyState(
            "image", "Drop pictures here", "Single ones or a whole folder; they stay where they are.", "Open pictures…"
        )
        self.card = Card("Predictions")
        self.clear = link_button("Clear")
        self.status = muted_label("", wrap=False)
        self.card.header.addWidget(self.status)
        self.card.header.addWidget(self.clear)
        self.list = GuessList()
        self.card.body.addWidget(self.list, 1)
        for part in (self.header, self.model_file, self.problem):
            self.layout_.addWidget(part)
        for whole in (self.no_model, self.drop_here, self.card):
            self.layout_.addWidget(whole, 1)
        self.runs.run_chosen.connect(self._on_run_chosen)
        self.open_model.clicked.connect(self._on_open_model)
        self.model_file.triggered.connect(self._on_back_to_runs)
        self.open_pictures.clicked.connect(self._on_open_pictures)
        self.drop_here.triggered.connect(self._on_open_pictures)
        self.no_model.triggered.connect(self._on_train)
        self.clear.clicked.connect(self._on_clear)
        self.model_file.set("")
        self.problem.set("")
        self._refresh()

    def _second_open_model(self) -> QWidget:
        made = button("Model file…", "file")
        made.clicked.connect(self._on_open_model)
        return made

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

    def set_model_file(self, path: str) -> None:
        self._file = path
        self.model_file.set(f"The model is {path}" if path else "", "neutral", "Back to the runs" if path else "")
        self._model_changed()

    @Slot(int)
    def _on_run_chosen(self, _run_id: int) -> None:
        if not self._file:
            self._model_changed()

    def _model_changed(self) -> None:
        self.list.guesses.forget_answers()
        self._refresh()
        self._predict()

    @Slot()
    def _on_open_model(self) -> None:
        suffixes = " ".join(f"*{exporter.suffix}" for exporter in self.session.registry.exporters())
        name, _ = QFileDialog.getOpenFileName(self, "Model", "", f"Models ({suffixes});;All files (*)")
        if name:
            self.set_model_file(name)

    @Slot()
    def _on_back_to_runs(self) -> None:
        self.set_model_file("")

    # --- pictures ------------------------------------------------------------------------------------------

    def add_pictures(self, paths: list[str]) -> None:
        """Files, or folders whose pictures are taken; the listing happens in the background."""
        self.session.background.submit(lambda: pictures_in(paths), self._on_listed)

    def _on_listed(self, found: list[str]) -> None:
        if not found:
            self.problem.set("There is no picture among these files.", "warning")
            return
        self.problem.set("")
        self.list.guesses.add(found)
        self._refresh()
        self._predict()

    def _predict(self) -> None:
        """One job at a time; pictures that came meanwhile, or another model, follow when it ends."""
        waiting = [g.path for g in self.list.guesses.guesses if not g.top and not g.error]
        model = self.model_path
        if not waiting or not model:
            return
        if self._thread is not None:
            self._again = True
            return
        self._again = False
        self.problem.set("")
        self._asked = model
        arguments = {"model": model, "files": waiting, "top": 3}
        self.status.setText(f"looking at {len(waiting)}…")
        self._thread = self.session.start_job("predict", arguments, self.on_event)

    @Slot(object)
    def on_event(self, event: Event) -> None:
        match event:
            case Finished(result=result) if self._asked == self.model_path:
                self.list.guesses.set_answers(answers(result))
            case Failed(sentence=sentence):
                self.problem.set(sentence, "error")
        if event.terminal:
            self._thread = None
            self.status.setText("")
            if self._again:
                self._predict()

    def _refresh(self) -> None:
        model, shots = self.model_path, self.list.guesses.guesses
        self.no_model.setVisible(not model)
        self.drop_here.setVisible(bool(model) and not shots)
        self.card.setVisible(bool(model) and bool(shots))
        self.open_pictures.setVisible(bool(model))
        self.open_model.setVisible(bool(model))
        self.runs.setVisible(self.runs.count() > 0 and not self._file)
        if model:
            self.command_line = shlex.join(["tlstudio", "predict", model]) + " PICTURE.jpg"

    @Slot()
    def _on_open_pictures(self) -> None:
        pattern = " ".join(f"*{suffix}" for suffix in PICTURES)
        names, _ = QFileDialog.getOpenFileNames(self, "Pictures", "", f"Pictures ({pattern});;All files (*)")
        if names:
            self.add_pictures(names)

    @Slot()
    def _on_clear(self) -> None:
        self.list.guesses.clear()
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
            self.add_pictures(paths)
        event.acceptProposedAction()


def pictures_in(paths: list[str]) -> list[str]:
    """The files themselves, whatever their names; of folders, the pictures in them, hidden ones left out."""
    found: list[str] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.suffix.lower() in PICTURES)
            found += [str(p) for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        elif path.is_file():
            found.append(str(path))
    return list(dict.fromkeys(found))[:MOST]


def answers(result: dict[str, Any]) -> dict[str, Guess]:
    """What the job ``predict`` found, by file."""
    found = {}
    for entry in result.get("predictions", []):
        path = str(entry["file"])
        top = tuple((str(row["class"]), float(row["probability"])) for row in entry.get("top", []))
        error = str(entry.get("error", "")) or ("" if top else "There is no answer for this picture.")
        found[path] = Guess(path, top, error)
    return found
