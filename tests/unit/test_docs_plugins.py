"""The plugin author's guide is complete, and its code runs."""

import re
import tomllib
import types
from pathlib import Path

import pytest

from tlstudio import api
from tlstudio.api import hookspecs
from tlstudio.registry import KINDS, Registry

GUIDE = (Path(__file__).parents[2] / "docs" / "plugin-guide.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("tlstudio_")])
def test_that_every_hook_is_in_the_guide(hook: str):
    assert f"`{hook}`" in GUIDE
    assert hook.removeprefix("tlstudio_") in KINDS


@pytest.mark.parametrize("descriptor", [kind.__name__ for kind in KINDS.values()])
def test_that_every_descriptor_is_in_the_guide(descriptor: str):
    assert f"`api.{descriptor}`" in GUIDE


def test_that_every_name_that_the_guide_takes_from_the_api_exists():
    names = set(re.findall(r"\bapi\.([A-Za-z_]+)", GUIDE))
    assert len(names) > 15
    assert not [name for name in names if not hasattr(api, name)]


def test_that_the_plugin_in_twenty_lines_works_and_has_about_twenty_lines():
    torch = pytest.importorskip("torch")
    code = PYTHON[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 22
    module = types.ModuleType("tlstudio_top2")
    exec(compile(code, "guide", "exec"), vars(module))
    registry = Registry()
    registry.register("top2", module)
    assert registry.problems == []
    assert registry.get("metrics", "top2_accuracy").factory == "tlstudio_top2:Top2"
    metric = module.Top2(3)
    metric.update(torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), torch.tensor([1, 2]))
    assert metric.compute() == 0.5


def test_that_the_other_examples_of_the_guide_run():
    for code in PYTHON[1:]:
        exec(compile(code, "guide", "exec"), {"__name__": "guide"})


def test_that_the_packaging_example_declares_the_entry_point():
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert tomllib.loads(text)["project"]["entry-points"]["tlstudio"] == {"tlstudio-top2": "tlstudio_top2"}
