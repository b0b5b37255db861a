"""Imported weights on disk: ``<data folder>/weights/<backbone>/<name>.safetensors`` and a JSON file beside
each.
"""

import dataclasses
import json
import re
from pathlib import Path

from tlstudio import paths
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import UsageError

SCHEMA_VERSION = 1
_NAME = re.compile(r"\w[\w.+ -]{0,63}")
_RESERVED = {"none", "default", "con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(10)}


@dataclasses.dataclass(frozen=True)
class ImportedWeights:
    """Weights that the user brought. ``created``: seconds since the epoch; ``source``: name of the file they
    came from; ``sha256``: of the stored file.
    """

    name: str
    backbone: str
    path: Path
    sha256: str
    created: float
    source: str


def root() -> Path:
    return paths.data_dir() / "weights"


def folder(backbone_id: str) -> Path:
    """Where imported weights of a backbone lie; ids such as ``timm/resnet18`` become one folder name."""
    return root() / re.sub(r"[^\w.+-]", lambda hit: f"%{ord(hit.group()):02x}", backbone_id)


def imported(backbone_id: str = "") -> list[ImportedWeights]:
    """Every imported set of weights, or those of one backbone, oldest first. Unreadable entries are left
    out.
    """
    places = [folder(backbone_id)] if backbone_id else sorted(p for p in root().glob("*") if p.is_dir())
    found = [entry for place in places for note in sorted(place.glob("*.json")) if (entry := _read(note))]
    return sorted(found, key=lambda entry: (entry.created, entry.name))


def _read(note: Path) -> ImportedWeights | None:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        path = note.with_name(f"{known['name']}.safetensors")
        if not path.is_file():
            return None
        return ImportedWeights(
            name=str(known["name"]),
            backbone=str(known["backbone"]),
            path=path,
            sha256=str(known["sha256"]),
            created=float(known["created"]),
            source=str(known["source"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_name(name: str, descriptor: BackboneDescriptor, backbones: list[BackboneDescriptor]) -> None:
    """Raises ``UsageError`` where ``name`` cannot be given to new weights of ``descriptor``."""
    if not _NAME.fullmatch(name) or name[-1] in ". ":
        raise UsageError(
            f"'{name}' cannot name weights: use 1 to 64 letters, digits, spaces, '.', '_', '+' or '-', "
            "beginning with a letter or digit and not ending with a dot or space."
        )
    folded = name.casefold()
    if folded.split(".")[0] in _RESERVED:
        raise UsageError(f"'{name}' has a meaning of its own and cannot name weights; choose another name.")
    for other in backbones:
        if folded == other.id.casefold():
            raise UsageError(f"'{name}' is the name of a backbone; choose another name for the weights.")
        if any(folded == weights.id.casefold() for weights in other.weights):
            raise UsageError(f"'{name}' is the name of published weights of {other.id}; choose another name for yours.")
    place = folder(descriptor.id)
    for suffix in (".json", ".safetensors"):
        if any(folded + suffix == path.name.casefold() for path in place.glob("*")):
            raise UsageError(
                f"Weights named '{name}' exist already for {descriptor.id} and are never overwritten; "
                f"choose another name, or delete {place / name}.safetensors and .json first."
            )
