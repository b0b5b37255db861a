"""What the verification of an exported file found."""

from typing import Any

from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from tlstudio.gui.widgets.kit import Banner, Card, ElidedLabel, muted_label

# A figure of the export job's answer, how it is called, and how it is written.
_ROWS = (
    ("images", "Pictures compared", "{}"),
    ("class_agreement", "Same class predicted", "share"),
    ("max_logit_difference", "Largest difference of a logit", "{:.2g}"),
    ("accuracy_before", "Accuracy of the model", "share"),
    ("accuracy_after", "Accuracy of the file", "share"),
    ("size_bytes", "Size", "size"),
)


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

    def show_result(self, result: dict[str, Any]) -> None:
        """``result`` is what the export job answers."""
        self.rows = rows_of(result)
        files = [str(name) for name in result.get("files", [])] or [str(result.get("path", ""))]
        self._fill([*self.rows.items(), ("File" if len(files) == 1 else "Files", "\n".join(files))])
        self.banner.set("The file does what the model does: checked in a process of its own, on real pictures.", "ok")
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


def rows_of(values: dict[str, Any]) -> dict[str, str]:
    """The figures of a verification as titles and texts, those that are there."""
    rows = {}
    for name, title, form in _ROWS:
        value = values.get(name)
        if not isinstance(value, int | float):
            continue
        match form:
            case "share":
                rows[title] = f"{value * 100:.1f} %"
            case "size":
                rows[title] = f"{value / 1e6:.1f} MB"
            case _:
                rows[title] = form.format(value)
    return rows
