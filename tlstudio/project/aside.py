"""Where that which was found damaged is kept, so that a repair destroys nothing."""

import contextlib
import os
import shutil
import time
from pathlib import Path

_STORY = "what-happened.txt"


class Aside:
    """``damaged-<UTC time>/`` in the project, made when the first thing is put there."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        if self._folder is None:
            name = time.strftime("damaged-%Y%m%d-%H%M%SZ", time.gmtime())
            for number in range(1, 1000):
                folder = self._project / (name if number == 1 else f"{name}-{number}")
                with contextlib.suppress(FileExistsError):
                    folder.mkdir()
                    self._folder = folder
                    break
        assert self._folder is not None
        return self._folder

    @property
    def used(self) -> bool:
        return self._folder is not None

    def move(self, path: Path) -> Path:
        """Puts a file of the project there, under the same path, and returns where it is now."""
        target = self._place(path)
        os.replace(path, target)
        return target

    def copy(self, path: Path) -> Path:
        """Likewise, and leaves it where it is."""
        target = self._place(path)
        shutil.copy2(path, target)
        return target

    def tell(self, sentences: list[str]) -> None:
        """Writes what was done beside what was found."""
        if self._folder is not None and sentences:
            with contextlib.suppress(OSError), (self._folder / _STORY).open("a", encoding="utf-8") as file:
                file.write("".join(sentence + "\n" for sentence in sentences))

    def _place(self, path: Path) -> Path:
        target = self.folder / path.relative_to(self._project)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
