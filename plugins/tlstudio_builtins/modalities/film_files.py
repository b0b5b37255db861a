"""Film files, by FFmpeg's libraries (PyAV): what they are, and frames at given times."""

import bisect
import dataclasses
import io
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tlstudio.api import DataError

Frames = npt.NDArray[np.uint8]

MAX_PIXELS = 8192 * 8192  # of one frame
# Playlists and the like, which would make FFmpeg open other files and addresses, are no films.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,gif"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "data"}
_SEEKABLE = ("mov", "matroska", "avi")  # they find a keyframe exactly
_WORTH_A_JUMP = 48  # frames that need not be decoded
_DECODED_AT_MOST = 2000  # frames that a check decodes; of a longer film a part
_FAULTS = (av.FFmpegError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)  # of bad files
_NO_FILM = "It is not a film that can be read."
_DAMAGED = "The film is damaged: {}."


@dataclasses.dataclass(frozen=True)
class Film:
    """``width`` and ``height`` as displayed; ``seconds`` from the first frame to the end of the last."""

    width: int
    height: int
    frames: int
    seconds: float
    codec: str
    container: str
    sound: bool


@dataclasses.dataclass(frozen=True)
class _Timeline:
    """When each frame is shown, in the stream's units, in order; ``end`` of the last; ``keys``: where decoding can
    begin. Without time stamps frames are counted instead.
    """

    shown: list[int]
    end: int
    keys: list[int]
    stamped: bool

    def spaced(self, count: int) -> list[int]:
        """The frames on display in the middles of ``count`` equal stretches of time."""
        start, length = self.shown[0], self.end - self.shown[0]
        times = [start + (2 * k + 1) * length // (2 * count) for k in range(count)]
        return [max(0, bisect.bisect_right(self.shown, time) - 1) for time in times]


def examine(content: bytes) -> Film:
    """Reads all of it. Raises :class:`DataError` with a sentence where it is no film, or not a whole one."""
    with _opened(content) as container:
        stream = _stream(container)
        timeline = _timeline(container, stream)
        declared, unit = _declared(container, stream), float(stream.time_base or 1 / 25)
        kind, sound, codec = container.format.name, bool(container.streams.audio), stream.codec_context.name
        rate = float(stream.average_rate or 25)
    seconds = (timeline.end - timeline.shown[0]) * unit if timeline.stamped else len(timeline.shown) / rate
    if declared - max(seconds, timeline.end * unit if timeline.stamped else 0.0) > max(0.5, 0.1 * declared):
        raise DataError("The film is cut off: its end is missing.")
    width, height, decoded = _decode_all(content)
    wanted = min(len(timeline.shown), _DECODED_AT_MOST)
    if decoded < wanted - max(2, wanted // 20):
        raise DataError(_DAMAGED.format(f"only {decoded} of {wanted} frames can be decoded"))
    return Film(width, height, len(timeline.shown), seconds, codec, kind, sound)


def clip(content: bytes, count: int, shorter: int = 0) -> Frames:
    """uint8 ``[count, H, W, 3]`` RGB, upright: frames evenly spaced in time, repeated where there are fewer.

    ``shorter``: where it is above 0 and below the shorter side, the film is brought to that. Raises
    :class:`DataError`.
    """
    with _opened(content) as container:
        timeline = _timeline(container, _stream(container))
    wanted = timeline.spaced(count)
    found: dict[int, Any] = {}
    try:
        with _opened(content) as container:
            for index, frame in _frames_at(container, timeline, sorted(set(wanted))):
                found[index] = _pixels(frame, shorter)
    except _FAULTS as error:
        if not found:
            raise DataError(_DAMAGED.format(_reason(error))) from error
    if not found:
        raise DataError(_DAMAGED.format("none of its frames can be decoded"))
    known = sorted(found)
    nearest = [min(known, key=lambda have, index=index: abs(have - index)) for index in wanted]  # type: ignore[misc]
    first = found[nearest[0]]
    return np.stack([found[index] if found[index].shape == first.shape else first for index in nearest])


def _opened(content: bytes) -> Any:
    if not content:
        raise DataError("The file is empty.")
    try:
        return av.open(io.BytesIO(content), options=_OPTIONS)
    except _FAULTS as error:
        if b"ftyp" in content[:16]:
            raise DataError("The film is damaged or cut off: its table of contents is missing.") from error
        raise DataError(_NO_FILM) from error


def _stream(container: Any) -> Any:
    if not container.streams.video:
        raise DataError("The film holds no pictures.")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise DataError("The film is stored in a way that cannot be read.")
    stream.codec_context.thread_count = 1  # several films are read at once
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise DataError(f"The film has {width} x {height} pixels, more than {MAX_PIXELS // 1_000_000} million.")
    return stream


def _timeline(container: Any, stream: Any) -> _Timeline:
    """From the packets alone; nothing is decoded."""
    stamps: list[tuple[int | None, bool, int]] = []
    try:
        stamps.extend(
            (packet.pts, packet.is_keyframe, packet.duration or 0)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard
        )
    except _FAULTS as error:
        if not stamps:
            raise DataError(_DAMAGED.format(_reason(error))) from error
    if not stamps:
        raise DataError("The film is empty: it holds no frames.")
    shown = sorted({pts for pts, _, _ in stamps if pts is not None})
    if 2 * len(shown) < len(stamps):  # of interlaced films every second packet has none
        return _Timeline(list(range(len(stamps))), len(stamps), [0], stamped=False)
    usual = (shown[-1] - shown[0]) // max(1, len(shown) - 1)
    last = max((duration for pts, _, duration in stamps if pts == shown[-1]), default=0) or max(usual, 1)
    keys = sorted({bisect.bisect_left(shown, pts) for pts, key, _ in stamps if key and pts is not None})
    return _Timeline(shown, shown[-1] + last, keys or [0], stamped=True)


def _frames_at(container: Any, timeline: _Timeline, wanted: list[int]) -> Iterator[tuple[int, Any]]:
    """The frames with these numbers, in order; what cannot be decoded is left out."""
    stream = _stream(container)
    jumps = timeline.stamped and container.format.name.startswith(_SEEKABLE)
    at, frames = -1, _decoded(container, stream)
    for index in wanted:
        key = timeline.keys[max(0, bisect.bisect_right(timeline.keys, index) - 1)]
        if jumps and key - at > _WORTH_A_JUMP:
            container.seek(timeline.shown[key], stream=stream)
            frames = _decoded(container, stream)
            at = key - 1
        for frame in frames:
            stamp = frame.pts if timeline.stamped and frame.pts is not None else None
            at = at + 1 if stamp is None else max(0, bisect.bisect_right(timeline.shown, stamp) - 1)
            if at >= index:
                yield index, frame
                break


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames in the order of display; a packet that cannot be decoded is passed over."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except _FAULTS:
            continue


def _decode_all(content: bytes) -> tuple[int, int, int]:
    """Width and height as displayed, and how many frames are whole."""
    width = height = whole = 0
    try:
        with _opened(content) as container:
            for frame in _decoded(container, _stream(container)):
                if not width:
                    turned = frame.rotation % 180 != 0
                    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
                whole += not frame.is_corrupt
                if whole >= _DECODED_AT_MOST:
                    break
    except _FAULTS as error:
        if not whole:
            raise DataError(_DAMAGED.format(_reason(error))) from error
    if not whole:
        raise DataError(_DAMAGED.format("none of its frames can be decoded"))
    return width, height, whole


def _pixels(frame: Any, shorter: int) -> Frames:
    width, height = frame.width, frame.height
    if 0 < shorter < min(width, height):
        scale = shorter / min(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    rgb: Frames = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))


def _declared(container: Any, stream: Any) -> float:
    """Seconds that the file says it holds; 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    told = [part for part in stream.metadata.get("DURATION", "").split(":") if part.replace(".", "", 1).isdigit()]
    if len(told) == 3:  # Matroska says it of each stream
        return 3600 * float(told[0]) + 60 * float(told[1]) + float(told[2])
    return float(container.duration or 0) / 1e6


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__).rstrip(".")
