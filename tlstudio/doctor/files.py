"""What became of the files since the import: missing, changed, and what was left out."""

import hashlib
import os
from collections.abc import Generator, Sequence

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.api.events import Event
from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, FoundItem, finding, item
from tlstudio.project.records import FileRecord

_HASHED = 200  # files that are read again, at most
_SAMPLE = 50  # of those that seem unchanged
_AT_ONCE = 500
_GET_BACK = "Put the files back, or exclude these items."


def look(case: Case) -> Generator[Event, None, list[Finding]]:
    """The sentences are those that a person acts on before anything else."""
    if not case.info.root_found:
        return [_root_missing(case), *_skipped(case)]
    found = yield from _on_disk(case)
    return [*found, *_skipped(case)]


def _root_missing(case: Case) -> Finding:
    sentence = f"The folder of the data set is missing: {case.info.root}. Put it back, or relocate the data set."
    return finding("root-missing", "problem", sentence, "", [], len(case.records))


def _on_disk(case: Case) -> Generator[Event, None, list[Finding]]:
    """Compares size and time of every file; reads again those that differ in time, and a sample of the rest."""
    missing: list[FoundItem] = []
    changed: list[FoundItem] = []
    same: list[FileRecord] = []
    suspects: list[FileRecord] = []
    stage = case.stage("Looking for the files", "files")
    records = sorted([*case.records, *case.excluded], key=lambda record: record.id)
    meter = stage.meter(len(records))
    for start in range(0, len(records), _AT_ONCE):
        yield from stage.pause()
        for record in records[start : start + _AT_ONCE]:
            _compare(record, missing, changed, same, suspects)
        yield from meter.advance(min(_AT_ONCE, len(records) - start))
    step = max(1, len(same) // _SAMPLE)
    for record in [*suspects, *same[::step]][:_HASHED]:
        case.control.raise_if_stopped()
        try:
            content = places.read_bytes(record.place)
        except DataError as error:
            missing.append(_about(record, f"It cannot be read: {error}", 1.0))
            continue
        if hashlib.sha256(content).hexdigest() != record.sha256:
            changed.append(_about(record, "Its content is another one.", 1.0))
    found = []
    if missing:
        sentence = (
            f"{_files(missing)} missing or unreadable below {case.info.root}; training on this data set will fail."
        )
        found.append(finding("missing", "problem", sentence, _GET_BACK, missing))
    if changed:
        sentence = f"{_files(changed)} changed since the import. Import the folder again to use what is there now."
        found.append(finding("changed", "problem", sentence, "", changed))
    return found


def _compare(
    record: FileRecord, missing: list[FoundItem], changed: list[FoundItem], same: list[FileRecord],
    suspects: list[FileRecord],
) -> None:  # fmt: skip
    path, offset, length = places.parse(record.place)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        missing.append(_about(record, "It is not there any more.", 1.0))
        return
    if length:
        if status.st_size < offset + length:
            missing.append(_about(record, f"{path} is shorter than it was.", 1.0))
        else:
            same.append(record)
    elif status.st_size != record.bytes:
        changed.append(_about(record, f"It had {record.bytes} bytes and has {status.st_size}.", 1.0))
    else:
        (suspects if status.st_mtime_ns != record.mtime_ns else same).append(record)


def _skipped(case: Case) -> list[Finding]:
    if not (count := case.info.skipped):
        return []
    listed = [item(path=file.path, note=file.reason) for file in case.project.problems(case.info.name, limit=count)]
    sentence = f"{count:,} {'entry was' if count == 1 else 'entries were'} left out of the import."
    return [finding("skipped", "warning", sentence, "Repair what matters and import the folder again.", listed)]


def _about(record: FileRecord, note: str, score: float) -> FoundItem:
    return item(record.id, record.path, record.label, note, score)


def _files(found: Sequence[object]) -> str:
    return "1 file is" if len(found) == 1 else f"{len(found):,} files are"
