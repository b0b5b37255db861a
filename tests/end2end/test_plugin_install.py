"""The example plugin, through the real command line, into a fresh home: installed, used in a run, removed."""

import importlib.metadata
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "plugins" / "tlstudio-example"

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> Cli:
    def call(*arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tlstudio", *map(str, arguments)]
        environment = {**os.environ, "TLSTUDIO_HOME": str(home)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=280)

    return call


def answer(done: "subprocess.CompletedProcess[str]") -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ids(home: Path) -> dict[str, set[str]]:
    """Of the methods, backbones and metrics that a fresh process lists."""
    code = (
        "from tlstudio import installer\nfrom tlstudio.cli import run_command_line\ninstaller.activate()\n"
        "for kind in ('methods', 'backbones', 'metrics'):\n    run_command_line([kind, '--json'])\n"
    )
    environment = {**os.environ, "TLSTUDIO_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    answers = {kind: entries for line in done.stdout.splitlines() for kind, entries in json.loads(line).items()}
    return {kind: {entry["id"] for entry in answers[kind]} for kind in ("methods", "backbones", "metrics")}


VERSIONS = (
    "import importlib.metadata as m, sys, torch, torchvision\n"
    "assert torch.__version__.startswith(m.version('torch')), torch.__version__\n"
    "assert torchvision.__version__.startswith(m.version('torchvision')), torchvision.__version__\n"
    "sys.stdout.write(str(sorted((d.name, d.version) for d in m.distributions())))\n"
)


def versions() -> str:
    """Of everything in the application's own environment."""
    return str(sorted((found.name, found.version) for found in importlib.metadata.distributions()))


def versions_of_a_fresh_process() -> str:
    """Likewise, with torch really imported, which is the one that is installed."""
    code = [sys.executable, "-c", VERSIONS]
    return subprocess.run(code, capture_output=True, text=True, check=True, timeout=120).stdout


def everything_below(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name != "lock"}


def make_plugin(folder: Path, name: str, source: str, requires: tuple[str, ...] = ()) -> Path:
    module = name.replace("-", "_")
    project = folder / name
    (project / module).mkdir(parents=True)
    (project / module / "__init__.py").write_text(textwrap.dedent(source))
    (project / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["hatchling>=1.26"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "0.1"\ndependencies = {json.dumps(requires)}\n'
        f'[project.entry-points.tlstudio]\n{name} = "{module}"\n'
    )
    return project


def make_pictures(folder: Path) -> Path:
    """Two classes of 20 pictures: reddish and bluish, with noise."""
    np = pytest.importorskip("numpy")
    image = pytest.importorskip("PIL.Image")
    generator = np.random.default_rng(0)
    for label, colour in (("red", (180, 60, 60)), ("blue", (60, 60, 180))):
        (folder / label).mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(generator.normal(colour, 40, (48, 48, 3)), 0, 255).astype("uint8")
            image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.mark.slow
def test_that_the_example_plugin_is_installed_used_in_a_run_and_removed(cli: Cli, home: Path, tmp_path: Path):
    sources = everything_below(EXAMPLE)
    installed = answer(cli("plugins", "install", EXAMPLE, "--json"))
    assert installed["installed"] == ["tlstudio-example==0.1.0"]
    assert "methods: example-nearest-centroid" in installed["contributions"]
    assert everything_below(EXAMPLE) == sources
    listed = ids(home)
    assert "example-nearest-centroid" in listed["methods"]
    assert "example-convnet" in listed["backbones"]
    assert "cohen_kappa" in listed["metrics"]

    project, data = tmp_path / "colours.tlproj", make_pictures(tmp_path / "colours")
    assert cli("project", "create", project).returncode == 0
    answer(cli("data", "import", project, data, "--name", "colours", "--json"))
    # fmt: off
    run = answer(cli("train", project, "--dataset", "colours", "--backbone", "example-convnet",
                     "--method", "example-nearest-centroid", "--set", "shrinkage=0.1", "--json"))
    # fmt: on
    assert run["status"] == "finished"
    assert run["metrics"]["test"]["accuracy"] > 0.9
    assert run["metrics"]["val"]["cohen_kappa"] > 0.8
    assert Path(run["model"]).is_file()
    spec = json.loads((project / "runs" / str(run["run"]) / "spec.json").read_text())
    assert spec["plugins"]["tlstudio-example"] == "0.1.0"

    assert answer(cli("plugins", "uninstall", "tlstudio-example", "--json"))["removed"] == ["tlstudio-example==0.1.0"]
    listed = ids(home)
    assert "example-nearest-centroid" not in listed["methods"]
    assert "feature-extraction" in listed["methods"]
    # The run stays readable without the plugin that made it.
    assert answer(cli("runs", project, "--json"))["runs"][0]["status"] == "finished"


@pytest.mark.slow
def test_that_plugins_that_do_not_work_are_refused_and_one_that_fails_later_is_named_while_the_others_work(
    cli: Cli, home: Path, tmp_path: Path
):
    answer(cli("plugins", "install", EXAMPLE, "--json"))
    before = everything_below(home / "plugins"), versions()

    broken = make_plugin(tmp_path, "broken-plugin", "raise RuntimeError('no luck today')")
    refused = cli("plugins", "install", broken, "--json")
    assert refused.returncode == 1
    assert "'broken-plugin' was not installed, and everything is as it was" in refused.stderr
    assert "no luck today" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""

    greedy = make_plugin(tmp_path, "greedy-plugin", "", requires=("torch<2",))
    refused = cli("plugins", "install", greedy, "--json")
    assert refused.returncode == 1
    assert "greedy-plugin needs torch<2" in refused.stderr

    assert (everything_below(home / "plugins"), versions_of_a_fresh_process()) == before
    listed = answer(cli("plugins", "list", "--json"))
    assert {p["name"]: p["state"] for p in listed["plugins"]}["tlstudio-example"] == "loaded"
    assert not [p for p in listed["problems"] if p["plugin"] == "tlstudio-example"]

    source = """
        import os
        from tlstudio import api, hookimpl

        @hookimpl
        def tlstudio_metrics():
            if os.environ.get("WEATHER") == "bad":
                raise OSError("the licence server does not answer")
            return [api.MetricDescriptor(id="weather", title="W", description="W", factory="math:sqrt")]
    """
    answer(cli("plugins", "install", make_plugin(tmp_path, "moody-plugin", source), "--json"))
    assert {"weather", "cohen_kappa"} <= ids(home)["metrics"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEATHER", "bad")
        found = ids(home)["metrics"]
        assert "cohen_kappa" in found
        assert "weather" not in found
        (problem,) = [p for p in answer(cli("plugins", "list", "--json"))["problems"] if p["plugin"] == "moody-plugin"]
    assert "the licence server does not answer" in problem["sentence"]
    assert "Traceback" in problem["traceback"]
