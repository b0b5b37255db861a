"""Lists the samples of a source: the first pass of an import, in which no sample is opened."""

import dataclasses
import json
import os
import re
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from tlstudio.api.dataset_format import DatasetFormat, GroupsByColumn, Mask, RawItem, Skipped
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.data.keeper import Keeper
from tlstudio.data.labels import Labelling
from tlstudio.places import readable
from tlstudio.project.staging import FoundFile, Staging

_BATCH = 2000
_UNDECODABLE = "Its name is not valid text (UTF-8). Rename it and import again."
GroupOf = Callable[[str, str], str]


def group_finder(group_by: str, reader: DatasetFormat, source: Path) -> GroupOf:
    """A function of (path, group that the format gives) to the group; ``group_by`` is a column or a pattern.

    Raises :class:`UsageError` where it is neither.
    """
    if not group_by:
        return lambda path, given: given
    if isinstance(reader, GroupsByColumn) and reader.use_group_column(source, group_by):
        return lambda path, given: given
    pattern = group_pattern(group_by)
    if pattern.groups != 1:
        raise UsageError(
            f"'{group_by}' is neither a column of the table nor a pattern with exactly one group in parentheses, "
            f"such as _(\\w+)_ for what stands between two underscores of the file's path."
        )

    return lambda path, given: group_in(path, pattern)


def group_pattern(group_by: str) -> re.Pattern[str]:
    """Raises :class:`UsageError` where it is none."""
    try:
        return re.compile(group_by)
    except re.error as error:
        raise UsageError(f"'{group_by}' is no pattern that can be used for grouping: {error}.") from error


def group_in(path: str, pattern: re.Pattern[str]) -> str:
    """What the pattern's one group finds; empty where it finds nothing."""
    match = pattern.search(path)
    return (match.group(1) or "") if match else ""


@dataclasses.dataclass
class Scan:
    """Fills ``staging`` with what a format lists. ``root``: what paths are relative to (of the data set that is added
    to, where there is one); ``source``: what the paths of unpacked archives are relative to.
    """

    staging: Staging
    root: Path
    source: Path
    labelling: Labelling
    group_of: GroupOf
    time_by: str = ""

    def __post_init__(self) -> None:
        self.labels: set[str] = set()  # of the first ten thousand distinct values, to name classes that stay empty
        self.timed = False
        self._prefix = os.path.join(self.root, "")
        self._folders: dict[str, tuple[str, str]] = {}

    def run(
        self, entries: Iterable[RawItem | Skipped], raise_if_stopped: Callable[[], None]
    ) -> Generator[Event, None, None]:
        found: list[FoundFile] = []
        left_out: list[tuple[str, str]] = []
        total, told = 0, time.monotonic()
        with Keeper(self.staging) as keeper:
            for entry in entries:
                shown, container = self._located(os.fspath(entry.path))
                if isinstance(entry, Skipped):
                    left_out.append((readable(shown), readable(entry.reason)))
                else:
                    made = self._file(entry, shown, container, keeper)
                    if isinstance(made, FoundFile):
                        found.append(made)
                    else:
                        left_out.append(made)
                if len(found) + len(left_out) >= _BATCH:
                    raise_if_stopped()
                    total += len(found)
                    self._note(found, left_out)
                    found, left_out = [], []
                    if time.monotonic() - told > 0.2:
                        told = time.monotonic()
                        yield Progress(done=total, total=0, unit="files", text="Looking for samples")
            self._note(found, left_out)

    def _note(self, found: list[FoundFile], left_out: list[tuple[str, str]]) -> None:
        self.staging.found(found)
        self.staging.skip(left_out)
        if len(self.labels) < 10_000:
            self.labels.update(file.label for file in found)

    def _file(self, item: RawItem, shown: str, container: str, keeper: Keeper) -> FoundFile | tuple[str, str]:
        path = f"{shown}/{item.member}" if item.member else shown
        group = self.group_of(path, item.group)
        try:
            label = self.labelling.value(item.label, lambda mask: self._mask(mask, keeper))
        except DataError as error:
            return readable(path), readable(str(error))
        if readable(path) != path or readable(label) != label or not _is_text(item.meta):
            return readable(path), _UNDECODABLE
        start, length = item.offset, item.length
        content = item.text.encode("utf-8", "backslashreplace") if item.text is not None else item.content
        if content is not None:
            if not content:
                return readable(path), "It is empty."
            container, start, length = keeper.keep(content)
        elif item.member and length:
            container = container or shown
        elif item.member:
            return readable(path), "It is empty, or the source does not say where in the file it lies."
        meta = json.dumps([list(pair) for pair in item.meta], ensure_ascii=False) if item.meta else ""
        when = dict(item.meta).get(self.time_by) or dict(item.meta).get("time", "") if self.time_by else ""
        self.timed = self.timed or bool(when)
        partner = self._partner(item.partner) if item.partner is not None else ""
        return FoundFile(
            path, label, item.split, readable(group), container, start, length, meta, readable(partner), when
        )  # fmt: skip

    def _partner(self, path: Path) -> str:
        shown, container = self._located(os.fspath(path))
        return container or shown

    def _mask(self, mask: Mask, keeper: Keeper) -> Mask:
        """Where it is, as the value of an item says it: relative to the root, or in the project."""
        if mask.content is not None:
            if not mask.content:
                raise DataError("Its mask is empty.")
            container, start, length = keeper.keep(mask.content, "masks")
            return Mask(Path(container), start, length)
        shown, container = self._located(os.fspath(mask.path))
        return Mask(Path(container or shown), mask.offset, mask.length)

    def _located(self, path: str) -> tuple[str, str]:
        """The path to be shown, and the container where it differs from that: what the project keeps itself."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            if len(self._folders) > 10_000:
                self._folders.clear()
            self._folders[folder] = self._folder(folder)
        shown, kept = self._folders[folder]
        return shown + name, kept + name if kept else ""

    def _folder(self, folder: str) -> tuple[str, str]:
        """Of a folder what stands before the names in it, and likewise for the container."""
        staging = self.staging
        if staging.is_own(folder) and not staging.is_own(self.root):
            shown = os.path.relpath(folder, self.source).replace(os.sep, "/")
            return "" if shown == "." else f"{shown}/", f"{staging.kept(Path(folder))}/"
        inside = os.path.join(folder, "")
        if inside.startswith(self._prefix) and ".." not in inside:
            return inside[len(self._prefix) :].replace(os.sep, "/"), ""
        try:
            inside = os.path.relpath(folder, self.root)
        except ValueError:  # another drive: the absolute path is all there is
            inside = folder
        inside = inside.replace(os.sep, "/")
        return "" if inside == "." else f"{inside.rstrip('/')}/", ""


def _is_text(meta: tuple[tuple[str, str], ...]) -> bool:
    return all(readable(text) == text for pair in meta for text in pair)
