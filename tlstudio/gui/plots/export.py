"""What is in a chart, as a picture, a drawing or a table."""

import csv
from pathlib import Path

from PySide6.QtCore import QBuffer, QPoint, QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QGraphicsView, QMenu

from tlstudio.gui.plots.chart import Chart

FORMATS = {"png": "Picture (PNG)…", "svg": "Drawing (SVG)…", "csv": "Table (CSV)…"}


def write_chart(chart: Chart, path: Path) -> None:
    """Writes ``chart`` in the format that the suffix names. Raises ``OSError`` where it cannot be written."""
    match path.suffix.lower():
        case ".csv":
            _write_csv(chart, path)
        case ".svg":
            write_svg(chart, path, chart.title, chart.colours.background)
        case _:
            if not chart.grab().save(str(path), "PNG"):
                raise OSError(f"The picture could not be written to {path}.")


def write_svg(view: QGraphicsView, path: Path, title: str, background: QColor) -> None:
    """What ``view`` shows, as a drawing. Raises ``OSError``."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    drawing = QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setTitle(title)
    drawing.setSize(view.size())
    drawing.setViewBox(view.rect())
    painter = QPainter(drawing)
    painter.fillRect(view.rect(), background)
    QGraphicsView.render(view, painter, QRectF(view.rect()), view.rect())
    painter.end()
    path.write_bytes(bytes(buffer.data().data()))


def _write_csv(chart: Chart, path: Path) -> None:
    """All points, not those that were decimated for the screen: one row a point."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", chart.x_name, "value"])
        for line in chart.lines.values():
            writer.writerows((line.label, float(x), float(y)) for x, y in zip(line.x, line.y, strict=True))


def ask_and_export(chart: Chart, position: QPoint) -> str:
    """The menu of a right click. Returns a sentence about what was done; empty where nothing was."""
    menu = QMenu(chart)
    actions = {menu.addAction(f"Export {title}"): suffix for suffix, title in FORMATS.items()}
    menu.addSeparator()
    reset = menu.addAction("Reset the view")
    chosen = menu.exec(position)
    if chosen is reset:
        chart.reset_view()
    if chosen not in actions:
        return ""
    suffix = actions[chosen]
    name, _ = QFileDialog.getSaveFileName(
        chart, "Export the plot", f"{chart.title.lower().replace(' ', '-')}.{suffix}", f"*.{suffix}"
    )
    if not name:
        return ""
    path = Path(name).with_suffix(f".{suffix}")
    try:
        write_chart(chart, path)
    except OSError as error:
        return f"The plot could not be written to {path}: {error.strerror or error}. Choose another place."
    return f"The plot was written to {path}."
