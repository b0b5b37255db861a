"""``tlstudio data doctor``, and how a report reads."""

import json
from pathlib import Path

import pytest

from tlstudio.cli import run_command_line
from tlstudio.doctor.findings import Report, finding, item
from tlstudio.doctor.report import as_text
from tlstudio.project import Project


def test_that_the_command_prints_a_report_and_writes_it(
    shades_project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    project = str(shades_project.path)
    out = tmp_path / "report.txt"
    assert run_command_line(["data", "doctor", project, "shades", "--quick", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("shades, revision 1: 24 items.")
    assert "± " in printed
    assert "--quick leaves that out" in printed
    assert out.read_text("utf-8") == printed
    out = tmp_path / "report.json"
    assert run_command_line(["data", "doctor", project, "shades", "--quick", "--json", "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads(out.read_text("utf-8")) == shades_project.report("shades")
    assert {"dataset", "revision", "items", "healthy", "findings", "skipped", "seconds"} <= set(report)


def test_that_wrong_wishes_are_sentences(shades_project: Project, capsys: pytest.CaptureFixture[str]):
    project = str(shades_project.path)
    assert run_command_line(["data", "doctor", project, "shapes", "--quick"]) == 1
    assert "has no data set 'shapes'" in capsys.readouterr().err
    assert run_command_line(["data", "doctor", project, "shades", "--quick", "--against", "shades"]) == 2
    assert "--quick" in capsys.readouterr().err


def test_that_a_report_shows_ten_examples_and_no_odd_characters():
    listed = [item(n, f"new\nline \udce9 {n}.jpg", "a", "It is odd.") for n in range(1, 14)]
    report: Report = {
        "dataset": "d", "revision": 3, "items": 1234, "excluded": 2, "root": "/", "root_found": True, "healthy": False,
        "pairs": [], "quick": False, "backbone": "glyphnet", "weights": "bundled", "against": "",
        "findings": [finding("leaks", "problem", "13 pictures leak.", "Split anew.", listed)],
        "skipped": [], "seconds": 1.5,
    }  # fmt: skip
    text = as_text(report)
    assert "1,234 items, 2 more are excluded" in text
    assert " !!  13 pictures leak.\n     Split anew.\n       new\\nline \\udce9 1.jpg (a): It is odd.\n" in text
    assert "and 3 more" in text
    assert "features of glyphnet (bundled)" in text
