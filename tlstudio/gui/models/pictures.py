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
    try:
        return of_bytes(places.read_bytes(str(place)), box)
    except (StudioError, OSError):
        return QImage()  # the gallery shows a sign for it; the importer has said why


def of_bytes(content: bytes, box: QSize) -> QImage:
    """The same of a file's content."""
    device = QBuffer()
    device.setData(QByteArray(content))
    device.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(device)
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    if size.isValid():
        turned = bool(reader.transformation().value & 4)  # 4: the bit of a quarter turn
        bounds = box.transposed() if turned else box
        if size.width() > bounds.width() or size.height() > bounds.height():
            reader.setScaledSize(size.scaled(bounds, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
    image = reader.read()
    if image.isNull():
        image = _with_pillow(content, box)
    if not image.isNull() and (image.width() > box.width() or image.height() > box.height()):
        image = image.scaled(box, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return image


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
