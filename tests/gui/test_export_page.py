"""The Export page: a real model written, verified, and never in the way of a file that is there."""

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from tests.gui import real_runs
from tlstudio.api.events import Failed
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.export import ExportPage
from tlstudio.gui.pages.export_report import rows_of
from tlstudio.registry import Registry


@pytest.fixture
def export(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> ExportPage:
    window.session.open_project(real_runs.copied_to(tmp_path))
    qtbot.waitUntil(lambda: len(window.session.runs) == 2, timeout=10_000)
    window.show_page("export")
    made = window.pages.page("export")
    assert isinstance(made, ExportPage)
    qtbot.waitUntil(lambda: made.runs.run_id == 2, timeout=10_000)
    return made


def test_that_formats_and_a_file_name_are_offered(export: ExportPage, tmp_path: Path) -> None:
    assert {"onnx", "safetensors"} <= set(export.format_buttons)
    export.format_buttons["onnx"].click()
    assert export.target.text() == str(tmp_path / "digits.tlproj" / "exports" / "digits-glyphnet-run2.onnx")
    assert export.go.isEnabled()
    export.format_buttons["safetensors"].click()
    assert export.target.text().endswith("digits-glyphnet-run2.safetensors")
    assert "--format safetensors" in export.command_line


def test_that_a_file_that_is_there_is_replaced_only_when_asked(export: ExportPage, tmp_path: Path) -> None:
    taken = tmp_path / "model.onnx"
    taken.write_bytes(b"something of mine")
    export.target.setText(str(taken))
    export.target.textEdited.emit(str(taken))
    assert not export.go.isEnabled()
    assert export.exists.label.text() == "This file is there already."
    export.exists.triggered.emit()
    assert export.go.isEnabled()
    assert "--overwrite" in export.command_line
    export.target.setText(str(tmp_path))
    export.target.textEdited.emit(str(tmp_path))
    assert not export.go.isEnabled()
    assert "folder" in export.exists.label.text()


def test_that_a_model_is_exported_and_its_verification_is_shown(
    export: ExportPage, tmp_path: Path, qtbot: QtBot
) -> None:
    target = tmp_path / "out" / "digits.onnx"
    target.parent.mkdir()
    export.format_buttons["onnx"].click()
    export.target.setText(str(target))
    export.target.textEdited.emit(str(target))
    export.go.click()
    assert not export.go.isEnabled()
    qtbot.waitUntil(lambda: not export.panel.busy, timeout=180_000)
    assert export.report.isVisible(), export.panel.banner.label.text()
    assert export.report.banner._tone == "ok"
    assert export.report.rows["Same class predicted"] == "100.0 %"
    assert export.report.rows["Accuracy of the model"] == export.report.rows["Accuracy of the file"]
    assert target.is_file()
    export.copy_command.click()
    assert QGuiApplication.clipboard().text() == f"tlstudio predict {target} PICTURE.jpg"


def test_that_a_failed_export_is_red_with_its_sentence(export: ExportPage) -> None:
    export.on_event(Failed(sentence="The file does not do what the model does.", kind="ExportError"))
    assert export.report.isVisible()
    assert export.report.banner._tone == "error"
    assert export.report.banner.label.text() == "The file does not do what the model does."
    assert not export._after.isVisible()


def test_that_figures_are_written_for_people() -> None:
    found = {"images": 32, "agreement": 0.96875, "max_difference": 1.2e-5, "size_bytes": 5_300_000}
    assert rows_of(found) == {
        "Pictures compared": "32",
        "Same class predicted": "96.9 %",
        "Largest difference of a logit": "1.2e-05",
        "Size": "5.3 MB",
    }
    numbers = {"task": "regression", "modality": "audio", "metric": "mae", "metric_before": 1.25, "metric_after": 1.25}
    assert rows_of({**found, **numbers}, Registry.discover()) == {
        "Sounds compared": "32",
        "Same values predicted": "96.9 %",
        "Largest difference of a value": "1.2e-05",
        "Mean error of the model": "1.25",
        "Mean error of the file": "1.25",
        "Size": "5.3 MB",
    }
