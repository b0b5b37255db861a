"""Reading pictures for the screen: Qt where it can, Pillow where it cannot. Called in threads only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from tlstudio import places
from tlstudio.api.errors import StudioError

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

Preview = Callable[[bytes, int], "npt.NDArray[Any] | None"]
"""``Modality.preview``."""


def read(place: "os.PathLike[str] | str", box: QSize) -> QImage:
    """The picture at a place, upright, inside ``box``, never enlarged; a null image where it cannot be read."""
    path, _, length = places.parse(str(place))
    if length:
        try:
            return of_bytes(places.read_bytes(str(place)), box)
        except StudioError:
            return QImage()  # the gallery shows a sign for it; the importer has said why
    image = _scaled(QImageReader(path), box)
    if image.isNull():
        try:
            image = _with_pillow(places.read_bytes(path), box)
        except (StudioError, OSError):
            return QImage()
    return _fitted(image, box)


def of_bytes(content: bytes, box: QSize) -> QImage:
    """The same of a file's content."""
    device = QBuffer()
    device.setData(QByteArray(content))
    device.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(device)
    image = _scaled(reader, box)
    del reader  # before its device, or it crashes
    return _fitted(_with_pillow(content, box) if image.isNull() else image, box)


def _scaled(reader: QImageReader, box: QSize) -> QImage:
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    if size.isValid():
        turned = bool(reader.transformation().value & 4)  # 4: the bit of a quarter turn
        bounds = box.transposed() if turned else box
        if size.width() > bounds.width() or size.height() > bounds.height():
            reader.setScaledSize(size.scaled(bounds, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
    return reader.read()


def _fitted(image: QImage, box: QSize) -> QImage:
    if image.isNull() or (image.width() <= box.width() and image.height() <= box.height()):
        return image
    return image.scaled(box, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)


def of_array(pixels: "npt.NDArray[Any]") -> QImage:
    """``uint8 [H, W, 3]`` as an image of its own."""
    import numpy as np

    flat = np.ascontiguousarray(pixels, dtype=np.uint8)
    height, width = flat.shape[:2]
    return QImage(flat.tobytes(), width, height, width * 3, QImage.Format.Format_RGB888).copy()


def _with_pillow(content: bytes, box: QSize) -> QImage:
    from tlstudio.data import decoding

    try:
        return of_array(decoding.thumbnail(content, max(box.width(), box.height())))
    except StudioError:
        return QImage()
