"""Previews of samples: made in the background, kept in memory up to a bound, and on disk in the project's cache."""

import contextlib
import logging
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QImageWriter, QPainter, QPainterPath, QPixmap

from tlstudio import places
from tlstudio.api.errors import StudioError
from tlstudio.gui.models import pictures

if TYPE_CHECKING:
    from tlstudio.project import Item

log = logging.getLogger(__name__)

EDGE = 256  # pixels of the longer side on disk and in memory
MEMORY = 256 * 1024 * 1024  # bytes of pixels kept
_FITTED = 600  # pixmaps kept in the size in which they are painted


class Thumbnails(QObject):
    """``get`` answers from memory or asks for the preview; ``ready`` says which key has arrived.

    ``want`` replaces everything that still waits, so that fast scrolling never piles up work. Without
    :meth:`set_preview` every sample is taken for a picture.
    """

    ready = Signal(str)

    _made = Signal(str, QImage)

    def __init__(self, folder: Path | None, parent: QObject | None = None, threads: int = 2) -> None:
        super().__init__(parent)
        self._folder = folder
        self._preview: pictures.Preview | None = None
        self._kept: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._bytes = 0
        self._fitted: OrderedDict[str, QPixmap] = OrderedDict()
        self._fitted_as = (QSize(), 0, 1.0)
        self._waiting: OrderedDict[str, str] = OrderedDict()  # key -> place of the sample
        self._working: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="thumbnails")
        self.destroyed.connect(_Ender(self._pool))
        self._threads = threads
        self._closed = False
        self._active = 0
        self._made.connect(self._on_made)

    def set_folder(self, folder: Path | None) -> None:
        """The project's folder for previews; ``None`` keeps them in memory only."""
        if folder != self._folder:
            self._folder = folder
            self._forget()

    def set_preview(self, preview: pictures.Preview | None) -> None:
        """How previews are made: ``Modality.preview`` of what the data set holds."""
        if preview != self._preview:
            self._preview = preview
            self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self._fitted.clear()
        self._bytes = 0
        with self._lock:
            self._waiting.clear()

    @staticmethod
    def key_of(item: "Item") -> str:
        """Equal content looks alike."""
        return item.sha256

    def get(self, key: str) -> QPixmap | None:
        """From memory; ``None`` where it is not there or the sample has no picture (see :meth:`is_broken`)."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def fitted(self, key: str, size: QSize, radius: int, ratio: float = 1.0) -> QPixmap | None:
        """As :meth:`get`, the middle of it cut to ``size`` with round corners: painting it costs next to nothing.
        ``ratio``: device pixels for each pixel.
        """
        if (size, radius, ratio) != self._fitted_as:
            self._fitted_as = (QSize(size), radius, ratio)
            self._fitted.clear()
        made = self._fitted.get(key)
        if made is None:
            whole = self.get(key)
            if whole is None:
                return None
            made = self._fitted[key] = _cut(whole, size, radius, ratio)
            if len(self._fitted) > _FITTED:
                self._fitted.popitem(last=False)
        return made

    def is_broken(self, key: str) -> bool:
        return key in self._kept and self._kept[key] is None

    def want(self, samples: list[tuple[str, str]]) -> None:
        """``(key, place)`` of what is on the screen now, the most urgent first."""
        if self._closed:
            return
        with self._lock:
            self._waiting = OrderedDict(
                (key, path) for key, path in samples if key not in self._kept and key not in self._working
            )
            idle = min(self._threads - self._active, len(self._waiting))
            self._active += idle
        for _ in range(idle):
            self._pool.submit(self._work)

    def close(self) -> None:
        self._closed = True
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    # ---- in the worker's thread

    def _work(self) -> None:
        while shiboken6.isValid(self):
            task = self._take()
            if task is None:
                return
            try:
                image = self._make(*task)
            except Exception:
                log.exception("No preview of %s could be made", places.printable(task[1]))
                image = QImage()
            if shiboken6.isValid(self):
                self._made.emit(task[0], image)

    def _take(self) -> tuple[str, str] | None:
        with self._lock:
            if not self._waiting:
                self._active -= 1
                return None
            key, path = self._waiting.popitem(last=False)
            self._working.add(key)
            return key, path

    def _make(self, key: str, path: str) -> QImage:
        cached = self._folder / key[:2] / f"{key}.jpg" if self._folder else None
        if cached is not None and cached.is_file():
            image = QImage(str(cached))
            if not image.isNull():
                return image
        image = self._read(path)
        if not image.isNull() and cached is not None:
            _save(image, cached)
        return image

    def _read(self, place: str) -> QImage:
        preview = self._preview
        if preview is None:
            return pictures.read(place, QSize(EDGE, EDGE))
        try:
            pixels = preview(places.read_bytes(place), EDGE)
        except (StudioError, OSError):
            return QImage()  # the gallery shows a sign for it; the doctor says why
        return pictures.of_array(pixels) if pixels is not None else QImage()

    # ---- in the window's thread

    @Slot(str, QImage)
    def _on_made(self, key: str, image: QImage) -> None:
        with self._lock:
            self._working.discard(key)
        pixmap = None if image.isNull() else QPixmap.fromImage(image)
        self._kept[key] = pixmap
        self._fitted.pop(key, None)
        self._bytes += _size(pixmap)
        while self._bytes > MEMORY and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _size(dropped)
        self.ready.emit(key)


class _Ender:
    """Lets the threads end when the object is gone, without waiting for them."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, *_gone: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _cut(whole: QPixmap, size: QSize, radius: int, ratio: float) -> QPixmap:
    scale = max(size.width() / whole.width(), size.height() / whole.height())
    source = QRectF(0, 0, size.width() / scale, size.height() / scale)
    source.moveCenter(QRectF(whole.rect()).center())
    area = QRectF(0, 0, size.width(), size.height())
    made = QPixmap(size * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    clip = QPainterPath()
    clip.addRoundedRect(area, radius, radius)
    painter.setClipPath(clip)
    painter.drawPixmap(area, whole, source)
    painter.end()
    return made


def _size(pixmap: QPixmap | None) -> int:
    return pixmap.width() * pixmap.height() * 4 if pixmap is not None else 0


def _save(image: QImage, target: Path) -> None:
    """Writes beside and renames, so that a reader never sees half a file. A full disk costs only speed."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        flat = image.convertToFormat(QImage.Format.Format_RGB888) if image.hasAlphaChannel() else image
        writer = QImageWriter(str(temporary), QByteArray(b"jpg"))
        writer.setQuality(85)
        if writer.write(flat):
            os.replace(temporary, target)
        else:
            temporary.unlink(missing_ok=True)
