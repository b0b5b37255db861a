"""The arrows between the layers, and what must not be imported where."""

import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "torchmetrics", "sklearn")


def python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)


def test_that_the_import_contracts_hold():
    pytest.importorskip("importlinter")
    code = "import sys; sys.path.insert(0, 'plugins'); from importlinter.cli import lint_imports_command as c; c()"
    done = python("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr


def test_that_no_module_of_the_window_imports_torch():
    pytest.importorskip("PySide6")
    import tlstudio.gui

    names = sorted(m.name for m in pkgutil.walk_packages(tlstudio.gui.__path__, "tlstudio.gui."))
    assert len(names) > 10
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    assert not [h for h in {HEAVY!r} if h in sys.modules], name\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_that_what_plugin_authors_import_brings_neither_torch_nor_qt_nor_numpy():
    code = (
        "import sys, tlstudio.api, tlstudio.api.events, tlstudio.registry\n"
        f"found = [h for h in {(*HEAVY, 'numpy', 'PySide6', 'pyqtgraph')!r} if h in sys.modules]\n"
        "assert not found, found\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", ["methods", "backbones", "metrics", "formats", "exporters", "engines"])
def test_that_a_listing_imports_neither_torch_nor_qt(what: str):
    done = python("-X", "importtime", "-m", "tlstudio", what, "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "tlstudio.registry" in imported
    assert not imported & {*HEAVY, "PySide6", "onnx", "onnxruntime"}


def test_that_activating_the_plugins_of_the_user_imports_next_to_nothing():
    code = (
        "import sys; from tlstudio import installer; installer.activate()\n"
        "assert not [m for m in ('pydantic', 'packaging', 'subprocess', 'pluggy') if m in sys.modules]\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_that_nothing_in_the_application_imports_the_built_in_plugins_under_any_guise():
    assert importlib.util.find_spec("tlstudio_builtins") is not None
    imports = re.compile(r"(import|from)\s+tlstudio_builtins|import_module\([^)]*tlstudio_builtins|__import__\(")
    for path in (ROOT / "tlstudio").rglob("*.py"):
        assert not imports.search(path.read_text(encoding="utf-8")), path


def test_that_a_worker_starts_without_torchs_compiler() -> None:
    """It takes longer to import than all the rest, and nothing needs it, not even an optimizer."""
    code = (
        "import sys\n"
        "from tlstudio.data.light_import import import_torchvision, lighten_optimizers\n"
        "import_torchvision()\n"
        "lighten_optimizers()\n"
        "import tlstudio.training.run, torchvision, torch\n"
        "for kind in (torch.optim.SGD, torch.optim.AdamW):\n"
        "    weight = torch.nn.Parameter(torch.ones(2))\n"
        "    optimizer = kind([weight], lr=0.1)\n"
        "    (weight * weight).sum().backward()\n"
        "    optimizer.step()\n"
        "    optimizer.zero_grad()\n"
        "    optimizer.load_state_dict(optimizer.state_dict())\n"
        "    assert weight.grad is None and (weight < 1).all() and torch.is_grad_enabled()\n"
        "torch.set_deterministic_debug_mode('warn')\n"
        "assert 'torch._dynamo' not in sys.modules, 'somebody imports it'\n"
        "boxes = [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]\n"
        "assert torchvision.ops.roi_align(torch.rand(1, 3, 8, 8), boxes, 2).shape == (1, 3, 2, 2)\n"
        "assert torch.compile(torch.nn.Linear(2, 2), backend='eager')(torch.ones(1, 2)).shape == (1, 2)\n"
        "assert 'torch._dynamo' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
