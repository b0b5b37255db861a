"""Reads one sample completely, with its mask where it has one, and says what it is, or why it cannot be used.

Runs in helper processes: the modality is named by its factory, and made once in each.
"""

import functools
import hashlib
import importlib
import json
import os
import stat
import warnings
from collections.abc import Sequence
from typing import IO, NamedTuple

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.api.modality import Modality
from tlstudio.data.checking import MAX_BYTES


class Sample(NamedTuple):
    """``place`` and ``mask`` as in :mod:`tlstudio.places`, the latter empty where there is none; ``name`` of the
    sample, for its ending.
    """

    number: int
    place: str
    name: str
    mask: str = ""


class Seen(NamedTuple):
    """``reason`` is empty for a usable sample; otherwise a sentence, and the rest is of no use.

    ``sha256`` of the content, 32 bytes; ``width``, ``height``, ``caption``, ``phash`` as
    :class:`tlstudio.api.modality.Facts`; ``facts``: its meta as JSON; ``mask_sha256`` in hex; ``pixels``: the values
    in the mask.
    """

    sha256: bytes = b""
    width: int = 0
    height: int = 0
    bytes: int = 0
    mtime_ns: int = 0
    reason: str = ""
    caption: str = ""
    phash: int | None = None
    facts: str = ""
    mask_sha256: str = ""
    pixels: tuple[int, ...] = ()


def inspect(factory: str, samples: Sequence[Sample]) -> list[Seen]:
    """Checks one sample after the other; never raises for what is wrong with one. ``factory``: ``module:attribute``."""
    modality = _made(factory)
    files = _Files()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of odd metadata and large sizes, which is judged here
        try:
            return [_inspect(modality, files, sample) for sample in samples]
        finally:
            files.close()


@functools.cache
def _made(factory: str) -> Modality:
    module, _, attribute = factory.partition(":")
    made: Modality = getattr(importlib.import_module(module), attribute)()
    return made


def _inspect(modality: Modality, files: "_Files", sample: Sample) -> Seen:
    try:
        content, mtime_ns = files.read(sample.place, "file")
        facts = modality.check(content, sample.name)
        mask, pixels = _mask(files, sample, facts.width, facts.height) if sample.mask else ("", ())
    except DataError as error:
        return Seen(reason=str(error))
    except MemoryError:
        return Seen(reason="There is not enough memory to read it.")
    except Exception as error:  # noqa: BLE001 - a plugin's modality may raise anything; the other samples must go on
        return Seen(reason=f"It could not be read: {' '.join(str(error).split()) or type(error).__name__}.")
    meta = json.dumps([list(pair) for pair in facts.meta], ensure_ascii=False) if facts.meta else ""
    digest = hashlib.sha256(content).digest()
    return Seen(
        digest, facts.width, facts.height, len(content), mtime_ns, "", facts.caption, facts.phash, meta, mask, pixels
    )  # fmt: skip


def _mask(files: "_Files", sample: Sample, width: int, height: int) -> tuple[str, tuple[int, ...]]:
    import numpy as np

    from tlstudio.data import decoding

    name = os.path.basename(places.parse(sample.mask).path).encode("utf-8", "backslashreplace").decode()
    try:
        content, _ = files.read(sample.mask, "mask")
        mask = decoding.mask_of(content)
    except DataError as error:
        raise DataError(f"Its mask {name} cannot be used: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if mask.shape != (height, width):
        raise DataError(
            f"Its mask {name} has {mask.shape[1]} x {mask.shape[0]} pixels where the picture has {width} x {height}."
        )
    counts = np.bincount(mask.reshape(-1), minlength=256)
    return hashlib.sha256(content).hexdigest(), tuple(np.flatnonzero(counts).tolist())


class _Files:
    """Samples of one container follow one another: it stays open for the next."""

    def __init__(self) -> None:
        self._path = ""
        self._file: IO[bytes] | None = None
        self._size = self._mtime_ns = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file, self._path = None, ""

    def read(self, place: str, what: str) -> tuple[bytes, int]:
        """Content and time of change. Raises :class:`DataError` with a sentence that does not name it."""
        path, offset, length = places.parse(place)
        try:
            if not length:
                status = os.stat(path)
                if not stat.S_ISREG(status.st_mode):
                    raise DataError("It is not an ordinary file.")
                if status.st_size == 0:
                    raise DataError(f"The {what} is empty.")
                _limit(status.st_size, what)
                with open(path, "rb") as stream:
                    return stream.read(), status.st_mtime_ns
            _limit(length, what)
            if path != self._path or self._file is None:
                self.close()
                self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
                status = os.fstat(self._file.fileno())
                self._path, self._size, self._mtime_ns = path, status.st_size, status.st_mtime_ns
            self._file.seek(offset)
            content = self._file.read(length)
        except (OSError, ValueError) as error:
            raise DataError(f"The {what} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        if len(content) < length:
            raise DataError(f"The {what} that holds it is cut off: it ends before the sample does.")
        return content, self._mtime_ns


def _limit(size: int, what: str) -> None:
    if size > MAX_BYTES:
        raise DataError(f"The {what} is larger than {MAX_BYTES >> 20} MB.")
