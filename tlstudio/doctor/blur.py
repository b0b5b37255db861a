"""Pictures that are much less sharp than the others."""

import io
import warnings
from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.api.events import Event
from tlstudio.data.checking import kinds
from tlstudio.doctor.cache import digest
from tlstudio.doctor.case import Case
from tlstudio.doctor.confident import robust_z
from tlstudio.doctor.findings import Finding

_SIDE = 256  # pixels of the longer side, about what networks see
_CHUNK = 500
_FAR = 4.0  # robust standard deviations of the logarithm
_FEWEST = 30
_MOST = 0.1  # share: more are no exceptions


def look(case: Case) -> Generator[Event, None, list[Finding]]:
    if case.modality.id != "image" or not case.info.root_found or len(case.records) < _FEWEST:
        return []
    values = yield from _measured(case)
    known = np.isfinite(values)
    if known.sum() < _FEWEST:
        return []
    z = np.zeros(len(values))
    z[known] = robust_z(np.log(values[known]))
    blurred = known & (z < -_FAR)
    if blurred.sum() > _MOST * known.sum():
        return []
    text, advice = "much less sharp than the others", "Exclude what cannot be told by eye either."
    return case.outstanding("blurry", "note", text, advice, blurred, values, -z, "sharpness {:.3g}")


def _measured(case: Case) -> Generator[Event, None, npt.NDArray[np.float64]]:
    """Sharpness of every picture, NaN of those that cannot be read."""
    values = np.full(len(case.records), np.nan)
    stage = case.stage("Measuring sharpness")
    meter = stage.meter(len(values))
    for start in range(0, len(values), _CHUNK):
        yield from stage.pause()
        end = min(start + _CHUNK, len(values))
        key = "sharpness-" + digest(case.hashes[start:end])
        found = stage.cache.load(key)
        if found is None:
            for position in range(start, end):
                case.control.raise_if_stopped()
                values[position] = sharpness(case.places[position])
                yield from meter.advance()
            stage.cache.save(key, values=values[start:end])
        else:
            values[start:end] = found["values"]
            yield from meter.advance(end - start)
    return values


def sharpness(place: str) -> float:
    """Standard deviation of the Laplacian, in relation to that of the picture: it hardly depends on the light."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF data were judged when the file was imported
            with Image.open(io.BytesIO(places.read_bytes(place)), formats=kinds()) as image:
                image.draft("L", (_SIDE, _SIDE))
                image.load()
                grey = image.convert("L")
    except (DataError, OSError, ValueError, SyntaxError, MemoryError):
        return float("nan")
    grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, np.float32)
    if min(pixels.shape) < 3 or float(pixels.std()) < 1.0:
        return float("nan")
    inner = pixels[1:-1, 1:-1]
    around = pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]
    return max(1e-6, float((around - 4 * inner).std() / pixels.std()))
