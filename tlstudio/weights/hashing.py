"""SHA-256 of files, computed once: the answer is remembered beside the downloaded weights."""

import contextlib
import hashlib
import json
from pathlib import Path

from tlstudio import paths
from tlstudio.weights.atomic import write_json

_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """64 hexadecimal digits. Raises ``OSError`` where the file cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remembered_sha256(path: Path) -> str:
    """As :func:`sha256`, read from a note while the file's size and time of change stay what they were."""
    status = path.stat()
    place = str(path.resolve())
    stamp = {"path": place, "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    key = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    note = paths.cache_dir() / "weights" / "sha256" / f"{path.name}.{key}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(note.read_text(encoding="utf-8"))
        if {key: known[key] for key in stamp} == stamp:
            return str(known["sha256"])
    value = sha256(path)
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time, nothing else
        write_json(note, {**stamp, "sha256": value})
    return value


def matches(path: Path, prefix: str) -> bool:
    """Whether the file's SHA-256 begins with ``prefix``; an empty prefix promises nothing and matches."""
    return not prefix or remembered_sha256(path).startswith(prefix.lower())
