"""Which column of a Parquet file is the sample and which the label, and how a label is read."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from tlstudio.api import DataError, Declared, Label
from tlstudio.places import readable
from tlstudio_builtins.formats import table_names as known
from tlstudio_builtins.formats.arrow_files import Batches
from tlstudio_builtins.formats.csv_text import column
from tlstudio_builtins.formats.folders import modality_of_name

_KINDS = {"Image": "image", "Audio": "audio", "Video": "video"}
_STARTS = (
    (b"RIFF", "audio"), (b"fLaC", "audio"), (b"OggS", "audio"), (b"ID3", "audio"), (b"\xff\xfb", "audio"),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Columns:
    sample: str
    labels: tuple[str, ...]
    group: str
    task: str
    modality: str
    class_names: tuple[str, ...] = ()

    def declared(self) -> Declared:
        return Declared(self.labels if self.task == "regression" else self.class_names)

    def label(self, row: Mapping[str, Any]) -> Label:
        """Raises ``DataError`` with a sentence that names no row."""
        if self.task == "regression":
            return tuple(_number(row[name], name) for name in self.labels)
        value = row[self.labels[0]]
        if self.task == "multilabel":
            parts = value if isinstance(value, list) else [] if value is None else [value]
            return tuple(dict.fromkeys(self._name(part) for part in parts))
        if value is None or value == "" or (isinstance(value, int) and value < 0 and self.class_names):
            raise DataError("It has no label.")
        if isinstance(value, list | dict | bytes):
            raise DataError("Its label is no class.")
        return self._name(value)

    def _name(self, value: Any) -> str:
        if self.class_names and isinstance(value, int):
            if not 0 <= value < len(self.class_names):
                raise DataError(f"Its label is {value}, and there are {len(self.class_names)} classes.")
            return self.class_names[value]
        return str(value)[:300]


def choose(path: Path, schema: Any, features: Mapping[str, Any], wanted: Columns) -> Columns:
    """Fills in what ``wanted`` leaves empty. Raises ``DataError`` where there is no such column."""
    names = list(schema.names)
    for name in (wanted.sample, *wanted.labels, wanted.group):
        if name and name not in names:
            raise DataError(f"{readable(path)} has no column '{name}'; its columns are {', '.join(names[:20])}.")
    sample = wanted.sample or _sample(schema, features)
    if not sample:
        raise DataError(
            f"No column of {readable(path)} holds pictures, sounds or texts; its columns are {', '.join(names[:20])}. "
            f"Say which one it is."
        )
    labels = wanted.labels or _labels(schema, features, sample, wanted.task)
    if not labels:
        raise DataError(
            f"No column of {readable(path)} is known to hold labels; its columns are {', '.join(names[:20])}. Say "
            f"which one it is."
        )
    kind = schema.field(labels[0]).type
    several = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    measured = pa.types.is_floating(kind) or len(labels) > 1
    guessed = "multilabel" if several else "regression" if measured else "classification"
    task = wanted.task if wanted.task != "auto" else guessed
    if task == "segmentation" or (several and task != "multilabel"):
        raise DataError(f"The column '{labels[0]}' of {readable(path)} cannot give data for {task}.")
    group = wanted.group or next((n for n in names if column([n], known.GROUP) == 0 and n not in labels), "")
    return Columns(sample, labels, group, task, _modality(path, schema, features, sample), _classes(features, labels))


def _sample(schema: Any, features: Mapping[str, Any]) -> str:
    names = list(schema.names)
    noted = [name for name in names if _kind(features.get(name)) in _KINDS]
    holding = [n for n in names if _holds_bytes(schema.field(n).type)]
    texts = [
        n for n in names if pa.types.is_string(schema.field(n).type) or pa.types.is_large_string(schema.field(n).type)
    ]
    called = [n for n in texts if column([n], known.TEXT) == 0]
    others = [n for n in texts if column([n], known.LABEL) < 0 and column([n], known.PERHAPS_FILE) < 0]
    return next(iter([*noted, *holding, *called, *others]), "")


def _labels(schema: Any, features: Mapping[str, Any], sample: str, task: str) -> tuple[str, ...]:
    rest = [name for name in schema.names if name != sample]
    kinds = {name: schema.field(name).type for name in rest}
    numbers = [n for n in rest if pa.types.is_floating(kinds[n])]
    if task == "regression":
        called = [n for n in rest if column([n], known.LABEL) == 0 and _is_number(kinds[n])]
        return tuple(called[:1] or numbers or [n for n in rest if _is_number(kinds[n])])
    noted = [name for name in rest if _names_of(features.get(name))]
    called = [name for name in rest if column([name], known.LABEL) == 0]
    return tuple((noted or called)[:1]) or (tuple(numbers) if task == "auto" else ())


def _modality(path: Path, schema: Any, features: Mapping[str, Any], sample: str) -> str:
    kind = schema.field(sample).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if noted := _KINDS.get(_kind(features.get(sample))):
        return noted
    batch = next(iter(Batches(path, [sample], rows=1)), None)
    value = batch.to_pylist()[0][sample] if batch is not None and batch.num_rows else None
    content, name = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, "")
    start = content[:12] if isinstance(content, bytes) else b""
    named = modality_of_name(name) if isinstance(name, str) else ""
    by_start = next((modality for magic, modality in _STARTS if start.startswith(magic)), "")
    if start[8:12] == b"WEBP":
        by_start = "image"
    return (
        named or by_start or ("video" if start[4:8] == b"ftyp" and start[8:12] not in (b"avif", b"avis") else "image")
    )


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _names_of(feature: Any) -> tuple[str, ...]:
    """The classes of a ClassLabel, or of a sequence of them."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    if isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    names = feature.get("names") if isinstance(feature, dict) and _kind(feature) == "ClassLabel" else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _classes(features: Mapping[str, Any], labels: tuple[str, ...]) -> tuple[str, ...]:
    return _names_of(features.get(labels[0]))


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"The column '{name}' holds {value!r}, where a number is needed.")
    return float(value)
