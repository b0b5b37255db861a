"""Reading pictures for the screen: Qt where it can, Pillow where it cannot. Called in threads only."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader


def read(path: Path | str, box: QSize) -> QImage:
    """The picture upright, inside ``box``, never enlarged; a null image where it cannot be read."""
    reader = QImageReader(str(path))
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
        image = _with_pillow(path, box)
    if not image.isNull() and (image.width() > box.width() or image.height() > box.height()):
        image = image.scaled(box, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return image


def _with_pillow(path: Path | str, box: QSize) -> QImage:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (box.width(), box.height()))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((box.width(), box.height()))
            rgb = upright.convert("RGBA")
            data = rgb.tobytes()
            return QImage(data, rgb.width, rgb.height, rgb.width * 4, QImage.Format.Format_RGBA8888).copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return QImage()  # the gallery shows a sign for it; the importer has said why
