"""A few frames of a film, for the screen. Called in threads only."""

import io
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.gui.models import pictures

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

FRAMES = 8
# Playlists, which would make FFmpeg open other files and addresses, are no films.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,gif"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "data"}
_DECODED_AT_MOST = 600


def read(place: str, box: QSize, count: int = FRAMES) -> "list[tuple[float, QImage]]":
    """Seconds and picture of up to ``count`` frames, evenly spaced. Raises :class:`DataError`."""
    import av

    content = places.read_bytes(place)
    try:
        with av.open(io.BytesIO(content), options=_OPTIONS) as container:
            stream = container.streams.video[0]
            seconds = _seconds(container, stream)
            frames = _at_times(container, stream, [seconds * (2 * k + 1) / (2 * count) for k in range(count)])
            found = [(time, _image(frame, box)) for time, frame in frames]
    except (av.FFmpegError, IndexError, ValueError, OSError) as error:
        raise DataError(f"{places.printable(place)} cannot be shown as a film: {error}.") from error
    if not found:
        raise DataError(f"{places.printable(place)} cannot be shown as a film: it holds no frame.")
    return found


def _at_times(container: Any, stream: Any, times: list[float]) -> list[tuple[float, Any]]:
    """One frame for each time; the same frame is not shown twice."""
    found: list[tuple[float, Any]] = []
    for time in times:
        if stream.time_base:
            container.seek(int(time / float(stream.time_base)), stream=stream)
        last = None
        for number, frame in enumerate(container.decode(stream)):
            last = frame
            if frame.time is None or frame.time >= time or number > _DECODED_AT_MOST:
                break
        if last is not None and (not found or found[-1][1].pts != last.pts):
            found.append((float(last.time or 0.0), last))
    return found


def _seconds(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / 1e6


def _image(frame: Any, box: QSize) -> "QImage":
    import numpy as np

    pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    image = pictures.of_array(pixels)
    if image.width() > box.width() or image.height() > box.height():
        image = image.scaled(box, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return image
