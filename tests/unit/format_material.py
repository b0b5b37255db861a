"""Small data sets in every layout that is read, made of real pictures."""

import gzip
import io
import json
import struct
import tarfile
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from tlstudio.api import DatasetFormat, NoOptions, Options, RawItem, Skipped, parse_options
from tlstudio_builtins.formats import FORMATS


def picture(path: Path | None = None, size: tuple[int, int] = (8, 6), colour: int = 90) -> bytes:
    """A PNG of one grey, also written to ``path``."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (colour, colour, colour)).save(buffer, "PNG")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def mask(path: Path | None, pixels: Sequence[Sequence[int]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(buffer, "PNG")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def pixels_of(content: bytes) -> list[list[int]]:
    with Image.open(io.BytesIO(content)) as image:
        found: list[list[int]] = np.asarray(image).tolist()
        return found


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(160))


def reader(identifier: str, task: str = "auto", options: dict[str, Any] | None = None) -> Any:
    """The format, configured."""
    descriptor = next(d for d in FORMATS if d.id == identifier)
    made = descriptor.load()()
    if hasattr(made, "configure"):
        parsed: Options = parse_options(descriptor.options, options or {})
        made.configure(parsed, task)
    else:
        assert descriptor.options is NoOptions
        assert not options
    return made


def best(source: Path) -> str:
    """The format that is surest of ``source``."""
    scores = {d.id: d.load()().sniff(source) for d in FORMATS}
    return max(scores, key=lambda name: scores[name]) if any(scores.values()) else ""


def read(made: DatasetFormat, source: Path) -> tuple[list[RawItem], list[Skipped]]:
    items: list[RawItem] = []
    skipped: list[Skipped] = []
    for entry in made.read(source):
        if isinstance(entry, RawItem):
            items.append(entry)
        else:
            assert entry.reason[0].isupper() or entry.reason[0] in "'_" or entry.reason[0].isdigit(), entry.reason
            assert entry.reason.endswith("."), entry.reason
            assert "\n" not in entry.reason.strip() or "'" in entry.reason
            skipped.append(entry)
    return items, skipped


COCO: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 8, "height": 6},
        {"id": 2, "file_name": "b.png", "width": 8, "height": 6},
    ],
    "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [0, 0, 4, 6], "segmentation": [[0, 0, 3, 0, 3, 5, 0, 5]]},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [5, 0, 2, 2], "segmentation": [[5, 0, 6, 0, 6, 1, 5, 1]]},
        {"id": 3, "image_id": 2, "category_id": 3, "bbox": [0, 0, 2, 1],
         "segmentation": {"size": [6, 8], "counts": [0, 6, 42]}},
    ],
}  # fmt: skip


def coco(folder: Path, content: dict[str, Any] | None = None) -> Path:
    picture(folder / "images" / "a.png")
    picture(folder / "images" / "b.png", colour=20)
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_train.json").write_text(json.dumps(content or COCO))
    return folder


def voc(folder: Path) -> Path:
    for number, names in enumerate((["cat", "dog"], ["dog", "dog"])):
        picture(folder / "JPEGImages" / f"{number}.png", colour=number * 40)
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>{3 + n}</xmax><ymax>4</ymax>"
            "</bndbox></object>" for n, name in enumerate(names)
        )  # fmt: skip
        path = folder / "Annotations" / f"{number}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"<annotation><filename>{number}.png</filename>{objects}</annotation>")
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("0\n")
    (folder / "ImageSets" / "Main" / "test.txt").write_text("1\n")
    return folder


def yolo(folder: Path, lines: Sequence[str] = ("0 0.5 0.5 0.5 0.5\n1 0.1 0.1 0.1 0.1\n", "1 0.5 0.5 1 1\n")) -> Path:
    for number, text in enumerate(lines):
        picture(folder / "images" / "train" / f"{number}.png", colour=number * 40)
        path = folder / "labels" / "train" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "data.yaml").write_text("path: .\ntrain: images/train\nnames:\n  0: cat\n  1: 'dog'\n")
    return folder


def masks(folder: Path) -> Path:
    for number in range(3):
        picture(folder / "images" / f"{number}.png", (2, 2), number * 40)
        mask(folder / "masks" / f"{number}_mask.png", [[0, 255], [255, 0]])
    return folder


def idx(folder: Path, count: int = 5, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    images = struct.pack(">4I", 0x803, count, 3, 2) + bytes(n % 256 for n in range(6 * count))
    labels = struct.pack(">2I", 0x801, count) + bytes(n % 3 for n in range(count))
    for name, content in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return folder


def cifar(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batches.meta.txt").write_text("airplane\nbird\n\n")
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(bytes([1]) + bytes(1024) + bytes([255]) * 2048 + bytes([0]) + bytes(3072))
    return folder


def parquet(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    kinds = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": kinds}})},
    )
    for split in ("train", "validation"):
        rows = [{"image": {"bytes": picture(colour=n), "path": f"{n}.png"}, "label": n % 2} for n in range(3)]
        table = pa.Table.from_pylist(rows, schema=schema)
        pyarrow.parquet.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def shard(path: Path, members: Sequence[tuple[str, bytes]], mode: Any = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def webdataset(folder: Path, mode: Any = "w", suffix: str = ".tar") -> Path:
    for split in ("train", "val"):
        members = []
        for n in range(3):
            members += [(f"{n:04d}.png", picture(colour=n * 9)), (f"{n:04d}.cls", str(n % 2).encode())]
        shard(folder / f"{split}-000000{suffix}", members, mode)
    (folder / "classes.txt").write_text("cat\ndog\n")
    return folder


def table(folder: Path) -> Path:
    for n in range(4):
        picture(folder / "pictures" / f"{n}.png", colour=n * 30)
    rows = "".join(f"{n}.png,{'ab'[n % 2]},train\n" for n in range(4))
    (folder / "list.csv").write_text(f"file,label,split\n{rows}")
    return folder


def lines(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = ({"text": f"text {n}, 'quoted'", "labels": ["a", "b"][: n % 3], "split": "test"} for n in range(4))
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "coco": coco, "voc": voc, "yolo": yolo, "mask-folders": masks, "idx": idx, "cifar": cifar, "parquet": parquet,
    "webdataset": webdataset, "csv": table, "jsonl": lines,
}  # fmt: skip
