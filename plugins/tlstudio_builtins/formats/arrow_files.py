"""Opening Parquet and Arrow files in small portions, and what Hugging Face's ``datasets`` notes beside them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from tlstudio.api import DataError
from tlstudio.places import readable

ENDINGS = (".parquet", ".arrow")
_ROWS = 64  # at once: rows may hold pictures


def schema_of(path: Path) -> Any:
    """The columns of a file, a ``pyarrow.Schema``. Raises ``DataError``."""
    try:
        if path.suffix.lower() == ".parquet":
            return pyarrow.parquet.read_schema(path)
        with pa.OSFile(str(path)) as stream:
            return _opened(stream).schema
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{readable(path)} cannot be read as a table: {' '.join(str(error).split())}.") from error


class Batches:
    """The rows of some columns, a few at a time. Raises ``DataError`` where the file is damaged."""

    def __init__(self, path: Path, columns: list[str], rows: int = _ROWS) -> None:
        self._path, self._columns, self._rows = path, columns, rows

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._portions()
        except (pa.ArrowException, OSError) as error:
            text = " ".join(str(error).split()).rstrip(".")
            raise DataError(f"{readable(self._path)} is damaged: {text}.") from error

    def _portions(self) -> Iterator[Any]:
        if self._path.suffix.lower() == ".parquet":
            with pyarrow.parquet.ParquetFile(self._path) as file:
                yield from file.iter_batches(batch_size=self._rows, columns=self._columns)
            return
        with pa.memory_map(str(self._path)) as stream:
            for batch in _batches(_opened(stream)):
                part = batch.select(self._columns)
                part.validate(full=True)  # a damaged file may point anywhere
                for start in range(0, part.num_rows, self._rows):
                    yield part.slice(start, self._rows)


def _opened(stream: Any) -> Any:
    """``datasets`` writes streams; others write files with a list of contents at the end."""
    try:
        return pyarrow.ipc.open_file(stream)
    except pa.ArrowInvalid:
        stream.seek(0)
        return pyarrow.ipc.open_stream(stream)


def _batches(reader: Any) -> Iterator[Any]:
    if hasattr(reader, "num_record_batches"):
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from reader


def features_of(path: Path, source: Path) -> dict[str, Any]:
    """What ``datasets`` knows of the columns (classes and kinds): from the file itself, or ``dataset_info.json``."""
    noted = (schema_of(path).metadata or {}).get(b"huggingface")
    texts = [noted.decode("utf-8", "replace")] if noted else []
    for folder in dict.fromkeys((path.parent, source)):
        info = folder / "dataset_info.json"
        if info.is_file() and info.stat().st_size < 16 << 20:
            texts.append(info.read_text(encoding="utf-8", errors="replace"))
    for text in texts:
        try:
            entry = json.loads(text)
            features = entry.get("info", entry).get("features")
        except (ValueError, AttributeError, RecursionError):
            continue
        if isinstance(features, dict):
            return {name: kind for name, kind in features.items() if isinstance(kind, dict | list)}
    return {}
