"""Finds the format of a source and lists its files: the first pass of an import, in which no picture is opened."""

import os
import re
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from tlstudio.api.dataset_format import DatasetFormat, FormatDescriptor, GroupsByColumn, RawItem, Skipped
from tlstudio.api.errors import DataError, StudioError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.project.staging import FoundFile, Staging
from tlstudio.registry import Registry

_BATCH = 2000
_UNDECODABLE = "Its name is not valid text (UTF-8). Rename it and import again."


def open_source(source: str) -> tuple[Path, Path]:
    """The source with links resolved, and the root that paths are relative to. Raises :class:`DataError`."""
    path = Path(os.path.realpath(Path(source).expanduser()))
    if not path.exists():
        raise DataError(f"There is nothing at {printable(source)}. Name a folder of pictures, or a CSV file.")
    root = path if path.is_dir() else path.parent
    if printable(root) != os.fspath(root):
        raise DataError(f"The name of the folder {printable(root)} is not valid text (UTF-8). Rename it first.")
    return path, root


def choose_format(
    registry: Registry, identifier: str, source: Path
) -> Generator[Event, None, tuple[FormatDescriptor, DatasetFormat]]:
    """The named format, or for ``auto`` the one that is surest. Raises ``DataError`` where none recognises it."""
    if identifier not in ("", "auto"):
        named = registry.get("formats", identifier)
        assert isinstance(named, FormatDescriptor)
        return named, named.load()()
    best: tuple[float, FormatDescriptor, DatasetFormat] | None = None
    for descriptor in registry.formats():
        try:
            reader: DatasetFormat = descriptor.load()()
            sure = float(reader.sniff(source))
        except StudioError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the other formats must go on
            text = f"The format '{descriptor.id}' failed while looking at the source and is left out: {error}."
            yield Message(text=text, level="warning")
            continue
        if sure > (best[0] if best else 0.0):
            best = (sure, descriptor, reader)
    if best is None:
        raise _unrecognised(source)
    return best[1], best[2]


def _unrecognised(source: Path) -> DataError:
    if source.is_file():
        return DataError(f"{source} is no table that lists pictures. Name a CSV file, or a folder of pictures.")
    folders = [f for f in sorted(source.iterdir()) if f.is_dir() and not f.name.startswith(".")]
    if not folders:
        return DataError(
            f"{source} has no subfolders and no table (CSV) that says which class each picture belongs to. Make one "
            f"subfolder for each class and put its pictures there, or add a CSV with the columns file and label."
        )
    return DataError(
        f"No pictures were found in the folders of {source}, nor a table (CSV) with the columns file and label. Name "
        f"the folder whose subfolders are the classes."
    )


def group_finder(group_by: str, reader: DatasetFormat, source: Path) -> Callable[[str, str], str]:
    """A function of (path, group that the format gives) to the group; ``group_by`` is a column or a pattern.

    Raises :class:`UsageError` where it is neither.
    """
    if not group_by:
        return lambda path, given: given
    if isinstance(reader, GroupsByColumn) and reader.use_group_column(source, group_by):
        return lambda path, given: given
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UsageError(f"'{group_by}' is no pattern that can be used for grouping: {error}.") from error
    if pattern.groups != 1:
        raise UsageError(
            f"'{group_by}' is neither a column of the table nor a pattern with exactly one group in parentheses, "
            f"such as _(\\w+)_ for what stands between two underscores of the file's path."
        )

    def by_pattern(path: str, given: str) -> str:
        match = pattern.search(path)
        return (match.group(1) or "") if match else ""

    return by_pattern


def scan(
    entries: Iterable[RawItem | Skipped], root: Path, staging: Staging, group_of: Callable[[str, str], str],
    raise_if_stopped: Callable[[], None],
) -> Generator[Event, None, set[str]]:  # fmt: skip
    """Fills ``staging`` with what the format lists; returns every label that was seen."""
    found: list[FoundFile] = []
    left_out: list[tuple[str, str]] = []
    labels: set[str] = set()
    total, told, prefix = 0, time.monotonic(), os.path.join(root, "")
    for entry in entries:
        path = _relative(os.fspath(entry.path), prefix, root)
        if isinstance(entry, Skipped):
            left_out.append((printable(path), entry.reason))
        elif printable(path) != path or printable(entry.label) != entry.label:
            left_out.append((printable(path), _UNDECODABLE))
        else:
            labels.add(entry.label)
            group = printable(group_of(path, entry.group))
            found.append(FoundFile(path, entry.label, entry.split, group))
        if len(found) + len(left_out) >= _BATCH:
            raise_if_stopped()
            total += len(found)
            staging.found(found)
            staging.skip(left_out)
            found, left_out = [], []
            if time.monotonic() - told > 0.2:
                told = time.monotonic()
                yield Progress(done=total, total=0, unit="files", text="Looking for pictures")
    staging.found(found)
    staging.skip(left_out)
    return labels


def _relative(path: str, prefix: str, root: Path) -> str:
    inside = path[len(prefix) :] if path.startswith(prefix) else ""
    if not inside or ".." in inside:
        try:
            inside = os.path.relpath(path, root)
        except ValueError:  # another drive: the absolute path is all there is
            inside = path
    return inside.replace(os.sep, "/")


def printable(path: str | os.PathLike[str]) -> str:
    """For sentences: bytes that are no UTF-8 are shown as escapes."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")
