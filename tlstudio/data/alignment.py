"""Whether two pictures are one photograph: cropped, flipped, resized, recompressed, brightened, or as it was.

One is laid onto the other: a search at 20 pixels for where it could lie, then least squares (Lucas and Kanade) at 32
and 64 pixels for position and scale in both directions. The details that are left must agree everywhere: two photos
of one hand have the same outline, but never the same small things in the same places.
"""

import functools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tlstudio import places
from tlstudio.api.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Grey = npt.NDArray[np.float32]
SAME = 0.5
"""From this certainty on, two pictures are held to be one photograph."""
FINE, MIDDLE, COARSE = 64, 32, 20  # pixels of the longer side
_SCALES = (1.0, 0.95, 0.9, 0.85, 0.8)  # of one picture's side in the other
_LEAST_AREA = 0.5
_HOPELESS = 0.5  # correlation of the coarse pictures
_POOR = 0.6  # agreement of the middle ones, once they are aligned
_NOISE = 2.0  # grey levels: what recompression changes; details fainter than this say nothing
_HALFWAY, _SLOPE = 0.89, 0.012  # measured: copies lie above 0.93, different photos of one thing below 0.83
_HALFWAY_TINY = 0.96  # for pictures of 32 pixels and less: of 1,500 digits 10 pairs reach 0.95, and 36 reach 0.93
_ENOUGH = 0.96


class Thumbnail(NamedTuple):
    """A picture in grey, float32 ``[H, W]`` from 0 to 255, in three sizes. ``pixels``: of its own longer side, as far
    as that is below the finest.
    """

    fine: Grey
    middle: Grey
    coarse: Grey
    pixels: int


class _Start(NamedTuple):
    """``likeness``: correlation; the ``small`` picture, flipped or not, lies in the big one: x_big = sx * x_small + tx
    in fractions of either's size.
    """

    likeness: float
    swapped: bool
    flipped: bool
    scale: tuple[float, float]  # width, height
    offset: tuple[float, float]  # left, top


def thumbnail(place: str) -> Thumbnail:
    """Of the picture at ``place`` (:mod:`tlstudio.places`), as displayed. Raises ``DataError`` with a sentence."""
    from PIL import Image

    from tlstudio.data import decoding

    content = places.read_bytes(place)
    try:
        grey = decoding.decoded(content, _grey, ("L", FINE))
    except DataError as error:
        raise DataError(f"{places.printable(place)} {error}") from error
    shrink = FINE / max(grey.size)
    size = (max(8, round(grey.width * shrink)), max(8, round(grey.height * shrink)))
    kernel = Image.Resampling.BILINEAR if shrink < 1 else Image.Resampling.BICUBIC
    fine = np.asarray(grey.resize(size, kernel), dtype=np.float32)
    return Thumbnail(fine, _shrunk(fine, MIDDLE), _shrunk(fine, COARSE), max(grey.size))


def _grey(image: "Image") -> "Image":
    from tlstudio.data.decoding import to_rgb

    return image if image.mode == "L" else to_rgb(image).convert("L")


def same_picture(a: Thumbnail, b: Thumbnail) -> float:
    """How sure it is that both are one photograph: 0 to 1, see :data:`SAME`. About 5 ms."""
    best, agreed = None, _POOR
    for start in _starts(a, b):
        big, small = (b, a) if start.swapped else (a, b)
        flipped = _flip(small.middle, start.flipped)
        aligned = _refined(big.middle, flipped, start.scale, start.offset, 6)
        agreement = _agreement(big.middle, flipped, *aligned) if aligned else 0.0
        if aligned and agreement > agreed:
            best, agreed = (big, small, start.flipped, aligned), agreement
        if agreed > _ENOUGH:
            break
    if best is None:
        return 0.0
    big, small, mirrored, aligned = best
    fine = _flip(small.fine, mirrored)
    aligned = _refined(big.fine, fine, *aligned, 12)
    agreement = _agreement(big.fine, fine, *aligned) if aligned else 0.0
    halfway = _halfway(min(a.pixels, b.pixels))
    return 1 / (1 + math.exp(-(agreement - halfway) / _SLOPE))


def _halfway(pixels: int) -> float:
    """The agreement that is asked for: more of pictures so small that there are few details to disagree about."""
    lacking = min(1.0, max(0.0, (FINE - pixels) / (FINE - MIDDLE)))
    return _HALFWAY + lacking * (_HALFWAY_TINY - _HALFWAY)


def _starts(a: Thumbnail, b: Thumbnail) -> Iterator[_Start]:
    """Where one could lie in the other, the likeliest first."""
    found: list[_Start] = []
    for flipped in (False, True):
        # Whole on whole, whatever their shapes: a picture may have been squashed.
        laid = resized(_flip(b.coarse, flipped), *a.coarse.shape)
        found.append(_Start(float(np.sum(_unit(laid) * _unit(a.coarse))), False, flipped, (1.0, 1.0), (0.0, 0.0)))
    for swapped in (False, True):
        big, small = (b, a) if swapped else (a, b)
        for flipped in (False, True):
            inside = _inside(big.coarse, _flip(small.coarse, flipped))
            if inside is not None:
                found.append(_Start(inside[0], swapped, flipped, inside[1], inside[2]))
    found.sort(key=lambda start: -start.likeness)
    least = max(_HOPELESS, found[0].likeness - 0.15)
    yield from (start for start in found[:4] if start.likeness > least)


def _inside(big: Grey, small: Grey) -> tuple[float, tuple[float, float], tuple[float, float]] | None:
    """The best place and size of the small picture, its shape kept, within the big one."""
    height, width = big.shape
    fit = min(width / small.shape[1], height / small.shape[0])
    best: tuple[float, tuple[float, float], tuple[float, float]] | None = None
    tried = set()
    for scale in _SCALES:
        h, w = round(small.shape[0] * fit * scale), round(small.shape[1] * fit * scale)
        if h * w < _LEAST_AREA * height * width or (h, w) in tried:
            continue
        tried.add((h, w))
        windows = np.lib.stride_tricks.sliding_window_view(big, (h, w)).reshape(-1, h * w)
        template = _unit(resized(small, h, w)).ravel()
        spread = np.sqrt(np.maximum(h * w * np.square(windows).mean(1) - h * w * np.square(windows.mean(1)), 1e-3))
        likeness = windows @ template / spread
        position = int(likeness.argmax())
        if best is None or likeness[position] > best[0]:
            top, left = divmod(position, width - w + 1)
            best = (float(likeness[position]), (w / width, h / height), (left / width, top / height))
    return best


def _refined(
    big: Grey, small: Grey, scale: tuple[float, float], offset: tuple[float, float], rounds: int
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The scale and offset after least squares; ``None`` where the small picture drifts away."""
    (height, width), (h, w) = big.shape, small.shape
    sx, sy, tx, ty = scale[0] * width / w, scale[1] * height / h, offset[0] * width, offset[1] * height
    big, small = _blur(big, 0.8), _blur(small, 0.8)
    slope_y, slope_x = np.gradient(big)
    across = (np.arange(w, dtype=np.float32)[None, :] - w / 2) / w
    down = (np.arange(h, dtype=np.float32)[:, None] - h / 2) / h
    for _ in range(rounds):
        columns, fine_x = _sampling(w, sx, tx, width)
        rows, fine_y = _sampling(h, sy, ty, height)
        seen = (fine_y[:, None] & fine_x[None, :]).ravel()
        if seen.mean() < _LEAST_AREA:
            return None
        laid = (rows @ big @ columns.T).ravel()[seen]
        along_x, along_y = rows @ slope_x @ columns.T, rows @ slope_y @ columns.T
        target = small.ravel()[seen]
        parts = (along_x, along_x * across, along_y, along_y * down)
        system = np.stack([*(part.ravel()[seen] for part in parts), laid, np.ones_like(laid)], 1)
        normal = system.T @ system
        normal[np.arange(6), np.arange(6)] *= 1.001
        normal[np.arange(6), np.arange(6)] += 1e-3
        answer = np.linalg.solve(normal.astype(np.float64), system.T @ target)
        gain = float(answer[4])
        if abs(gain) < 0.05:
            return None
        step = np.clip(answer[:4] / gain, -3, 3)
        sx, sy = sx + step[1] / w, sy + step[3] / h
        tx, ty = tx + step[0] - step[1] / 2, ty + step[2] - step[3] / 2
        if not (0.6 < sx * w / width < 1.6 and 0.6 < sy * h / height < 1.6):
            return None
        if np.abs(step).max() < 0.02:
            break
    return (sx * w / width, sy * h / height), (tx / width, ty / height)


def _agreement(big: Grey, small: Grey, scale: tuple[float, float], offset: tuple[float, float]) -> float:
    """How alike the details are, over all and in the sixteenths of the picture that agree least: up to 1."""
    (height, width), (h, w) = big.shape, small.shape
    columns, fine_x = _sampling(w, scale[0] * width / w, offset[0] * width, width)
    rows, fine_y = _sampling(h, scale[1] * height / h, offset[1] * height, height)
    if fine_x.mean() * fine_y.mean() < _LEAST_AREA:
        return 0.0
    window = np.ix_(fine_y, fine_x)
    one, other = _blur(np.asarray(rows @ big @ columns.T, np.float32)[window], 0.7), _blur(small[window], 0.7)
    gain = float(np.clip(other.std() / max(float(one.std()), 1.0), 0.5, 2.0))
    x, y = (one - _blur(one, 2.5)) * gain, other - _blur(other, 2.5)
    parts = [
        _likeness(u, v)
        for left, right in zip(np.array_split(x, 4, 1), np.array_split(y, 4, 1), strict=True)
        for u, v in zip(np.array_split(left, 4), np.array_split(right, 4), strict=True)
    ]
    return (_likeness(x, y) + float(np.percentile(parts, 15))) / 2


def _likeness(x: Grey, y: Grey) -> float:
    noise = x.size * _NOISE * _NOISE
    return float((np.sum(x * y) + noise) / math.sqrt((np.sum(x * x) + noise) * (np.sum(y * y) + noise)))


def _unit(values: Grey) -> Grey:
    centred = values - values.mean()
    unit: Grey = centred / np.float32(math.sqrt(float(np.sum(centred * centred))) + 1e-6)
    return unit


def _flip(values: Grey, flipped: bool) -> Grey:
    return np.ascontiguousarray(values[:, ::-1]) if flipped else values


def _sampling(number: int, scale: float, offset: float, size: int) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Linear interpolation at ``scale * n + offset`` as a matrix, and which of these lie within the picture."""
    at = scale * np.arange(number) + offset
    within = (at >= -0.5) & (at <= size - 0.5)
    at = np.clip(at, 0, size - 1 - 1e-4)
    left = at.astype(np.int64)
    matrix = np.zeros((number, size), np.float32)
    row = np.arange(number)
    matrix[row, left + 1] = at - left
    matrix[row, left] = 1 - (at - left)
    return matrix, within


def _shrunk(values: Grey, longer: int) -> Grey:
    factor = longer / max(values.shape)
    return resized(values, max(6, round(values.shape[0] * factor)), max(6, round(values.shape[1] * factor)))


def resized(values: Grey, height: int, width: int) -> Grey:
    return np.asarray(_averaging(height, values.shape[0]) @ values @ _averaging(width, values.shape[1]).T, np.float32)


@functools.lru_cache(2048)
def _averaging(number: int, size: int) -> Grey:
    """Each of ``number`` pixels as the mean of its part of ``size`` pixels: float32 ``[number, size]``."""
    edges = np.linspace(0, size, number + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)[None, :]
    covered = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return np.asarray(covered / covered.sum(1, keepdims=True), np.float32)


def _blur(values: Grey, sigma: float) -> Grey:
    return np.asarray(_smoothing(values.shape[0], sigma) @ values @ _smoothing(values.shape[1], sigma).T, np.float32)


@functools.lru_cache(2048)
def _smoothing(size: int, sigma: float) -> Grey:
    pixel = np.arange(size)
    weights = np.exp(-0.5 * np.square((pixel[:, None] - pixel[None, :]) / sigma))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
