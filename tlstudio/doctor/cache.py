"""What a stage has computed, on disk, so that an interrupted doctor goes on: one small file for each piece."""

import contextlib
import hashlib
import json
import os
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


class DoctorCache:
    """Arrays by name in ``folder``; without one, nothing is kept. A file that cannot be read, or written, is as one
    that is not there.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._used: set[str] = set()

    def load(self, name: str) -> Arrays | None:
        if self._folder is None:
            return None
        self._used.add(name)
        try:
            with (self._folder / f"{name}.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
            return None

    def every(self, prefix: str) -> Iterator[Arrays]:
        """All that is kept under names that begin so."""
        for file in sorted(self._folder.glob(f"{prefix}*.npz")) if self._folder is not None else ():
            if (found := self.load(file.stem)) is not None:
                yield found

    def save(self, name: str, **arrays: npt.NDArray[Any]) -> None:
        if self._folder is None:
            return
        self._used.add(name)
        file = self._folder / f"{name}.npz"
        temporary = file.with_name(f"{uuid.uuid4().hex}.tmp")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as stream:
                    np.savez(stream, **arrays)  # type: ignore[arg-type]  # names of arrays, not of options
                os.replace(temporary, file)
            finally:
                temporary.unlink(missing_ok=True)

    def prune(self) -> None:
        """Removes what this object has not asked for: pieces of work on other revisions, or of other backbones."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if file.suffix in (".npz", ".tmp") and file.stem not in self._used:
                    file.unlink(missing_ok=True)


def digest(*parts: object) -> str:
    """Names a piece of work by everything that its result depends on (JSON-able)."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def folder(project: Path, dataset: str) -> Path:
    """``cache/doctor/<dataset>``; a name that is no plain folder's is hashed."""
    plain = dataset.isascii() and all(c.isalnum() or c in "-_ " for c in dataset) and dataset.strip() == dataset
    return project / "cache" / "doctor" / (dataset if plain else digest(dataset))
