"""The gallery: arithmetic, keys, thumbnails; over a hundred thousand pictures."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tlstudio.gui.models import pictures as reading
from tlstudio.gui.models.items import ItemsModel
from tlstudio.gui.models.thumbnails import Thumbnails
from tlstudio.gui.session import Session
from tlstudio.gui.widgets.gallery import Gallery
from tlstudio.gui.widgets.gallery_selection import Selection
from tlstudio.project import ItemFilter, Project
from tlstudio.project.staging import CheckedFile, FoundFile


@pytest.fixture
def project(project_path: Path) -> Iterator[Project]:
    with Project.open(project_path) as opened:
        yield opened


@pytest.fixture
def huge(project: Project, pictures: Path) -> Project:
    """The same pictures 2,800 times, under as many spellings of their paths."""
    spellings = ["".join("./" if copy >> bit & 1 else ".//" for bit in range(12)) for copy in range(2800)]
    files = [f"{file.parent.name}/{way}{file.name}" for file in pictures.rglob("*.png") for way in spellings]
    with project.stage_import("huge") as staging:
        staging.found(FoundFile(path, path.partition("/")[0], "", "") for path in files)
        numbers = list(staging.pending(10_000))
        staging.checked(
            (number, CheckedFile(hashlib.sha256(path.encode()).digest(), 120, 90, 900, 0)) for number, path in numbers
        )
        staging.assign((0, number) for number, _ in numbers)
        staging.publish(
            name="huge", task="classification", modality="image", format="class-folders", root=pictures,
            class_names=["blue", "green", "red"], split_note="", warnings=[],
        )  # fmt: skip
    return project


@pytest.fixture
def gallery(session: Session, pictures: Path, tmp_path: Path, qtbot: QtBot) -> Iterator[Gallery]:
    thumbnails = Thumbnails(tmp_path / "thumbnails")
    view = Gallery(ItemsModel(session.background), thumbnails)
    view.root = str(pictures)
    qtbot.addWidget(view)
    view.resize(700, 500)
    with qtbot.waitExposed(view):
        view.show()
    yield view
    thumbnails.close()


def show(gallery: Gallery, project: Project, qtbot: QtBot, name: str = "shapes", **filters: Any) -> None:
    with qtbot.waitSignal(gallery.model.reset):
        gallery.model.show(project, name, ItemFilter(**filters))


def test_that_every_picture_has_a_place_of_its_own(gallery: Gallery, project: Project, qtbot: QtBot) -> None:
    show(gallery, project, qtbot)
    assert gallery.model.count == 36
    centres = {gallery.rect_of(index).center().toTuple() for index in range(36)}
    assert len(centres) == 36
    for index in gallery.visible_range():
        centre = gallery.rect_of(index).center()
        if gallery.viewport().rect().contains(centre):
            assert gallery.index_at(centre) == index


def test_that_filters_and_search_narrow_what_is_shown(gallery: Gallery, project: Project, qtbot: QtBot) -> None:
    show(gallery, project, qtbot, label="red")
    assert gallery.model.count == 12
    assert {gallery.model.item(i).label for i in range(12)} == {"red"}  # type: ignore[union-attr]
    show(gallery, project, qtbot, search="green_03")
    assert gallery.model.count == 1
    show(gallery, project, qtbot, search="there is no such file")
    assert gallery.model.count == 0


def test_that_keys_move_select_and_activate(gallery: Gallery, project: Project, qtbot: QtBot) -> None:
    show(gallery, project, qtbot)
    gallery.setFocus()
    columns = gallery.columns
    qtbot.keyClick(gallery, Qt.Key.Key_Right)
    qtbot.keyClick(gallery, Qt.Key.Key_Down)
    assert gallery.current == 1 + columns
    qtbot.keyClick(gallery, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert len(gallery.selection) == 2
    qtbot.keyClick(gallery, Qt.Key.Key_End)
    assert gallery.current == 35
    assert gallery.verticalScrollBar().value() == gallery.verticalScrollBar().maximum()
    with qtbot.waitSignal(gallery.activated) as activated:
        qtbot.keyClick(gallery, Qt.Key.Key_Return)
    assert activated.args == [35]
    qtbot.keyClick(gallery, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(gallery.selection) == 36


def test_that_thumbnails_come_from_the_background_and_stay_on_disk(
    gallery: Gallery, project: Project, qtbot: QtBot, tmp_path: Path
) -> None:
    show(gallery, project, qtbot)
    first = gallery.model.item(0)
    assert first is not None
    qtbot.waitUntil(lambda: gallery.thumbnails.get(first.sha256) is not None)
    pixmap = gallery.thumbnails.get(first.sha256)
    assert pixmap is not None
    assert (pixmap.width(), pixmap.height()) == (120, 90)
    stored = tmp_path / "thumbnails" / first.sha256[:2] / f"{first.sha256}.jpg"
    assert stored.is_file()
    qtbot.wait(20)
    centre = gallery.rect_of(0).center()
    shown = gallery.grab().toImage().pixelColor(centre)
    assert shown != gallery.grab().toImage().pixelColor(0, gallery.height() - 1)


@pytest.mark.qt_log_ignore("Unsupported marker", "Corrupt JPEG", "Not a JPEG", extend=True)
def test_that_a_file_that_cannot_be_shown_is_marked_and_stops_nothing(tmp_path: Path, qtbot: QtBot) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff not a picture")
    thumbnails = Thumbnails(None)
    with qtbot.waitSignal(thumbnails.ready):
        thumbnails.want([("a" * 64, str(broken))])
    assert thumbnails.is_broken("a" * 64)
    thumbnails.close()


def test_that_pictures_are_turned_upright_and_fitted(tmp_path: Path) -> None:
    from PIL import Image

    turned = Image.new("RGB", (400, 200), "red")
    exif = turned.getexif()
    exif[0x0112] = 6  # turn by a quarter
    turned.save(tmp_path / "turned.jpg", exif=exif)
    upright = reading.read(tmp_path / "turned.jpg", QSize(100, 100))
    assert (upright.width(), upright.height()) == (50, 100)
    Image.new("CMYK", (300, 300)).save(tmp_path / "print.tif")
    assert not reading.read(tmp_path / "print.tif", QSize(64, 64)).isNull()
    assert reading.read(tmp_path / "nothing.png", QSize(64, 64)).isNull()


@pytest.mark.slow
def test_that_a_hundred_thousand_pictures_scroll_without_a_wait(gallery: Gallery, huge: Project, qtbot: QtBot) -> None:
    show(gallery, huge, qtbot, "huge")
    assert gallery.model.count == 100_800
    bar = gallery.verticalScrollBar()
    image = QImage(gallery.viewport().size(), QImage.Format.Format_RGB32)
    took = []
    for step in range(60):
        bar.setValue(bar.maximum() * step // 60)
        begin = time.perf_counter()
        gallery.viewport().render(image)
        took.append(time.perf_counter() - begin)
    took.sort()
    assert took[len(took) // 2] < 0.016
    gallery.set_current(100_799)
    qtbot.waitUntil(lambda: gallery.model.item(100_799) is not None)
    assert gallery.index_at(gallery.rect_of(100_799).center()) == 100_799


def test_that_selecting_everything_costs_nothing() -> None:
    selection = Selection()
    selection.select_all(100_000)
    assert len(selection) == 100_000
    assert 99_999 in selection
    selection.move(0, 5)
    assert len(selection) == 1
    selection.move(5, 9, extend=True)
    selection.move(9, 7, extend=True)
    assert [i for i in range(12) if i in selection] == [5, 6, 7]
    selection.move(7, 6, toggle=True)
    assert [i for i in range(12) if i in selection] == [5, 7]
