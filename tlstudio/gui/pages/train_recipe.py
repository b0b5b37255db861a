"""Above the options: a published recipe that fills them in. They stay editable, and what was changed is said."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QLabel, QWidget

from tlstudio import recipes
from tlstudio.api.errors import StudioError
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.recipe import RecipeFacts
from tlstudio.gui.options_fields import spell
from tlstudio.gui.options_form import OptionsForm
from tlstudio.gui.pages.train_backbones import BackboneList
from tlstudio.gui.pages.train_combo import combo
from tlstudio.gui.pages.train_grid import in_line
from tlstudio.gui.pages.train_methods import MethodList
from tlstudio.gui.pages.train_sweep import SweepForm
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.kit import small_label

_DEFAULT = "Studio default"


class RecipeLine(QWidget):
    """Hidden where the method has no recipes. ``filled`` when a recipe has filled in the form.

    What depends on the data is computed in the background; where data or backbone change, a recipe whose values were
    not touched fills in those for the new ones.
    """

    filled = Signal()

    def __init__(
        self,
        session: Session,
        form: OptionsForm,
        backbones: BackboneList,
        methods: MethodList,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._form, self._backbones, self._methods = session, form, backbones, methods
        self._method: MethodDescriptor | None = None
        self._kept: dict[str, recipes.Filled] = {}  # by method
        self._facts: RecipeFacts | None = None
        self._asked: tuple[str, ...] = ()
        self._ticket = 0
        self.box = combo("Recipe", "Published values for the options below; they stay editable")
        self.note = small_label()
        label = QLabel("Recipe")
        label.setBuddy(self.box)
        grid = in_line(self, below=6)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.box, 0, 1)
        grid.addWidget(self.note, 1, 0, 1, 2)
        self.box.activated.connect(self._on_activated)
        form.changed.connect(self._on_form_changed)
        methods.chosen.connect(self._on_method)
        backbones.chosen.connect(self._look)
        session.datasets_changed.connect(self._look)
        session.selected_dataset_changed.connect(self._look)
        self.hide()

    @property
    def current(self) -> str:
        """The id of the recipe that the options began with; empty where they began with the defaults."""
        return self._filled.recipe.id if self._filled else ""

    def request(self, sweep: SweepForm) -> dict[str, Any]:
        """The recipe, and the options that runs are asked for: with a recipe all of them, else what is not default."""
        options = self._form.values() if self._filled else self._form.changed_values()
        return {"recipe": self.current, "options": sweep.choices(options)}

    def for_comparison(self) -> dict[str, dict[str, Any]]:
        """The options by the name of the method, with its recipe behind it, as a comparison is asked for them."""
        if self._method is None or not self._form.is_valid:
            return {}
        name = f"{self._method.id}:{self.current}" if self.current else self._method.id
        return {name: self._settings()}

    def _settings(self) -> dict[str, Any]:
        """Options that are not as the recipe gave them, or the defaults."""
        if (filled := self._filled) is None:
            return self._form.changed_values()
        return {name: value for name, value in self._form.values().items() if value != filled.values[name]}

    def flags(self) -> list[str]:
        """As the command line is told of it."""
        words = ["--recipe", self.current] if self.current else []
        for name, value in self._settings().items():
            words += ["--set", f"{name}={spell(value)}"]
        return words

    def set_values(self, values: dict[str, Any]) -> None:
        """Values from elsewhere, which are of no recipe."""
        self._forget()
        self._form.set_values(values)

    @Slot()
    def reset(self) -> None:
        self._forget()
        self._form.reset()

    def choose(self, recipe: str) -> None:
        """Fills in the form, at once where the facts are known; a recipe that is none is the default."""
        self.box.setCurrentIndex(max(0, self.box.findData(recipe)))
        self._on_activated(self.box.currentIndex())

    # --- inside --------------------------------------------------------------------------------------------

    @property
    def _filled(self) -> recipes.Filled | None:
        return self._kept.get(self._method.id) if self._method else None

    def _forget(self) -> None:
        if self._method is not None:
            self._kept.pop(self._method.id, None)
        self.box.setCurrentIndex(0)
        self._say()

    @Slot(str)
    def _on_method(self, method: str) -> None:
        self._method = self._session.registry.method(method)
        self.setVisible(bool(self._method.recipes))
        self.box.clear()
        self.box.addItem(_DEFAULT, "")
        for recipe in self._method.recipes:
            self.box.addItem(recipe.title, recipe.id)
        self.box.setCurrentIndex(max(0, self.box.findData(self.current)))
        self._asked = ()
        self._look()

    @Slot()
    def _look(self, _name: str = "") -> None:
        """Asks for the facts where data, backbone or method are others than before."""
        project, dataset, choice = self._session.project, self._session.dataset(), self._backbones.current
        method, registry = self._method, self._session.registry
        if project is None or dataset is None or choice is None or method is None or not method.recipes:
            return
        asked = (method.id, dataset.name, str(dataset.revision), choice.key)
        if asked == self._asked:
            return
        self._asked, self._facts = asked, None
        self._ticket += 1
        ticket, backbone, weights = self._ticket, choice.backbone, choice.weights
        self._session.background.submit(
            lambda: (ticket, recipes.gather(project, registry, dataset.name, backbone, weights)),
            self._on_facts,
            lambda _sentence: None,  # planning the run says the same
        )

    def _on_facts(self, answer: tuple[int, RecipeFacts]) -> None:
        if answer[0] != self._ticket or self._method is None:
            return
        self._facts = answer[1]
        model = self.box.model()
        assert isinstance(model, QStandardItemModel)
        for row, recipe in enumerate(self._method.recipes, 1):
            reason = recipes.reason_against(self._method, recipe, self._facts)
            model.item(row).setEnabled(not reason)
            model.item(row).setToolTip(reason or recipe.description)
        wanted, before = str(self.box.currentData() or ""), self._filled
        if wanted and (before is None or before.recipe.id != wanted or self._form.values() == before.values):
            self._fill(wanted)
        self._say()

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        wanted = str(self.box.itemData(index) or "")
        if not wanted:
            self.reset()
        elif self._facts is not None:
            self._fill(wanted)

    def _fill(self, recipe: str) -> None:
        if self._method is None or self._facts is None:
            return
        try:
            filled = recipes.fill(self._method, recipe, self._facts)
        except StudioError as error:
            self._forget()
            self.note.setText(str(error))
            self.note.show()
            return
        self._kept[self._method.id] = filled
        self._form.set_values(filled.values)
        self._form.changed.emit()
        self.filled.emit()

    @Slot()
    def _on_form_changed(self) -> None:
        self._say()

    def _say(self) -> None:
        filled = self._filled
        if filled is None:
            self.note.hide()
            return
        fields = self._form_titles()
        changed = [
            f"{fields.get(name, name)} {spell(value)} instead of {spell(filled.values[name])}"
            for name, value in self._form.values().items()
            if name in filled.values and value != filled.values[name]
        ]
        parts = [f"You changed: {', '.join(changed)}." if changed else "", filled.recipe.description, filled.remark]
        self.note.setText("\n".join(part for part in parts if part))
        self.note.setToolTip(f"Source: {filled.recipe.source}")
        self.note.show()

    def _form_titles(self) -> dict[str, str]:
        if self._method is None:
            return {}
        return {name: info.title or name for name, info in self._method.options.model_fields.items()}
