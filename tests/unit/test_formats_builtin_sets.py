"""Well-known data sets, fetched from a server on this machine with files of the right layout."""

import csv
import hashlib
import http.server
import io
import struct
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from tests.unit import format_material as material
from tests.unit.format_material import best, picture, read, reader, shard
from tlstudio import paths
from tlstudio.api import DataError, StoppedByUser, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data import builtin_sets
from tlstudio.weights.transfer import Policy

QUICK = Policy(timeout=2.0, delays=(0.01, 0.02))
Publish = Callable[..., None]


class Files(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files`` by the last part of the address, from where it is asked to begin."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        name, start = self.path.rpartition("/")[2], 0
        server.asked.append((name, self.headers.get("Range", "")))
        content = server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", '"1"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        sent = content[start:]
        if server.breaks:
            sent = sent[: server.breaks.pop()]
            self.close_connection = True
        self.wfile.write(sent)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as running:
        found: Any = running
        found.files, found.asked, found.breaks = {}, [], []
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv("TLSTUDIO_MIRROR", f"http://127.0.0.1:{running.server_address[1]}")
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield found
        running.shutdown()
        thread.join(60)


@pytest.fixture
def publish(server: Any, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts files of a built-in set on the server, and their checksums into the catalog."""

    def put(name: str, *contents: bytes) -> None:
        import dataclasses

        entry = builtin_sets.named(name)
        files = []
        for (file, _), content in zip(entry.files, contents, strict=True):
            server.files[file] = content
            files.append((file, hashlib.md5(content).hexdigest()))
        changed = dataclasses.replace(entry, files=tuple(files), megabytes=1)
        sets = tuple(changed if s.name == name else s for s in builtin_sets.SETS)
        monkeypatch.setattr(builtin_sets, "SETS", sets)

    return put


def run(job: Generator[Event, None, Path]) -> tuple[Path, list[Event]]:
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            return end.value, events


def fetched(name: str, folder: Path) -> Path:
    return run(builtin_sets.fetch(name, folder, Control(), QUICK))[0]


def idx_files(count: int = 4) -> list[bytes]:
    images = struct.pack(">4I", 0x803, count, 2, 2) + bytes(4 * count)
    labels = struct.pack(">2I", 0x801, count) + bytes(range(count))
    return [images, labels, images, labels]


def archive(folder: Path, members: list[tuple[str, bytes]]) -> bytes:
    return shard(folder / "a.tar.gz", members, "w:gz").read_bytes()


def test_that_the_catalog_names_each_set_once_and_can_arrange_it() -> None:
    names = [entry.name.lower() for entry in builtin_sets.catalog()]
    assert len(set(names)) == len(names) >= 12
    assert all(entry.layout in builtin_sets.set_layouts.LAYOUTS for entry in builtin_sets.catalog())
    assert builtin_sets.named("cifar10").files[0][0] == "cifar-10-binary.tar.gz"
    with pytest.raises(UsageError, match=r"no built-in data set 'IMAGENET'\. There are: MNIST, "):
        builtin_sets.named("IMAGENET")


def test_that_clothes_come_with_their_names_and_stay_in_the_cache(
    tmp_path: Path, server: Any, publish: Publish
) -> None:
    publish("FashionMNIST", *idx_files())
    server.breaks = [10]
    source, events = run(builtin_sets.fetch("fashionmnist", tmp_path / "a", Control(), QUICK))
    assert best(source) == "idx"
    items, _ = read(reader("idx"), source)
    assert [(i.label, i.split) for i in items[:2]] == [("T-shirt/top", "test"), ("Trouser", "test")]
    assert {i.split for i in items} == {"train", "test"}
    assert ("train-images-idx3-ubyte.gz", "bytes=10-") in server.asked  # went on where the connection broke
    assert any(isinstance(e, Message) and "connection broke" in e.text for e in events)
    assert any(isinstance(e, Progress) for e in events)
    server.asked.clear()
    assert fetched("FashionMNIST", tmp_path / "b").parent == tmp_path / "b"
    assert server.asked == []


def test_that_cifar_is_fetched_in_its_binary_version(tmp_path: Path, publish: Publish) -> None:
    plain = material.cifar(tmp_path / "plain")
    members = [(f"cifar-10-batches-bin/{p.name}", p.read_bytes()) for p in plain.iterdir()]
    publish("CIFAR10", archive(tmp_path, members))
    source = fetched("CIFAR10", tmp_path / "out")
    assert best(source) == "cifar"
    assert len(read(reader("cifar"), source)[0]) == 4


def test_that_pets_and_flowers_become_a_table(tmp_path: Path, publish: Publish) -> None:
    names = ("great_pyrenees_1", "great_pyrenees_2", "Bombay_7")
    pictures = archive(tmp_path, [(f"images/{n}.jpg", picture()) for n in names])
    notes = [("annotations/trainval.txt", b"great_pyrenees_1 1 2 1\nBombay_7 2 1 1\n"),
             ("annotations/test.txt", b"# a remark\ngreat_pyrenees_2 1 2 1\n")]  # fmt: skip
    publish("OxfordIIITPet", pictures, archive(tmp_path, notes))
    source = fetched("OxfordIIITPet", tmp_path / "pets")
    items, skipped = read(reader("csv"), source)
    assert (best(source), skipped) == ("csv", [])
    assert [(i.label, i.split) for i in items] == [
        ("great pyrenees", "train"), ("Bombay", "train"), ("great pyrenees", "test"),
    ]  # fmt: skip
    labels, parts = io.BytesIO(), io.BytesIO()
    savemat(labels, {"labels": np.array([[3, 1, 3]])})
    savemat(parts, {"trnid": np.array([[1]]), "valid": np.array([[2]]), "tstid": np.array([[3, 9]])})
    flowers = archive(tmp_path, [(f"jpg/image_0000{n}.jpg", picture()) for n in (1, 2, 3)])
    publish("Flowers102", flowers, labels.getvalue(), parts.getvalue())
    items, _ = read(reader("csv"), fetched("Flowers102", tmp_path / "flowers"))
    assert [(i.label, i.split) for i in items] == [("003", "train"), ("001", "val"), ("003", "test")]
    publish("Flowers102", flowers, b"no matlab", parts.getvalue())
    with pytest.raises(DataError, match="The labels in"):
        fetched("Flowers102", tmp_path / "again")


@pytest.mark.parametrize(("name", "members", "rows"), [
    ("Food101", [("food-101/images/pie/1.jpg", b"x"), ("food-101/meta/train.txt", b"pie/1\n"),
                 ("food-101/meta/test.txt", b"")], [["images/pie/1.jpg", "pie", "train"]]),
    ("DTD", [("dtd/images/dotted/1.jpg", b"x"), ("dtd/labels/train1.txt", b""), ("dtd/labels/test1.txt", b""),
             ("dtd/labels/val1.txt", b"dotted/1.jpg\n")], [["images/dotted/1.jpg", "dotted", "val"]]),
    ("FGVCAircraft", [("f/data/images/12.jpg", b"x"), ("f/data/images_variant_train.txt", b"12 DC-10 x\n"),
                      ("f/data/images_variant_val.txt", b""), ("f/data/images_variant_test.txt", b"")],
     [["images/12.jpg", "DC-10 x", "train"]]),
])  # fmt: skip
def test_that_lists_of_files_become_tables(
    tmp_path: Path, publish: Publish, name: str, members: list[tuple[str, bytes]], rows: list[list[str]]
) -> None:
    publish(name, archive(tmp_path, members))
    with fetched(name, tmp_path / "out").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["file", "label", "split"], *rows]


def test_that_numbers_of_wordnet_become_names_and_masks_are_found(tmp_path: Path, publish: Publish) -> None:
    numbers = ("n01440764", "n02102040")
    members = [(f"imagenette2-160/{s}/{n}/1.JPEG", b"x") for s in ("train", "val") for n in numbers]
    publish("Imagenette", archive(tmp_path, members))
    source = fetched("Imagenette", tmp_path / "out")
    assert best(source) == "split-folders"
    assert {i.label for i in read(reader("split-folders"), source)[0]} == {"tench", "English springer"}
    masked = [("VOCdevkit/VOC2012/JPEGImages/1.jpg", picture()), ("VOCdevkit/VOC2012/SegmentationClass/1.png",
              material.mask(None, [[0, 15]]))]  # fmt: skip
    publish("VOCSegmentation", archive(tmp_path, masked))
    source = fetched("VOCSegmentation", tmp_path / "voc")
    assert (best(source), reader("voc").look(source).task) == ("voc", "segmentation")


def test_that_a_wrong_file_and_no_network_are_said_with_the_way_out(
    tmp_path: Path, server: Any, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("KMNIST", *idx_files())
    server.files["train-images-idx3-ubyte.gz"] = b"<html>please log in</html>"
    with pytest.raises(DataError, match="is not the published file"):
        fetched("KMNIST", tmp_path / "a")
    monkeypatch.setenv("TLSTUDIO_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"could not be downloaded: .*put the file, named exactly train-images"):
        fetched("KMNIST", tmp_path / "a")
    cache = paths.cache_dir() / "datasets" / "KMNIST"
    for (name, _), content in zip(builtin_sets.named("KMNIST").files, idx_files(), strict=True):
        (cache / name).write_bytes(content)
    assert best(fetched("KMNIST", tmp_path / "b")) == "idx"  # put there by hand
    control = Control()
    control.request_stop()
    with pytest.raises(StoppedByUser):
        run(builtin_sets.fetch("MNIST", tmp_path / "c", control, QUICK))
