import dataclasses
import importlib.metadata
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlstudio import api, hookimpl
from tlstudio.registry import BUILTINS, Registry


def metric(identifier: str, **changes: Any) -> api.MetricDescriptor:
    descriptor = api.MetricDescriptor(id=identifier, title="T", description="D", factory="math:sqrt")
    return dataclasses.replace(descriptor, **changes)


def plugin(**hooks: Callable[[], Any]) -> types.ModuleType:
    module = types.ModuleType("made_here")
    for name, function in hooks.items():
        setattr(module, f"tlstudio_{name}", hookimpl(function))
    return module


def raising() -> Any:
    raise RuntimeError("the plugin's own fault")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a plugin on the import path as an installer would: a module and its entry point."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def install(name: str, source: str) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[tlstudio]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def source(identifier: str) -> str:
    return (
        "from tlstudio import api, hookimpl\n"
        "@hookimpl\n"
        "def tlstudio_metrics():\n"
        f"    return [api.MetricDescriptor(id='{identifier}', title='T', description='D', factory='math:sqrt')]\n"
    )


def test_that_a_hook_that_raises_is_named_with_its_traceback_and_stops_nobody_else():
    registry = Registry()
    registry.register("before", plugin(metrics=lambda: [metric("a")]))
    registry.register("broken", plugin(metrics=raising))
    registry.register("after", plugin(metrics=lambda: [metric("b")]))
    assert [d.id for d in registry.metrics()] == ["a", "b"]
    (problem,) = registry.problems
    assert problem.plugin == "broken"
    assert "'broken' failed while listing its metrics: RuntimeError: the plugin's own fault." in problem.sentence
    assert "in raising" in problem.traceback
    assert {p.name: p.state for p in registry.plugins} == {"before": "loaded", "broken": "failed", "after": "loaded"}


def test_that_a_plugin_with_one_bad_hook_keeps_its_good_ones():
    registry = Registry()
    registry.register("half", plugin(metrics=lambda: [metric("a")], methods=raising))
    assert [d.id for d in registry.metrics()] == ["a"]
    assert len(registry.problems) == 1
    assert registry.plugins[0].contributions == ("metrics: a",)


def test_that_two_plugins_with_the_same_id_are_both_named_and_the_first_is_kept():
    registry = Registry()
    registry.register("first", plugin(metrics=lambda: [metric("same", title="One")]))
    registry.register("second", plugin(metrics=lambda: [metric("same", title="Two"), metric("own")]))
    (problem,) = registry.problems
    assert "'first'" in problem.sentence
    assert "'second'" in problem.sentence
    assert "'same'" in problem.sentence
    assert registry.get("metrics", "same").title == "One"
    assert registry.owner("metrics", "own").name == "second"


@pytest.mark.parametrize("wrong", ["accuracy", None, metric("x")])
def test_that_something_that_is_no_descriptor_of_its_kind_is_named(wrong: Any):
    registry = Registry()
    registry.register("confused", plugin(methods=lambda: [wrong]))
    assert registry.methods() == []
    assert "a MethodDescriptor is needed" in registry.problems[0].sentence
    assert "confused" in registry.problems[0].sentence


def test_that_a_hook_that_returns_no_list_is_a_problem_of_its_plugin():
    registry = Registry()
    registry.register("confused", plugin(metrics=lambda: None))
    assert registry.problems[0].plugin == "confused"


def test_that_an_unknown_id_lists_what_there_is_and_spelling_with_hyphens_does_not_matter():
    registry = Registry()
    registry.register("p", plugin(metrics=lambda: [metric("top_two"), metric("other")]))
    assert registry.get("metrics", "Top-Two").id == "top_two"
    with pytest.raises(api.UsageError, match=r"no metric 'nothing'\. There are: other, top_two\."):
        registry.get("metrics", "nothing")


def test_that_a_plugin_that_cannot_be_imported_is_listed_as_failed_and_the_others_work(installed):
    installed("a-broken-one", "raise ImportError('libmissing is not here')")
    installed("a-good-one", source("good_metric"))
    registry = Registry.discover()
    states = {p.name: p.state for p in registry.plugins}
    assert states["a-broken-one"] == "failed"
    assert states["a-good-one"] == "loaded"
    (problem,) = [p for p in registry.problems if p.plugin == "a-broken-one"]
    assert "libmissing is not here" in problem.sentence
    assert "Traceback" in problem.traceback
    assert registry.owner("metrics", "good_metric").version == "1.2"
    assert BUILTINS in states


def test_that_safe_mode_loads_the_built_ins_alone(installed, monkeypatch: pytest.MonkeyPatch):
    installed("a-broken-one", "raise ImportError('never imported')")
    assert [p.name for p in Registry.discover(safe_mode=True).plugins] == [BUILTINS]
    monkeypatch.setenv("TLSTUDIO_SAFE_MODE", "1")
    assert [p.name for p in Registry.discover().plugins] == [BUILTINS]


def test_that_a_disabled_plugin_is_listed_but_not_imported(installed):
    installed("a-good-one", source("good_metric"))
    installed("an-idle-one", "raise AssertionError('imported although disabled')")
    registry = Registry.discover(disabled=["an-idle-one", BUILTINS])
    states = {p.name: p.state for p in registry.plugins}
    assert states["an-idle-one"] == "disabled"
    assert states[BUILTINS] == "loaded"
    assert not [p for p in registry.problems if p.plugin == "an-idle-one"]


def test_that_a_worker_loads_only_the_plugins_of_its_run(installed):
    installed("wanted", source("wanted_metric"))
    installed("unwanted", source("unwanted_metric"))
    registry = Registry.discover(only=["wanted"])
    assert {p.name for p in registry.plugins} == {BUILTINS, "wanted"}


def test_that_the_built_ins_come_through_the_entry_point_group_and_bring_no_problem():
    entries = importlib.metadata.entry_points(group="tlstudio")
    assert BUILTINS in {entry.name for entry in entries}
    registry = Registry.discover(safe_mode=True)
    assert registry.problems == []
    assert registry.plugins[0].name == BUILTINS
    for kind in ("backbones", "methods", "metrics", "formats", "exporters", "engines"):
        assert registry.all(kind), kind
