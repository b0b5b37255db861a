"""What a source looks like, asked of every format that the plugins offer. No Qt: it runs off the window's thread."""

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tlstudio.api.dataset_format import Configurable, Looks, Sniffed
from tlstudio.api.errors import StudioError
from tlstudio.data import archives, builtin_sets

if TYPE_CHECKING:
    from tlstudio.api.dataset_format import FormatDescriptor

SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_NAMES, _NAMES_S = 500, 0.3  # paths for the preview of patterns, and the seconds to look for them
SCHEME = "torchvision:"


@dataclasses.dataclass(frozen=True)
class Look:
    """What one format sees. ``problem``: why it cannot be used though it recognises the source."""

    format: str
    title: str
    seen: Sniffed
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Survey:
    """``looks``: of the formats that recognise the source, the surest first; ``problem``: why nothing can be imported;
    ``sentence``: what it is where that shows only later (an archive, something to be fetched); ``names``: some of its
    paths."""

    source: str
    looks: tuple[Look, ...] = ()
    problem: str = ""
    sentence: str = ""
    names: tuple[str, ...] = ()

    def of(self, format_id: str) -> Look | None:
        return next((look for look in self.looks if look.format == format_id), None)


def survey(formats: "list[FormatDescriptor]", source: str) -> Survey:
    """Looks at the disk. ``source``: a path, or ``torchvision:NAME``."""
    if source.lower().startswith(SCHEME):
        return _known(source)
    path = Path(source).expanduser()
    if not path.exists():
        return Survey(source, problem=f"There is nothing at {source}.")
    looks = [found for descriptor in formats if (found := look(descriptor, path)) is not None]
    labelled = {descriptor.id for descriptor in formats if descriptor.labelled}
    looks.sort(key=lambda found: (found.format not in labelled, bool(found.problem), -found.seen.sure))
    if looks:
        return Survey(source, tuple(looks), names=tuple(some_names(path)))
    if path.is_file() and archives.is_archive(path):
        sentence = "An archive. It is unpacked into the project, and what is in it is recognised then."
        return Survey(source, sentence=sentence)
    return Survey(source, problem=_unrecognised(path))


def _known(source: str) -> Survey:
    try:
        entry = builtin_sets.named(source[len(SCHEME) :])
    except StudioError as error:
        return Survey(source, problem=str(error))
    return Survey(
        source,
        sentence=f"{entry.title}: {entry.items:,} items for {entry.task}. About {entry.megabytes:,} MB are downloaded "
        f"from {urlsplit(entry.base).netloc or entry.base}, checked, and kept in the project.",
    )


def look(
    descriptor: "FormatDescriptor", path: Path, task: str = "", options: Mapping[str, Any] | None = None
) -> Look | None:
    """What one format sees, for a task and with options that the user chose; ``None``: it is not its own."""
    try:
        reader = descriptor.load()()
        if isinstance(reader, Configurable) and (task or options):
            reader.configure(descriptor.options.model_validate(dict(options or {})), task or "auto")
        if isinstance(reader, Looks):
            seen = reader.look(path)
        else:
            sure = float(reader.sniff(path))
            seen = Sniffed(
                sure=sure,
                modality=descriptor.modality,
                task=descriptor.task,
                has_splits=_has_split_folders(path),
            )
    except StudioError as error:
        return Look(descriptor.id, descriptor.title, Sniffed(sure=0.01), str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the other formats must go on
        reason = f"It failed while looking at the source: {error or type(error).__name__}."
        return Look(descriptor.id, descriptor.title, Sniffed(sure=0.0), reason) if task or options else None
    return Look(descriptor.id, descriptor.title, seen) if seen.sure > 0 else None


def some_names(path: Path) -> Iterator[str]:
    """The first paths below a folder, spread over its subfolders, relative and with ``/``."""
    if path.is_file():
        yield path.name
        return
    until = time.monotonic() + _NAMES_S
    try:
        tops = sorted(entry.path for entry in os.scandir(path) if entry.is_dir())
    except OSError:
        return
    each = max(5, _NAMES // max(1, len(tops)))
    found = itertools.chain(_files(path, path, _NAMES, deep=False), *(_files(path, Path(t), each) for t in tops))
    for name in itertools.islice(found, _NAMES):
        yield name
        if time.monotonic() > until:
            return


def _files(root: Path, folder: Path, most: int, *, deep: bool = True) -> Iterator[str]:
    count = 0
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            if not name.startswith("."):
                shown = os.path.relpath(os.path.join(parent, name), root).replace(os.sep, "/")
                yield shown.encode("utf-8", "backslashreplace").decode("utf-8")
                count += 1
                if count >= most:
                    return
        if not deep:
            return


def _has_split_folders(path: Path) -> bool:
    if not path.is_dir():
        return False
    with os.scandir(path) as entries:
        return bool(SPLIT_NAMES & {entry.name.lower() for entry in entries if entry.is_dir()})


def _unrecognised(path: Path) -> str:
    if path.is_file():
        return f"No format recognises {path.name}. Tables (CSV, JSONL, Parquet), archives and MNIST files are read."
    return "No format recognises this folder. Usual is one subfolder for each class, or a table that names files."
