"""Which models can look at a sample in several ways, as the window knows it."""

from pathlib import Path

from tlstudio.gui.pages.results_several import ways
from tlstudio.gui.pages.try_model import Subject, one_way
from tlstudio.registry import Registry


def test_that_a_model_that_can_look_in_one_way_only_says_why(tmp_path: Path) -> None:
    assert ways(tmp_path, "image", "classification", True) == (12, "")
    count, reason = ways(tmp_path, "text", "classification", True)
    assert (count, reason) == (1, "There is one way to look at texts.")
    (tmp_path / "model.json").write_text('{"parameters": {"side": 64}}', encoding="utf-8")
    assert ways(tmp_path, "image", "segmentation", True) == (2, "")
    assert "a mask belongs to the whole" in ways(tmp_path, "image", "segmentation", False)[1]
    registry = Registry.discover()
    assert one_way(registry, Subject("regression"), "mobilenet_v2") == ""
    assert "a number belongs to the whole" in one_way(registry, Subject("regression"), "glyphnet")
    assert one_way(registry, Subject("regression"), "") == ""
