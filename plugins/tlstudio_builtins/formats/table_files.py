"""Finds the files that a table names."""

import itertools
import os
from pathlib import Path

from tlstudio_builtins.formats.folders import SUFFIXES, modality_of_name, subfolders


class Finder:
    """Beside the table, or in a folder beside it, with or without its ending."""

    def __init__(self, folder: Path) -> None:
        self._folders = [os.fspath(folder), *(os.fspath(f) for f in subfolders(folder))]
        self._endings = ["", *sorted(itertools.chain.from_iterable(SUFFIXES.values()))]

    def find(self, name: str) -> Path | None:
        if "\x00" in name or len(name) > 4096:
            return None
        for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
            endings = [""] if modality_of_name(spelling) else self._endings
            for position, folder in enumerate(self._folders):
                for number, ending in enumerate(endings):
                    path = os.path.join(folder, spelling + ending)
                    if os.path.isfile(path):
                        # The next row is most likely of the same kind, so this is where it is looked for first.
                        self._folders.insert(0, self._folders.pop(position))
                        endings.insert(0, endings.pop(number))
                        return Path(path)
        return None

    def name(self, name: str) -> str:
        """The name of the file that is found, or an empty text."""
        found = self.find(name)
        return found.name if found else ""
