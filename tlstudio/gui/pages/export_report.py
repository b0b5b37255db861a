"""What the verification of an exported file found."""

from typing import Any

from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from tlstudio.api.metric import MetricDescriptor
from tlstudio.gui.widgets.kit import Banner, Card, ElidedLabel, muted_label
from tlstudio.registry import Registry

_SAME = {
    "classification": "Same class predicted",
    "multilabel": "Same labels predicted",
    "regression": "Same values predicted",
    "segmentation": "Pixels of the same class",
}
_ANSWER = {"regression": "Largest difference of a value"}


class ExportReport(Card):
    """Green with its figures, or red with a sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Verification", parent)
        self.banner = Banner("ok")
        self.body.addWidget(self.banner)
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(4, 4, 4, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self.body.addWidget(self._table)
        self.rows: dict[str, str] = {}
        self.hide()

    def show_result(self, result: dict[str, Any], registry: Registry | None = None) -> None:
        """``result`` is what the export job answers."""
        self.rows = rows_of(result, registry)
        files = [str(name) for name in result.get("files", [])] or [str(result.get("path", ""))]
        self._fill([*self.rows.items(), ("File" if len(files) == 1 else "Files", "\n".join(files))])
        self.banner.set("The file does what the model does: checked in a process of its own, on real data.", "ok")
        self._table.show()
        self.show()

    def show_failure(self, sentence: str) -> None:
        self.rows = {}
        self.banner.set(sentence, "error")
        self._table.hide()
        self.show()

    def _fill(self, rows: list[tuple[str, str]]) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for row, (title, text) in enumerate(rows):
            value: QLabel = QLabel(text) if "\n" in text else ElidedLabel(text)
            value.setAccessibleName(f"{title}: {text}")
            self._grid.addWidget(muted_label(title, wrap=False), row, 0)
            self._grid.addWidget(value, row, 1)


def rows_of(values: dict[str, Any], registry: Registry | None = None) -> dict[str, str]:
    """The figures of a verification as titles and texts, those that are there. ``registry`` knows the words."""
    task, metric = str(values.get("task", "classification")), str(values.get("metric", "accuracy"))
    descriptor: MetricDescriptor | None = None
    noun = "pictures"
    if registry is not None:
        descriptor = next((one for one in registry.metrics() if one.id == metric), None)
        known = {one.id: one.noun[1] for one in registry.modalities()}
        noun = known.get(str(values.get("modality", "image")), "samples")
    title = descriptor.title if descriptor else "Accuracy"
    percent = descriptor.percent if descriptor else True
    rows = {
        f"{noun.capitalize()} compared": _text(values.get("images"), "{}"),
        _SAME.get(task, "Same answer"): _text(values.get("agreement"), "share"),
        _ANSWER.get(task, "Largest difference of a logit"): _text(values.get("max_difference"), "{:.2g}"),
        f"{title} of the model": _text(values.get("metric_before"), "share" if percent else "{:.4g}"),
        f"{title} of the file": _text(values.get("metric_after"), "share" if percent else "{:.4g}"),
        "Size": _text(values.get("size_bytes"), "size"),
    }
    return {name: text for name, text in rows.items() if text}


def _text(value: object, form: str) -> str:
    if not isinstance(value, int | float):
        return ""
    match form:
        case "share":
            return f"{value * 100:.1f} %"
        case "size":
            return f"{value / 1e6:.1f} MB"
        case _:
            return form.format(value)
