"""``webdataset``: tar shards whose members of one name make a sample: ``1.jpg`` with ``1.cls`` or ``1.json``."""

import itertools
import json
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tlstudio.api import DataError, Declared, ExportItem, Label, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio.data.archive_readers import Damaged, Member, Odd, members
from tlstudio.places import readable
from tlstudio_builtins.formats import webdataset_writer
from tlstudio_builtins.formats.folders import NOUNS, listing, modality_of_name, subfolders
from tlstudio_builtins.formats.masks import IGNORED
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.webdataset_labels import MASKS, NAMES, Notes, label_of, task_of

_SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_NOTES = ("cls", "json", "txt", "label", "labels", "id", "class")
_LARGEST_NOTE = 1 << 20
_LARGEST_SAMPLE = 2 << 30
_LOOKED_AT = 8


class Part(NamedTuple):
    """One member of a sample: a range of the shard's bytes, or its content where the shard is compressed."""

    name: str
    offset: int
    length: int
    content: bytes | None


class Sample(NamedTuple):
    key: str
    parts: dict[str, Part]
    """By what stands behind the first full stop of the file's name, lower case."""
    notes: Notes


class WebDataset:
    """A :class:`tlstudio.api.DatasetFormat` that looks, can be configured and writes."""

    def __init__(self) -> None:
        self._task = "auto"
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        self._task = task or "auto"

    def sniff(self, source: Path) -> float:
        shards = _shards(source)
        if not shards:
            return 0.0
        return 0.94 if any(map(_is_labelled, _first(shards))) else 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        if not sure:
            return Sniffed(sure=0.0)
        shards = _shards(source)
        samples = _first(shards)
        modality = _modality(samples)
        task = self._task if self._task != "auto" else task_of(s.notes | _mask_note(s) for s in samples)
        rows = tuple((s.key, ", ".join(s.parts), str(s.notes)[:200]) for s in samples)
        splits = {_split(path, source) for path in shards}
        return Sniffed(
            sure=sure, modality=modality, task=task, columns=("sample", "files", "notes"), rows=rows,
            sentence=f"{len(shards)} WebDataset shard{'s' * (len(shards) > 1)} of {NOUNS[modality][1]}.",
            has_splits=len(splits) > 1,
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        shards = _shards(source)
        if not shards:
            raise DataError(f"{readable(source)} holds no tar shards.")
        samples = _first(shards)
        modality = _modality(samples)
        task = self._task if self._task != "auto" else task_of(s.notes | _mask_note(s) for s in samples)
        names = _names(source, shards[0])
        several = len({_split(path, source) for path in shards}) > 1
        targets: dict[str, None] = {}
        for path in shards:
            split = _split(path, source) if several else ""
            for sample in _samples(path):
                if isinstance(sample, Skipped):
                    yield sample
                else:
                    yield _item(path, sample, split, modality, task, names, targets)
        if task == "regression":
            self._declared = Declared(tuple(targets))
        elif task == "segmentation":
            self._declared = Declared(names)
        else:
            self._declared = Declared(names if task == "multilabel" else ())

    def declared(self) -> Declared:
        return self._declared

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        return webdataset_writer.write(items, folder, task=task, modality=modality, class_names=class_names)


def _item(
    path: Path, sample: Sample, split: str, modality: str, task: str, names: tuple[str, ...], targets: dict[str, None]
) -> RawItem | Skipped:
    where = f"sample '{readable(sample.key)[:200]}' of {readable(path.name)}"
    part = _media(sample, modality)
    if part is None:
        return Skipped(path, f"There is no {NOUNS[modality][0]} in {where}.")
    try:
        label: Label = (
            _mask(path, sample) if task == "segmentation" else label_of(task, _notes(sample, modality), names, targets)
        )
    except DataError as error:
        return Skipped(path, f"{str(error).rstrip('.')} in {where}.")
    said = sample.notes.get("json")
    group = said.get("group") if isinstance(said, dict) else ""
    split_said = str(said.get("split", "")).lower() if isinstance(said, dict) else ""
    return RawItem(
        path, label, split or SPELLINGS.get(split_said, ""), str(group or ""), member=part.name, offset=part.offset,
        length=part.length, content=part.content,
    )  # fmt: skip


def _media(sample: Sample, modality: str) -> Part | None:
    usual = [part for suffix, part in sample.parts.items() if modality_of_name(f"x.{suffix}") == modality]
    return next((part for part in usual if not MASKS.search(part.name)), None)


def _notes(sample: Sample, modality: str) -> Notes:
    """Without the text, where that is the sample itself."""
    return {key: value for key, value in sample.notes.items() if modality != "text" or key != "txt"}


def _is_sample(sample: Sample) -> bool:
    """Whether a sample and what is said of it lie side by side; texts that stand alone do not."""
    media = {modality_of_name(f"x.{suffix}") for suffix in sample.parts} - {""}
    return bool(sample.notes.keys() - {"txt"} if media == {"text"} else media and sample.notes | _mask_note(sample))


def _is_labelled(sample: Sample) -> bool:
    """Whether what lies beside a sample says a label; other programs put other notes beside their pictures."""
    if not _is_sample(sample):
        return False
    notes = _notes(sample, _modality([sample])) | _mask_note(sample)
    task = task_of([notes])
    try:
        return task == "segmentation" or label_of(task, notes, (), {}) is not None
    except DataError:
        return False


def _mask(path: Path, sample: Sample) -> Mask:
    part = next((part for part in sample.parts.values() if MASKS.search(part.name)), None)
    if part is None:
        raise DataError("It has no mask (a picture whose name ends in .mask.png or .seg.png)")
    return Mask(path, part.offset, part.length, part.content)


def _mask_note(sample: Sample) -> Notes:
    return {"mask": IGNORED} if any(MASKS.search(part.name) for part in sample.parts.values()) else {}


def _modality(samples: list[Sample]) -> str:
    kinds = [modality for sample in samples for suffix in sample.parts if (modality := modality_of_name(f"x.{suffix}"))]
    media = [kind for kind in kinds if kind != "text"]
    return max(media, key=media.count) if media else "text"


def _first(shards: list[Path]) -> list[Sample]:
    """Some samples of the first shard that has any."""
    return next((samples for path in shards[:20] if (samples := _glance(path))), [])


def _glance(path: Path) -> list[Sample]:
    found = (sample for sample in _samples(path) if isinstance(sample, Sample))
    return list(itertools.islice(found, _LOOKED_AT))


def _samples(path: Path) -> Iterator[Sample | Skipped]:
    """What lies together in the shard under one name. A shard that is cut off gives what came before."""
    current: Sample | None = None
    last = ""
    try:
        for member in members(path, lambda count: None):
            if isinstance(member, Odd):
                yield Skipped(path, f"'{readable(member.name)[:200]}': {member.reason}")
                continue
            folder, _, file = member.name.removeprefix("./").rpartition("/")
            stem, _, suffix = file.partition(".")
            key = f"{folder}/{stem}" if folder else stem
            if file.startswith(".") or not suffix:
                continue
            if current is None or key != current.key:
                if current is not None:
                    yield current
                current = Sample(key, {}, {})
            suffix = suffix.lower()
            part, notes = _part(member, suffix)
            current.notes.update(notes)
            if suffix not in _NOTES or suffix == "txt":
                if suffix in current.parts:
                    yield Skipped(path, f"There are two members named '{readable(member.name)[:200]}'.")
                    continue
                current.parts[suffix] = part
            last = member.name
    except (Damaged, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, OSError, ValueError) as error:
        after = f"after '{readable(last)[:200]}'" if last else "from its beginning"
        if current is not None and not _is_sample(current):
            current = None  # the part that says what it is, or the sample itself, is in what cannot be read
        yield Skipped(path, f"The shard cannot be read {after}, and the rest is left out: {_text(error)}.")
    if current is not None:
        yield current


def _part(member: Member, suffix: str) -> tuple[Part, Notes]:
    """The member, read where it is a note or where the shard is compressed."""
    if member.size > _LARGEST_SAMPLE:
        raise Damaged(f"'{member.name[:200]}' is larger than any sample")
    noted = suffix in _NOTES and member.size <= _LARGEST_NOTE
    content = None
    if noted or member.offset < 0 or not member.size:
        with member.open() as stream:
            blocks = iter(lambda: stream.read(1 << 20), b"")
            content = b"".join(blocks)
        if len(content) < member.size:
            raise Damaged("it ends too early")
    notes: Notes = {}
    if noted and content is not None:
        text = content.decode("utf-8", "replace").strip()
        notes[suffix] = _json(text) if suffix == "json" else text
    kept = content if member.offset < 0 or not member.size else None
    return Part(
        member.name, max(member.offset, 0) if kept is None else 0, member.size if kept is None else 0, kept
    ), notes


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _shards(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.name.lower().endswith(_SHARDS) else []
    if not source.is_dir():
        return []
    folders = [source, *(f for f in subfolders(source) if f.name.lower() in SPELLINGS)]
    return [
        Path(entry.path)
        for folder in folders
        for entry in listing(folder)
        if entry.name.lower().endswith(_SHARDS) and entry.is_file()
    ]


def _split(path: Path, source: Path) -> str:
    words = [path.name.lower(), path.parent.name.lower() if path.parent != source and source.is_dir() else ""]
    found = (SPELLINGS.get(part) for word in words for part in re.split(r"[^a-z]+", word))
    return next((split for split in found if split), "")


def _names(source: Path, shard: Path) -> tuple[str, ...]:
    """The classes of the numbers in ``.cls``, where a file beside the shards names them."""
    for folder in dict.fromkeys((source if source.is_dir() else source.parent, shard.parent)):
        for name in NAMES:
            path = folder / name
            if path.is_file():
                lines = path.read_text(encoding="utf-8", errors="replace")[: 1 << 22].splitlines()
                return tuple(line.strip() for line in lines if line.strip())
    return ()


def _text(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
