"""Writes a data set as Parquet that Hugging Face's ``datasets`` opens: a file for each split."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from tlstudio.api import DataError, ExportItem, Mask
from tlstudio.places import readable
from tlstudio_builtins.formats.writing import content_of, only, text_of

_ROWS = 100
_SAMPLES = {"image": ("image", "Image"), "audio": ("audio", "Audio"), "video": ("video", "Video")}
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


def write(
    items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
) -> Iterator[int]:
    """Columns: image, audio, video or text; what is learnt; group. Raises ``DataError``."""
    only(task, ("classification", "multilabel", "regression"), "Parquet")
    schema = _schema(task, modality, class_names)
    index = {name: position for position, name in enumerate(class_names)}
    writers: dict[str, Any] = {}
    waiting: dict[str, list[dict[str, Any]]] = {}
    try:
        for count, item in enumerate(items, 1):
            split = _SPLITS.get(item.split, "train")
            if split not in writers:
                path = folder / "data" / f"{split}-00000-of-00001.parquet"
                path.parent.mkdir(exist_ok=True)
                writers[split], waiting[split] = pyarrow.parquet.ParquetWriter(path, schema), []
            waiting[split].append(_row(item, task, modality, class_names, index))
            if len(waiting[split]) == _ROWS:
                writers[split].write_table(pa.Table.from_pylist(waiting[split], schema=schema))
                waiting[split].clear()
            yield count
        for split, rows in waiting.items():
            if rows:
                writers[split].write_table(pa.Table.from_pylist(rows, schema=schema))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"The Parquet files in {readable(folder)} cannot be written: {error}.") from error
    finally:
        for writer in writers.values():
            writer.close()


def _schema(task: str, modality: str, class_names: tuple[str, ...]) -> Any:
    fields: dict[str, Any] = {}
    features: dict[str, Any] = {}
    if modality == "text":
        fields["text"], features["text"] = pa.string(), {"dtype": "string", "_type": "Value"}
    else:
        name, kind = _SAMPLES[modality]
        fields[name] = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        features[name] = {"_type": kind}
    classes = {"names": list(class_names), "_type": "ClassLabel"}
    if task == "classification":
        fields["label"], features["label"] = pa.int64(), classes
    elif task == "multilabel":
        fields["labels"], features["labels"] = pa.list_(pa.int64()), {"feature": classes, "_type": "Sequence"}
    else:
        fields.update(dict.fromkeys(class_names, pa.float64()))
        features.update({name: {"dtype": "float64", "_type": "Value"} for name in class_names})
    fields["group"], features["group"] = pa.string(), {"dtype": "string", "_type": "Value"}
    noted = json.dumps({"info": {"features": features}})
    return pa.schema(list(fields.items()), metadata={"huggingface": noted})


def _row(item: ExportItem, task: str, modality: str, names: tuple[str, ...], index: dict[str, int]) -> dict[str, Any]:
    if modality == "text":
        row: dict[str, Any] = {"text": text_of(item)}
    else:
        row = {_SAMPLES[modality][0]: {"bytes": content_of(item), "path": item.name}}
    row["group"] = item.group
    label = item.label
    assert not isinstance(label, Mask)
    if task == "classification":
        row["label"] = index[str(label)]
    elif task == "multilabel":
        row["labels"] = [index[str(name)] for name in label]
    else:
        row.update(zip(names, label, strict=True))
    return row
