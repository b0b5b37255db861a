"""Where an export goes: a folder beside the target first, and under its name only once it has been verified."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from tlstudio.api.errors import ExportError, UsageError
from tlstudio.api.exporter import ExporterDescriptor
from tlstudio.weights.atomic import put_in_place


def choose_path(out: Path, exporter: ExporterDescriptor, others: list[ExporterDescriptor], project: Path) -> Path:
    """``out`` with the exporter's suffix where it has none. Raises ``UsageError`` for a path that cannot be meant."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder. Write the name of the file to export to, such as {out / 'model'}.")
    name = out.name.lower()
    if not name.endswith(exporter.suffix.lower()):
        for other in others:
            if name.endswith(other.suffix.lower()):
                raise UsageError(
                    f"{out.name} is the name of a file of the format '{other.id}', and '{exporter.id}' was asked for. "
                    f"Choose a name that ends with {exporter.suffix}, or the other format."
                )
        out = out.with_name(out.name + exporter.suffix)
    if (project / "runs").resolve() in out.resolve().parents:
        raise UsageError(f"{out} lies among the project's runs, which nothing else may write to. Choose another place.")
    if out.is_dir():
        raise UsageError(f"{out} is a folder. Write the name of the file to export to.")
    return out


class Target:
    """A context manager around an export to ``path``: ``file`` is where to write it, ``scratch`` a folder for notes.

    Everything that the exporter leaves in ``file``'s folder appears beside ``path`` on :meth:`publish`, and none of
    it without. Raises ``ExportError`` where the folder cannot be made or written to, or a file is in the way.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.path = path
        self._overwrite = overwrite
        self._made: list[Path] = []
        self._published = False

    def __enter__(self) -> "Target":
        self._refuse([self.path])
        folder = self.path.parent
        try:
            missing = [place for place in (folder, *folder.parents) if not place.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            self._made = missing
            self._staging = Path(tempfile.mkdtemp(prefix=".tlstudio-export-", dir=folder))
            (self._staging / "file").mkdir()
            self.scratch = self._staging / "scratch"
            self.scratch.mkdir()
        except OSError as error:
            raise ExportError(
                f"Nothing can be written to the folder {folder}: {error.strerror}. Choose another place."
            ) from error
        self.file = self._staging / "file" / self.path.name
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)
        for folder in () if self._published else self._made:
            try:
                folder.rmdir()
            except OSError:  # somebody else has put something there meanwhile
                break

    def check(self) -> None:
        """Raises ``ExportError`` where the exporter wrote nothing, or one of its files is in the way of another."""
        if not self.file.is_file() or self.file.stat().st_size == 0:
            raise ExportError(f"The exporter has written no file {self.path.name}.")
        self._refuse([self.path.with_name(file.name) for file in self._files()])

    def publish(self) -> list[Path]:
        """Puts the files in place, the named one last, and returns their paths, the named one first."""
        placed: list[Path] = []
        ordinary = self.scratch / "ordinary"
        try:
            ordinary.touch()
            for file in self._files():
                shutil.copymode(ordinary, file)  # some libraries write files that nobody else may read
                goal = self.path.with_name(file.name)
                put_in_place(file, goal)
                placed.append(goal)
        except OSError as error:
            for goal in placed:
                goal.unlink(missing_ok=True)
            raise ExportError(f"{self.path} could not be written: {error.strerror}. Nothing was kept.") from error
        self._published = True
        return placed[::-1]

    def _files(self) -> list[Path]:
        return sorted(self.file.parent.iterdir(), key=lambda file: (file.name == self.path.name, file.name))

    def _refuse(self, goals: list[Path]) -> None:
        there = [goal for goal in goals if goal.exists()]
        if there and not self._overwrite:
            raise ExportError(
                f"{there[0]} exists already. Choose another name, or allow it to be replaced (--overwrite)."
            )
