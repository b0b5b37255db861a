"""How sure it is that two pictures are one photograph: each pair is looked at once, and remembered on disk."""

import hashlib
from collections import OrderedDict

import numpy as np

from tlstudio.api.errors import DataError
from tlstudio.data.alignment import Thumbnail, same_picture, thumbnail
from tlstudio.doctor.cache import digest
from tlstudio.doctor.case import Case

_PREFIX = "likeness2-"  # the number changes with how pairs are judged
_IN_MEMORY = 2_048  # thumbnails, 22 kB each


class Likeness:
    """Of the items of a case, by position. :meth:`keep` writes down what is new."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._thumbnails: OrderedDict[int, Thumbnail | None] = OrderedDict()
        self._known: dict[bytes, float] = {}
        self._fresh: dict[bytes, float] = {}
        for stored in case.cache.every(_PREFIX):
            keys, scores = stored["keys"], stored["scores"]
            self._known.update(zip((key.tobytes() for key in keys), scores.tolist(), strict=True))

    def of(self, one: int, other: int) -> float:
        """0 to 1. A picture that cannot be read is like no other. Raises ``StoppedByUser``."""
        key = self._key(one, other)
        if (score := self._known.get(key)) is None:
            self._case.control.raise_if_stopped()
            a, b = self.thumbnail(one), self.thumbnail(other)
            score = 0.0 if a is None or b is None else same_picture(a, b)
            self._known[key] = self._fresh[key] = score
        return score

    def keep(self) -> None:
        if self._fresh:
            keys = np.frombuffer(b"".join(self._fresh), np.uint8).reshape(len(self._fresh), -1)
            scores = np.array(list(self._fresh.values()), np.float64)
            self._case.cache.save(_PREFIX + digest([key.hex() for key in self._fresh]), keys=keys, scores=scores)
            self._fresh = {}

    def thumbnail(self, position: int) -> Thumbnail | None:
        """``None`` of what cannot be read."""
        if position in self._thumbnails:
            self._thumbnails.move_to_end(position)
            return self._thumbnails[position]
        try:
            found = thumbnail(self._case.places[position])
        except DataError:
            found = None
        self._thumbnails[position] = found
        if len(self._thumbnails) > _IN_MEMORY:
            self._thumbnails.popitem(last=False)
        return found

    def _key(self, one: int, other: int) -> bytes:
        names = sorted((self._case.hashes[one], self._case.hashes[other]))
        return hashlib.blake2b("".join(names).encode(), digest_size=16).digest()
