"""Writes a data set as WebDataset shards: train-000000.tar, val-000000.tar and so on, each up to 500 MB."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tlstudio.api import DataError, ExportItem, Mask
from tlstudio.places import readable
from tlstudio_builtins.formats.webdataset_labels import NAMES
from tlstudio_builtins.formats.writing import content_of, mask_bytes

_SHARD = 500 << 20  # bytes
_SUFFIX = {"image": ".png", "audio": ".wav", "text": ".txt", "video": ".mp4"}


def write(
    items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
) -> Iterator[int]:
    """Classes as ``.cls`` (their numbers; the names in classes.txt) and all else as ``.json``. Raises ``DataError``."""
    if any("\n" in name or name != name.strip() for name in class_names):
        raise DataError("A class has a line break or spaces around its name. Export with the format jsonl.")
    if task != "regression":
        (folder / NAMES[0]).write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
    index = {name: number for number, name in enumerate(class_names)}
    shards = _Shards(folder)
    try:
        for count, item in enumerate(items, 1):
            name = PurePosixPath(item.name)
            key = f"{count:08d}"
            said: dict[str, object] = {"name": item.name, **({"group": item.group} if item.group else {})}
            parts = {name.suffix.lower() or _SUFFIX[modality]: content_of(item)}
            label = item.label
            if isinstance(label, Mask):
                parts[".mask.png"] = mask_bytes(label)
            elif task == "classification":
                parts[".cls"] = str(index[str(label)]).encode()
            elif task == "multilabel":
                said["labels"] = list(label)
            else:
                said["numbers"] = dict(zip(class_names, label, strict=True))
            parts[".json"] = json.dumps(said, ensure_ascii=False).encode("utf-8")
            shards.add(item.split or "train", key, parts)
            yield count
    except OSError as error:
        raise DataError(f"The shards in {readable(folder)} cannot be written: {error.strerror}.") from error
    finally:
        shards.close()


class _Shards:
    """One open shard for each split."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, tuple[tarfile.TarFile, int]] = {}
        self._counts: dict[str, int] = {}

    def add(self, split: str, key: str, parts: dict[str, bytes]) -> None:
        size = sum(map(len, parts.values()))
        tar, written = self._open.get(split, (None, 0))
        if tar is None or written + size > _SHARD:
            if tar is not None:
                tar.close()
            number = self._counts.get(split, 0)
            self._counts[split] = number + 1
            tar, written = tarfile.open(self._folder / f"{split}-{number:06d}.tar", "w"), 0  # noqa: SIM115 - kept open
        for suffix, content in parts.items():
            info = tarfile.TarInfo(key + suffix)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        tar.getmembers().clear()  # a million of them take a gigabyte
        self._open[split] = (tar, written + size)

    def close(self) -> None:
        for tar, _ in self._open.values():
            tar.close()
