"""What is imported: the source, unpacked or fetched where it has to be, and the format that reads it."""

import dataclasses
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from tlstudio.api.dataset_format import (
    Configurable,
    DatasetFormat,
    Declared,
    Declares,
    FormatDescriptor,
    Looks,
    Skipped,
    Sniffed,
)
from tlstudio.api.errors import DataError, StudioError, UsageError
from tlstudio.api.events import Event, Message
from tlstudio.api.modality import ModalityDescriptor
from tlstudio.api.options import parse_options
from tlstudio.api.task import TaskDescriptor
from tlstudio.control import Control
from tlstudio.places import readable
from tlstudio.project import DatasetInfo
from tlstudio.project.staging import Staging
from tlstudio.registry import Registry

SCHEME = "torchvision:"  # begins a source that is fetched


@dataclasses.dataclass
class Source:
    """``path``: the source itself; ``root``: what its paths are relative to; ``skipped``: of an archive."""

    path: Path
    root: Path
    format: FormatDescriptor
    reader: DatasetFormat
    task: TaskDescriptor
    modality: ModalityDescriptor
    skipped: list[Skipped]

    def declared(self) -> Declared:
        """What the format says of all labels, after it has been read."""
        return self.reader.declared() if isinstance(self.reader, Declares) else Declared()


def open_source(
    control: Control, registry: Registry, staging: Staging, source: str, *, format: str, task: str, modality: str,
    options: Mapping[str, Any], joins: DatasetInfo | None = None,
) -> Generator[Event, None, Source]:  # fmt: skip
    """Fetches or unpacks the source where it has to be, and finds who reads it. ``joins``: the data set that it has to
    fit. Raises :class:`StudioError`.
    """
    skipped: list[Skipped] = []
    path = yield from _path(control, staging, source)
    descriptor, reader = yield from _choose(registry, format, path)
    if descriptor is None or _cannot_read(reader, path):
        from tlstudio.data import archives

        if not archives.is_archive(path):
            if descriptor is None or reader is None:
                raise _unrecognised(path)
        else:
            yield Message(text=f"Unpacking {path.name}.")
            folder = staging.folder / f"{path.name.split('.')[0] or 'archive'}"
            unpacked = yield from archives.unpack(path, folder, control)
            path, skipped = unpacked.source, unpacked.skipped
            descriptor, reader = yield from _choose(registry, format, path)
    if descriptor is None or reader is None:
        raise _unrecognised(path)
    root = path if path.is_dir() else path.parent
    if readable(root) != os.fspath(root):
        raise DataError(f"The name of the folder {readable(root)} is not valid text (UTF-8). Rename it first.")
    if isinstance(reader, Configurable):
        reader.configure(parse_options(descriptor.options, options), task or "auto")
    else:
        parse_options(descriptor.options, options)
    seen = reader.look(path) if isinstance(reader, Looks) else None
    task, modality = _task(task, descriptor, seen), _modality(modality, descriptor, seen)
    if joins is not None:
        for what, wanted, there in (("task", task, joins.task), ("modality", modality, joins.modality)):
            if wanted != there:
                raise UsageError(f"The {what} of the data set is {there}, and what would be added is for {wanted}.")
    return Source(path, root, descriptor, reader, registry.task(task), registry.modality(modality), skipped)


def _path(control: Control, staging: Staging, source: str) -> Generator[Event, None, Path]:
    """The source with links resolved. Raises :class:`DataError` where there is none."""
    if source.lower().startswith(SCHEME):
        from tlstudio.data import builtin_sets

        fetched: Path = yield from builtin_sets.fetch(source[len(SCHEME) :], staging.folder, control)
        return fetched
    path = Path(os.path.realpath(Path(source).expanduser()))
    if not path.exists():
        raise DataError(f"There is nothing at {readable(source)}. Name a folder, a table such as CSV, or an archive.")
    return path


def _choose(
    registry: Registry, identifier: str, source: Path
) -> Generator[Event, None, tuple[FormatDescriptor | None, DatasetFormat | None]]:
    """The named format, or for ``auto`` the one that is surest, if any."""
    if identifier not in ("", "auto"):
        named = registry.format(identifier)
        return named, named.load()()
    best: tuple[float, FormatDescriptor | None, DatasetFormat | None] = (0.0, None, None)
    for descriptor in registry.formats():
        if not descriptor.labelled:
            continue
        try:
            reader: DatasetFormat = descriptor.load()()
            sure = float(reader.sniff(source))
        except StudioError:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the other formats must go on
            text = f"The format '{descriptor.id}' failed while looking at the source and is left out: {error}."
            yield Message(text=text, level="warning")
            continue
        if sure > best[0]:
            best = (sure, descriptor, reader)
    return best[1], best[2]


def _cannot_read(reader: DatasetFormat | None, path: Path) -> bool:
    """Of a format that was named: whether it is given an archive that has to be unpacked first."""
    try:
        return reader is None or (path.is_file() and not reader.sniff(path))
    except Exception:  # noqa: BLE001 - what is wrong is said when it is read
        return False


def _unrecognised(source: Path) -> DataError:
    if source.is_file():
        return DataError(
            f"{source} is no table that lists samples, and no file of a format that is known. Name a CSV file, or a "
            "folder."
        )
    folders = [f for f in sorted(source.iterdir()) if f.is_dir() and not f.name.startswith(".")]
    if not folders:
        return DataError(
            f"{source} has no subfolders and no table (CSV) that says which class each file belongs to. Make one "
            "subfolder for each class and put its files there, or add a CSV with the columns file and label. "
            "Samples without labels, for methods that learn from them too, are the format 'unlabelled'."
        )
    return DataError(
        f"No pictures, sounds, texts or films were found in the folders of {source}, nor a table (CSV) with the "
        f"columns file and label. Name the folder whose subfolders are the classes."
    )


def _task(task: str, descriptor: FormatDescriptor, seen: Sniffed | None) -> str:
    if task in ("", "auto"):
        return seen.task if seen is not None else descriptor.task
    if task not in descriptor.tasks and task != descriptor.task:
        raise DataError(
            f"The format '{descriptor.id}' gives data for {_listed(descriptor.tasks)}, not for {task}. Leave the task "
            f"out, or choose another format."
        )
    return task


def _modality(modality: str, descriptor: FormatDescriptor, seen: Sniffed | None) -> str:
    if modality in ("", "auto"):
        return seen.modality if seen is not None else descriptor.modality
    if modality not in descriptor.modalities and modality != descriptor.modality:
        raise DataError(
            f"The format '{descriptor.id}' reads {_listed(descriptor.modalities)}, not {modality}. Choose another "
            f"format."
        )
    return modality


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
