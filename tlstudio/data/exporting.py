"""The job ``export-data``: a revision of a data set with its splits, written out for other programs."""

import io
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tlstudio import places
from tlstudio.api.dataset_format import ExportItem, FormatDescriptor, Label, Mask, Writes
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.project import DatasetInfo, Project
from tlstudio.project.records import EXCLUDED, Item, ItemFilter
from tlstudio.registry import Registry

_PAGE = 1000
_TOLD_EVERY = 0.2  # seconds
_LISTED = 20  # items that were left out, in the result
_LONGEST_NAME = 120
_STARTS = (
    (b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"), (b"\xff\xfb", ".mp3"),
    (b"\x1aE\xdf\xa3", ".mkv"),
)  # fmt: skip
_USUAL = {"image": ".png", "audio": ".wav", "text": ".txt", "video": ".mp4"}


def export_job(
    control: Control, project: str, dataset: str, out: str, format: str, revision: int | None = None
) -> Generator[Event, None, dict[str, Any]]:
    """Writes the data set ``dataset`` (its newest revision where none is named) into the new folder ``out``.

    ``format`` is one that writes. Items that are excluded are left out, and so are those whose file cannot be read,
    which are listed. Returns what the command line prints. Raises ``StudioError``; ``out`` is then as it was.
    """
    started = time.monotonic()
    registry = Registry.discover()
    target = Path(os.path.abspath(Path(out).expanduser()))
    with Project.open(project) as opened:
        info = opened.dataset(dataset)
        descriptor, writer = _writer(registry, format, info)
        _check_target(target)
        working = target.with_name(f".{target.name}.exporting-{os.getpid()}")
        work = _Items(opened, info, revision, registry.modality(info.modality).suffixes)
        yield Message(text=f"Writing {info.name} as: {descriptor.title}.")
        try:
            working.mkdir(parents=True)
            yield from _written(writer, work, working, info, control)
            if not work.splits:
                reasons = " ".join(f"{path}: {reason}" for path, reason in work.skipped[:3])
                raise DataError(f"'{dataset}' has no item that can be written. {reasons}".strip())
            if target.exists():
                target.rmdir()
            working.rename(target)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{target} cannot be written: {reason}. Check the free space and your rights.") from error
        finally:
            shutil.rmtree(working, ignore_errors=True)  # what was written here and nothing else
    return {
        "dataset": dataset,
        "revision": work.revision,
        "folder": str(target),
        "format": descriptor.id,
        "items": sum(work.splits.values()),
        "splits": {split: work.splits[split] for split in ("train", "val", "test")},
        "excluded": work.excluded,
        "skipped": len(work.skipped),
        "skipped_files": [{"path": path, "reason": reason} for path, reason in work.skipped[:_LISTED]],
        "seconds": round(time.monotonic() - started, 3),
    }


def _writer(registry: Registry, format: str, info: DatasetInfo) -> tuple[FormatDescriptor, Writes]:
    descriptor = registry.format(format)
    writer = descriptor.load()()
    able = [d.id for d in registry.formats() if info.task in d.writes and info.modality in d.modalities]
    if info.task not in descriptor.writes or not isinstance(writer, Writes):
        raise UsageError(f"The format '{descriptor.id}' cannot write {info.task}. These can: {', '.join(able)}.")
    if info.modality not in descriptor.modalities:
        raise UsageError(f"The format '{descriptor.id}' cannot hold {info.modality}. These can: {', '.join(able)}.")
    return descriptor, writer


def _check_target(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} holds something already. Name a folder that does not exist yet, or an empty one.")


def _written(
    writer: Writes, work: "_Items", folder: Path, info: DatasetInfo, control: Control
) -> Generator[Event, None, None]:
    began = told = time.monotonic()
    kinds = {"task": info.task, "modality": info.modality}
    for count in writer.write(iter(work), folder, class_names=info.class_names, **kinds):
        control.raise_if_stopped()
        now = time.monotonic()
        if now - told > _TOLD_EVERY:
            told = now
            eta = round((now - began) / count * (work.total - count), 1)
            yield Progress(done=count, total=work.total, unit="files", text=f"Writing {info.name}", eta=eta)
    yield Progress(done=work.total, total=work.total, unit="files", text=f"Writing {info.name}", eta=0.0)


class _Items:
    """The items in their order, with safe names. Afterwards ``splits`` counts them; ``skipped``: path and why."""

    def __init__(self, project: Project, info: DatasetInfo, revision: int | None, suffixes: tuple[str, ...]) -> None:
        self._project, self._info = project, info
        self._view = project.view(info.name, ItemFilter(revision=revision))
        self.revision = self._view.revision
        self.total = self._view.count
        self._names = _Names(info.modality, suffixes)
        self._pixels = list(info.encoding.get("pixels", ()))
        self.splits: Counter[str] = Counter()
        self.skipped: list[tuple[str, str]] = []
        self.excluded = 0

    def __iter__(self) -> Iterator[ExportItem]:
        for offset in range(0, self.total, _PAGE):
            for item in self._view.page(offset, _PAGE):
                if item.split == EXCLUDED:
                    self.excluded += 1
                    continue
                try:
                    exported = self._exported(item)
                except DataError as error:
                    self.skipped.append((item.path, str(error)))
                    continue
                self.splits[item.split] += 1
                yield exported

    def _exported(self, item: Item) -> ExportItem:
        """Raises ``DataError`` where the sample or its mask cannot be read."""
        place = item.place(self._info.root)
        path = places.parse(place).path
        if not os.path.isfile(path):
            raise DataError(f"{path} is not there any more.")
        return ExportItem(
            place, self._names.name(item.path, place), self._label(item.value), item.split, item.group,
            meta=tuple(self._project.meta(self._info.name, item.id)),
        )  # fmt: skip

    def _label(self, value: str) -> Label:
        task = self._info.task
        if task == "classification":
            return value
        parsed = json.loads(value)
        if task == "multilabel":
            return tuple(map(str, parsed))
        if task == "regression":
            return tuple(map(float, parsed))
        if task != "segmentation":
            raise UsageError(f"Data for {task} cannot be written.")
        path = Path(self._info.root) / parsed["mask"]
        mask = Mask(path, parsed.get("offset", 0), parsed.get("length", 0))
        if self._pixels in ([], list(range(len(self._pixels)))):
            return mask
        return Mask(path, content=class_indices(mask, self._pixels))


def class_indices(mask: Mask, pixels: list[int]) -> bytes:
    """A PNG in which each class has its index for a value; what is none of ``pixels`` becomes 255."""
    import numpy as np
    from PIL import Image

    from tlstudio.data.decoding import mask_of

    values = mask_of(places.read_bytes(places.place(mask.path, mask.offset, mask.length)))
    table = np.full(256, 255, np.uint8)
    for index, value in enumerate(pixels):
        if 0 <= value <= 255:
            table[value] = index
    buffer = io.BytesIO()
    Image.fromarray(table[values]).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


class _Names:
    """Relative names that every usual system takes, no two of them alike even without capitals."""

    def __init__(self, modality: str, suffixes: tuple[str, ...]) -> None:
        self._modality, self._suffixes = modality, suffixes
        self._taken: set[str] = set()

    def name(self, path: str, place: str) -> str:
        """From the last part of ``path``; its ending is the content's where it has none that is known."""
        last = PurePosixPath(path).name
        suffix = PurePosixPath(last).suffix
        stem = last.removesuffix(suffix) if suffix.lower() in self._suffixes else last
        if suffix.lower() not in self._suffixes:
            suffix = self._suffix(place)
        stem = re.sub(r"[^\w\-+()=, ]+", "_", stem)[:_LONGEST_NAME].strip(" .") or "item"
        stem = re.sub(r"^(?i:con|prn|aux|nul|com\d|lpt\d)$", r"\g<0>_", stem)
        name, number = f"{stem}{suffix.lower()}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}_{number}{suffix.lower()}"
        self._taken.add(name.casefold())
        return name

    def _suffix(self, place: str) -> str:
        path, offset, _ = places.parse(place)
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                start = file.read(16)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        if start[:4] == b"RIFF":
            return {b"WEBP": ".webp", b"AVI ": ".avi"}.get(start[8:12], ".wav")
        if start[4:8] == b"ftyp":
            return ".avif" if start[8:12] in (b"avif", b"avis") else ".mp4"
        found = next((suffix for magic, suffix in _STARTS if start.startswith(magic)), "")
        return found if found in self._suffixes else _USUAL.get(self._modality, "")
