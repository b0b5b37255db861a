"""Samples without labels: how they get into a project, and what they are no good for."""

import json
import shutil
from pathlib import Path

import pytest

from tlstudio import runs
from tlstudio.api import UsageError
from tlstudio.api.events import Failed, Finished
from tlstudio.cli import run_command_line
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of
from tlstudio_builtins.formats.unlabelled import Unlabelled


@pytest.fixture
def folder(shades: Path, tmp_path: Path) -> Path:
    """Six pictures, some deeper than others, and a note."""
    out = tmp_path / "found"
    (out / "deep" / "deeper").mkdir(parents=True)
    for number, path in enumerate(sorted((shades / "data").rglob("*.png"))[:6]):
        shutil.copy(path, (out, out / "deep", out / "deep" / "deeper")[number % 3] / f"{number}.png")
    (out / "notes.txt").write_text("which camera this was", encoding="utf-8")
    return out


def test_that_a_folder_of_any_structure_becomes_a_pool_to_train_on(
    shades_project: Project, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(shades_project.path)
    assert run_command_line(["data", "import", project, str(folder), "--name", "pool", "--format", "unlabelled"]) == 0
    info = shades_project.dataset("pool")
    assert info.class_names == ("unlabelled",)
    assert info.split_counts == {"train": 6, "val": 0, "test": 0}
    capsys.readouterr()
    assert run_command_line(["data", "show", project, "pool"]) == 0
    shown = capsys.readouterr().out
    assert "These samples have no labels." in shown
    assert "unlabelled      6" in shown
    shutil.copy(folder / "0.png", folder / "copy.png")
    (folder / "deep" / "new.png").write_bytes((folder / "0.png").read_bytes() + b"more")
    add = ["data", "import", project, str(folder), "--name", "pool", "--format", "unlabelled", "--add", "--json"]
    assert run_command_line(add) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["train"] == shades_project.dataset("pool").profile.items > 6


def test_that_each_line_of_a_text_file_is_a_message(shades_project: Project, tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("call me back\n\nyou have won a prize\nsee you at seven\n", encoding="utf-8")
    arguments = {"project": str(shades_project.path), "source": str(file), "name": "sms", "format": "unlabelled"}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Finished), last
    assert (last.result["modality"], last.result["splits"]["train"]) == ("text", 3)
    assert [item.caption for item in shades_project.view("sms").page(0, 10)] == [
        "call me back", "you have won a prize", "see you at seven"
    ]  # fmt: skip


def test_that_it_is_used_only_where_it_is_asked_for(shades_project: Project, folder: Path) -> None:
    arguments = {"project": str(shades_project.path), "source": str(folder), "name": "guessed"}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Failed)  # pictures without classes are no data set to learn from
    assert Unlabelled().look(folder).sentence == "Pictures without labels: names of folders mean nothing here."
    for descriptor in Registry.discover().formats():
        made = descriptor.load()()
        sure = made.sniff(folder.parent)
        assert descriptor.id == "unlabelled" or sure == 0 or sure > Unlabelled().sniff(folder.parent)


def test_that_nothing_can_be_learnt_of_it_alone_and_methods_that_need_a_pool_say_so(
    shades_project: Project, folder: Path, registry: Registry
) -> None:
    arguments = {"project": str(shades_project.path), "source": str(folder), "name": "pool", "format": "unlabelled"}
    list(events_of("import-data", arguments, Control()))
    with pytest.raises(UsageError, match="no labels to learn from"):
        runs.plan_run(shades_project, registry, dataset="pool", backbone="glyphnet", method="fine-tuning")
    for method in ("self-training", "fixmatch", "flexmatch"):
        with pytest.raises(UsageError, match="--unlabelled"):
            runs.plan_run(shades_project, registry, dataset="shades", backbone="glyphnet", method=method)
        plan = runs.plan_run(
            shades_project, registry, dataset="shades", backbone="glyphnet", method=method, unlabelled="pool"
        )
        assert plan.inputs.unlabelled is not None
        reason = registry.method(method).supports("regression", "image", None)
        assert reason is not None
        assert reason.endswith(".")
