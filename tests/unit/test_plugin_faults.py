"""Faults of plugins: each is named in a sentence when the plugin is loaded or checked, and stops nobody else."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlstudio import api, hookimpl
from tlstudio.api.events import Finished
from tlstudio.control import Control
from tlstudio.registry import Registry
from tlstudio.worker import events_of


class Refusing(api.Options):
    count: int = api.option(0, title="Count", help="Of something.", ge=1)


class Listing(api.Options):
    sizes: list[int] = api.option([1], title="Sizes", help="Of something.")


class Sensible(api.Options):
    rate: float | None = api.option(None, title="Rate", help="Of something.")


def method(**values: Any) -> api.MethodDescriptor:
    given = {"id": "mine", "title": "Mine", "description": "For this test.", "factory": "math:sqrt", **values}
    return api.MethodDescriptor(**given)


def registered(descriptor: api.MethodDescriptor) -> Registry:
    registry, module = Registry(), types.ModuleType("made_here")
    module.tlstudio_methods = hookimpl(lambda: [descriptor], specname="tlstudio_methods")  # type: ignore[attr-defined]
    registry.register("made-here", module)
    return registry


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"id": ""}, "its id is ''"),
        ({"id": "a b"}, "its id is 'a b'"),
        ({"factory": "somewhere"}, "must be package.module:attribute"),
        ({"options": {"a": 1}}, "no class made from api.Options"),
        ({"options": Refusing}, "a default that they refuse themselves: 'count' (Count)"),
        ({"options": Listing}, "'sizes' of the type list[int]"),
        ({"needs": "teacher"}, "must be a tuple of source, teacher"),
        ({"takes": ("moon",)}, "must be a tuple of source, teacher"),
    ],
)
def test_that_a_contribution_that_cannot_be_used_is_refused_with_the_reason(values: dict[str, Any], words: str) -> None:
    registry = registered(method(**values))
    assert registry.methods() == []
    assert words in registry.problems[0].sentence


def test_that_a_contribution_that_cannot_say_whether_it_fits_does_not_fit() -> None:
    def supports(task: str, modality: str, profile: api.DatasetProfile | None) -> str | None:
        return None if profile.smallest_class > 3 else "Too few."  # type: ignore[union-attr]

    registry = registered(method(supports=supports, options=Sensible))
    assert not registry.problems
    assert "cannot say whether it fits" in str(registry.method("mine").supports("classification", "image", None))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def install(source: str) -> None:
        (tmp_path / "odd_plugin.py").write_text(source, encoding="utf-8")
        info = tmp_path / "odd-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text("[tlstudio]\nodd = odd_plugin\n")
        monkeypatch.delitem(sys.modules, "odd_plugin", raising=False)

    return install


ODD = """
from tlstudio import api, hookimpl
from tlstudio.api import Phase

class Odd:
    def build(self, context):
        self.model = context.backbone
        return self.model
    def phases(self, context):
        return [Phase(name="a", title="A", epochs=1, groups=())] * 2
    def predictor(self):
        return self.model

def make(name, **values):
    return api.MethodDescriptor(id=name, title=name, description="D", factory="odd_plugin:Odd", **values)

@hookimpl
def tlstudio_methods():
    return [
        make("odd"), make("fine-tuning"), make("odd-texts", supports=lambda *_: "Texts alone."),
        api.MethodDescriptor(id="odd-gone", title="G", description="D", factory="odd_plugin:Gone"),
    ]
"""


def test_that_checking_a_plugin_names_all_its_faults(installed: Callable[[str], None]) -> None:
    installed(ODD)
    events = list(events_of("check-plugin", {"name": "odd"}, Control()))
    assert isinstance(events[-1], Finished)
    result = events[-1].result
    assert result["checked"] == ["methods: odd", "methods: odd-texts", "methods: odd-gone"]
    same, twice, gone = result["problems"]
    assert "both offer a method named 'fine-tuning'" in same
    assert "2 of its phases are called 'a'" in twice
    assert "'odd-gone' could not be loaded" in gone
    assert any("Texts alone." in getattr(event, "text", "") for event in events)


def test_that_a_plugin_that_imports_torch_when_it_is_listed_is_named_and_works(
    installed: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("import torch\n" + ODD)
    (tmp_path / "torch.py").write_text("", encoding="utf-8")  # the real one would be imported a second time
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    registry = Registry.discover()
    assert "'odd' imports torch" in next(p.sentence for p in registry.problems if not p.serious)
    assert registry.method("odd").title == "odd"
    monkeypatch.delitem(sys.modules, "torch")
