"""Results of labels, numbers and masks: what each shows, and the items behind it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from tlstudio import runs
from tlstudio.api.events import Finished
from tlstudio.api.task import TaskInfo
from tlstudio.control import Control
from tlstudio.evaluation import columns, evaluate_predictions, save_predictions, write_results
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.pages.results import ResultsPage
from tlstudio.gui.pages.results_items import ADDED, MISSED
from tlstudio.prediction.masks import write_mask
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of

COUNT = 20


def _pictures(folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    names = [f"{number:02}.png" for number in range(COUNT)]
    for name in names:
        Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(folder / name)
    return names


def _source(folder: Path, task: str) -> Path:
    names = _pictures(folder / "image")
    if task == "segmentation":
        (folder / "label").mkdir()
        for number, name in enumerate(names):
            mask = np.zeros((24, 32), np.uint8)
            mask[: 4 + number // 2] = 255
            Image.fromarray(mask).save(folder / "label" / name)
        return folder
    table = folder / "image" / "table.csv"
    rows = [
        f"{n},{i % 4}" if task == "regression" else f"{n},{('red', 'red|white')[i % 2]}" for i, n in enumerate(names)
    ]
    header = "file,cells" if task == "regression" else "file,labels"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return table


def _scored(place: Path, task: str, outputs_of: Any) -> Path:
    """A project with a data set of ``task`` and run 1, whose outputs are ``outputs_of(targets)``."""
    path, registry = place / "p.tlproj", Registry.discover()
    Project.create(path).close()
    source = _source(place / "data", task)
    arguments = {"project": str(path), "source": str(source), "name": "some", "task": task}
    *_, last = events_of("import-data", arguments, Control())
    assert isinstance(last, Finished), last
    with Project.open(path) as project:
        run = (
            runs.create_run(project, registry, dataset="some", backbone="glyphnet", method="feature-extraction")
            if (task != "segmentation")
            else runs.create_run(project, registry, dataset="some", backbone="glyphnet", method="fine-tuning")
        )
        manifest = project.manifest("some")
        descriptor, part = registry.task(task), manifest.splits["test"]
        info = TaskInfo(class_names=manifest.class_names, mean=(10.0,), std=(5.0,), class_counts=(9, 9))
        if task == "regression":
            info = TaskInfo(class_names=manifest.class_names, mean=(10.0,), std=(5.0,))
        targets = descriptor.load()(info).encode(part.values)
        outputs = outputs_of(targets)
        entry = evaluate_predictions(outputs, targets, task=descriptor, info=info, metrics=registry.metrics())
        words = columns(outputs, targets, task=descriptor, info=info)
        save_predictions(run.dir, "test", outputs, targets, part.item_ids, **words)
        names = list(manifest.class_names)
        write_results(run.dir, {"schema_version": 1, "task": task, "class_names": names, "splits": {"test": entry}})
        project.update_run(run.id, state="finished", metrics={"test": entry["metrics"]})
    return path


def _page(window: MainWindow, path: Path, qtbot: QtBot) -> ResultsPage:
    window.session.open_project(path)
    qtbot.waitUntil(lambda: len(window.session.runs) == 1 and len(window.session.datasets) == 1, timeout=20_000)
    window.show_page("results")
    made = window.pages.page("results")
    assert isinstance(made, ResultsPage)
    qtbot.waitUntil(lambda: made.body._items is not None, timeout=20_000)
    return made


def test_that_labels_are_bars_whose_parts_open_their_items(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    def outputs_of(targets: np.ndarray) -> np.ndarray:
        outputs = np.where(targets > 0, 3.0, -3.0).astype(np.float32)
        outputs[0] = -outputs[0]
        return outputs

    page = _page(window, _scored(tmp_path, "multilabel", outputs_of), qtbot)
    assert page.body.stack.currentWidget() is page.body.labels
    assert page.body.labels.describe(0, MISSED) == "red missed: 1 of 3"
    page.body.labels.choose(0, MISSED)
    qtbot.waitUntil(lambda: page.body.gallery.strip.count() == 1, timeout=20_000)
    (shot,) = page.body.gallery.strip.shots
    assert not shot.right
    assert shot.sure == "5 %"
    assert [kind for kind in (MISSED, ADDED) if page.body.labels._counts[1][kind]] != []
    assert "baseline" in page.cards._cards[0].accessibleName()
    page.grab()


def test_that_numbers_are_points_and_the_furthest_off_come_first(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    errors = np.array([-1, 2, 3, 0.5, 0.25], np.float32)

    def outputs_of(targets: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = targets + errors[: len(targets), None]
        return outputs

    page = _page(window, _scored(tmp_path, "regression", outputs_of), qtbot)
    assert page.body.stack.currentWidget() is page.body.numbers
    strip = page.body.gallery.strip
    qtbot.waitUntil(lambda: strip.count() > 2, timeout=20_000)
    count = strip.count()
    assert [shot.sure for shot in strip.shots[:3]] == ["+3", "+2", "-1"]
    assert page.cards._cards[0].accessibleName().startswith(f"Mean error: {np.abs(errors[:count]).mean():.2f}")
    page.body.numbers.plot.point_chosen.emit(1)
    qtbot.waitUntil(lambda: strip.count() == count - 1, timeout=20_000)
    assert strip.shots[0].row == 1
    page.grab()


def test_that_masks_stand_beside_what_the_model_says_of_them(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    def outputs_of(targets: np.ndarray) -> np.ndarray:
        confusions = np.zeros((len(targets), 2, 2), np.float32)
        confusions[:, 0, 0], confusions[:, 1, 1] = 500, 200
        confusions[:, 1, 0] = 10 * np.arange(len(targets))
        return confusions

    page = _page(window, _scored(tmp_path, "segmentation", outputs_of), qtbot)
    strip, masks = page.body.gallery.strip, page.body.gallery.masks
    qtbot.waitUntil(lambda: strip.count() > 1, timeout=20_000)
    shown = [shot.predicted for shot in strip.shots]
    assert shown == sorted(shown)
    assert page.body.gallery.beside.currentWidget() is masks
    qtbot.waitUntil(lambda: not masks.views["truth"].image.isNull(), timeout=20_000)
    assert masks.views["truth"]._classes is not None
    items = page.body._items
    assert items is not None
    values = dict(zip(items.class_names, items.pixels, strict=True))
    mask = write_mask(np.ones((24, 32), np.uint8), values, tmp_path / "out", "a.png", set())
    masks._for, masks._asked = masks._model, []
    entry = {"file": strip.shots[0].path, "mask": str(mask)}
    masks.on_event(Finished(status="finished", result={"predictions": [entry]}))
    predicted = masks.views["prediction"]._classes
    assert predicted is not None
    assert set(np.unique(predicted)) == {1}
    page.body.matrix.choose(1, 0)
    qtbot.waitUntil(lambda: strip.count() == len(shown) - 1, timeout=20_000)
    page.grab()


@pytest.mark.parametrize("damage", ['{"class_names": [], "splits": []}', "[]"])
def test_that_results_of_another_shape_are_said_in_a_sentence(tmp_path: Path, damage: str) -> None:
    from tlstudio.api.errors import ProjectError
    from tlstudio.gui.pages.results_data import read_results

    (tmp_path / "results.json").write_text(damage, encoding="utf-8")
    with pytest.raises(ProjectError, match="cannot be read"):
        read_results(3, tmp_path)
