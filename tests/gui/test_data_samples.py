"""The Data page on sounds, texts, masks and numbers: shown as what they are, changed where that can be done."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from tlstudio.api.events import Finished
from tlstudio.control import Control
from tlstudio.gui.main_window import MainWindow
from tlstudio.gui.models.player import Player
from tlstudio.gui.pages.data import DataPage
from tlstudio.gui.pages.data_label import NO_MASKS
from tlstudio.project import Project
from tlstudio.worker import events_of


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A project with a few real sounds, texts, pictures with masks, with numbers and with several labels."""
    folder = tmp_path_factory.mktemp("kinds")
    for number, digit in enumerate("01"):
        (folder / "sounds" / digit).mkdir(parents=True)
        for file in sorted((shared_data / "fsdd_wav" / digit).iterdir())[number : number + 8]:
            shutil.copy(file, folder / "sounds" / digit)
    lines = (shared_data / "text" / "SMSSpamCollection.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "sms.tsv").write_text("".join(lines[:60]), encoding="utf-8")
    for part in ("image", "label"):
        (folder / "membranes" / part).mkdir(parents=True)
        for number in range(6):
            shutil.copy(shared_data / "em_membrane" / part / f"{number}.png", folder / "membranes" / part)
    table = (shared_data / "bccd" / "labels.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:13]
    (folder / "blood" / "JPEGImages").mkdir(parents=True)
    (folder / "blood" / "labels.csv").write_text("".join(table), encoding="utf-8")
    for row in table[1:]:
        shutil.copy(shared_data / "bccd" / row.partition(",")[0], folder / "blood" / "JPEGImages")
    path = folder / "kinds.tlproj"
    Project.create(path).close()
    for name, arguments in (
        ("sounds", {"source": folder / "sounds", "modality": "audio"}),
        ("texts", {"source": folder / "sms.tsv", "modality": "text"}),
        ("membranes", {"source": folder / "membranes", "task": "segmentation"}),
        ("kinds", {"source": folder / "blood" / "labels.csv", "task": "multilabel"}),
        ("counts", {"source": folder / "blood" / "labels.csv", "task": "regression",
                    "options": {"number_columns": "red_cells"}}),
    ):  # fmt: skip
        given: dict[str, Any] = {**arguments, "source": str(arguments["source"]), "near": False}
        last = list(events_of("import-data", {"project": str(path), "name": name, **given}, Control()))[-1]
        assert isinstance(last, Finished), last
    return path


@pytest.fixture
def page(window: MainWindow, kinds: Path, tmp_path: Path, qtbot: QtBot) -> DataPage:
    path = tmp_path / "kinds.tlproj"
    shutil.copytree(kinds, path)
    with qtbot.waitSignal(window.session.datasets_changed):
        window.session.open_project(path)
    window.show_page("data")
    return cast(DataPage, window.pages.page("data"))


def use(page: DataPage, name: str, qtbot: QtBot) -> None:
    page.session.select_dataset(name)
    model = page.browser.model
    qtbot.waitUntil(lambda: model.dataset == name and model.item(0) is not None, timeout=10_000)


def test_sounds_are_drawn_and_say_why_they_cannot_be_played(page: DataPage, qtbot: QtBot) -> None:
    use(page, "sounds", qtbot)
    item = page.browser.model.item(0)
    assert item is not None
    assert page.header.subtitle.text().startswith("16 sounds · 2 classes")
    qtbot.waitUntil(lambda: page.browser.thumbnails.get(item.sha256) is not None, timeout=20_000)
    page.show_item(0)
    sound = page.detail.sample.sound
    qtbot.waitUntil(lambda: sound.plot.sound is not None, timeout=20_000)
    assert sound.plot.sound is not None
    assert sound.plot.sound.rate == 8000
    assert not sound.plot.sound.spectrogram.isNull()
    assert page.detail.fields["Size"].text().endswith(" s")
    qtbot.waitUntil(lambda: sound._looked)
    assert sound.play_button.isEnabled() == (not sound.player.reason)
    if sound.player.reason:
        assert sound.note.text() == sound.player.reason
        qtbot.keyClick(page.detail, Qt.Key.Key_Space)
        assert not sound.player.playing
    sound.plot.moved.emit(0.1)
    assert sound.time.text().startswith("0.10 / ")


class _Loudspeaker:
    """As fast as a loudspeaker, and as silent as a machine without one."""

    def __init__(self) -> None:
        self.played: list[np.ndarray[Any, Any]] = []

    def query_devices(self, kind: str) -> dict[str, str]:
        return {"kind": kind}

    def OutputStream(self, samplerate: int, channels: int, dtype: str) -> "_Loudspeaker":
        self.rate = samplerate
        return self

    def __enter__(self) -> "_Loudspeaker":
        return self

    def __exit__(self, *_error: object) -> None: ...

    def write(self, chunk: "np.ndarray[Any, Any]") -> None:
        time.sleep(len(chunk) / self.rate)
        self.played.append(chunk)


@pytest.fixture
def loudspeaker(qtbot: QtBot) -> Iterator[SimpleNamespace]:
    library = _Loudspeaker()
    player = Player(backend=lambda: library)
    with qtbot.waitSignal(player.looked):
        player.look()
    yield SimpleNamespace(library=library, player=player)
    player.stop()


def test_a_sound_plays_from_its_cursor_to_its_end_and_stops_at_once(loudspeaker: SimpleNamespace, qtbot: QtBot) -> None:
    player, library = loudspeaker.player, loudspeaker.library
    wave = np.linspace(-1, 1, 4000, dtype=np.float32)
    with qtbot.waitSignal(player.ended):
        player.play(wave, 8000, start=0.3)
    assert sum(map(len, library.played)) == 4000 - 2400
    assert player.position == pytest.approx(0.5)
    library.played.clear()
    player.play(np.zeros(80_000, np.float32), 8000)
    qtbot.waitUntil(lambda: len(library.played) > 1)
    assert player.playing
    player.stop()
    assert not player.playing
    assert player.position < 2


def test_texts_are_cards_and_stand_whole_in_the_detail(page: DataPage, qtbot: QtBot) -> None:
    use(page, "texts", qtbot)
    item = page.browser.model.item(2)
    assert item is not None
    assert item.caption.startswith("Free entry in 2 a wkly comp")
    page.browser.filters.search.setText("wkly comp")
    qtbot.waitUntil(lambda: page.browser.model.count == 1)
    page.show_item(0)
    text = page.detail.sample.text
    qtbot.waitUntil(lambda: "over18's" in text.toPlainText())
    assert text.isVisible()
    assert page.detail.fields["Size"].text().endswith("characters")
    assert page.browser.table.table_columns[2].title == "Text"


def test_masks_lie_over_their_pictures_with_a_legend(page: DataPage, qtbot: QtBot) -> None:
    use(page, "membranes", qtbot)
    page.show_item(0)
    picture, masks = page.detail.sample.picture, page.detail.label.masks
    qtbot.waitUntil(lambda: picture._classes is not None, timeout=10_000)
    assert picture._classes is not None
    assert picture._classes.shape == (512, 512)
    assert masks.shown() == [False, True]  # the background is not painted
    assert "%" in masks._switches[1].text()
    names = {picture.class_at(QPointF(picture.area().center()) + QPointF(x, 0)) for x in range(-90, 90)}
    assert names == {"background", "foreground"}
    masks.slider.setValue(80)
    assert picture.opacity == pytest.approx(0.8)
    qtbot.keyClick(page.detail, Qt.Key.Key_1)
    assert page.browser.footer.note.text() == NO_MASKS
    assert not page.browser.footer.relabel.isEnabled()


def test_a_key_switches_one_of_several_labels(page: DataPage, qtbot: QtBot) -> None:
    use(page, "kinds", qtbot)
    browser = page.browser
    place = page.session.dataset().class_names.index("Platelets")  # type: ignore[union-attr]
    before = browser.model.item(0)
    assert before is not None
    browser.gallery.setFocus()
    for _ in range(2):
        qtbot.keyClick(browser.gallery, str(place + 1))
        assert browser.gallery.current == 0  # there may be more to switch
    qtbot.waitUntil(lambda: not browser.editing.busy)
    assert browser.model.item(0).value == before.value  # type: ignore[union-attr]
    assert "Platelets" in browser.footer.note.text()


def test_a_number_is_typed_and_what_is_none_is_refused(page: DataPage, qtbot: QtBot) -> None:
    use(page, "counts", qtbot)
    qtbot.waitUntil(lambda: bool(page.browser.side.values._bins))
    page.show_item(0)
    field = page.detail.label.fields[0]
    assert field.text() == "19"
    field.setText("many")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert "“many” is no number" in page.detail.label.note.text()
    field.setText("21,5")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.browser.editing.busy)
    project = page.session.project
    assert project is not None
    assert project.view("counts").page(0, 1)[0].value == "[21.5]"
    assert page.detail.fields["File"].text().endswith("00001.jpg")  # the next one
