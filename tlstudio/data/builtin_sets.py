"""Well-known data sets that torchvision offers: where their files are, and how they become something a format reads.

Nothing is unpickled: of CIFAR the binary version is fetched. What was fetched stays in the application's cache.
"""

import dataclasses
import hashlib
import shutil
import urllib.error
from collections.abc import Generator
from pathlib import Path

from tlstudio import paths
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.data import set_layouts
from tlstudio.weights import mirror
from tlstudio.weights.atomic import put_in_place
from tlstudio.weights.lock import locked
from tlstudio.weights.transfer import Broken, Policy, Refused
from tlstudio.weights.transfer import fetch as fetch_file

_SPARE = 64 << 20  # bytes left free on the disk
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class BuiltinSet:
    """``files``: (name, MD5, empty where none is published) below the address ``base``; ``megabytes``: to be fetched,
    about; ``layout``: a function of :mod:`tlstudio.data.set_layouts`; ``class_names`` where the files name none.
    """

    name: str
    title: str
    items: int
    megabytes: int
    base: str
    files: tuple[tuple[str, str], ...]
    layout: str = "unpacked"
    task: str = "classification"
    class_names: tuple[str, ...] = ()


def _idx(*digests: str) -> tuple[tuple[str, str], ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple((f"{name}-ubyte.gz", digest) for name, digest in zip(names, digests, strict=True))


_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
SETS = (
    BuiltinSet(
        "MNIST", "Handwritten digits, 28 x 28", 70_000, 11, "https://ossci-datasets.s3.amazonaws.com/mnist",
        _idx("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
             "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"), "copied",
    ),
    BuiltinSet(
        "FashionMNIST", "Clothes, 28 x 28", 70_000, 30, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        _idx("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
             "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"), "copied",
        class_names=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                     "Ankle boot"),
    ),
    BuiltinSet(
        "KMNIST", "Japanese characters, 28 x 28", 70_000, 20, "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        _idx("bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
             "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"), "copied",
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    BuiltinSet(
        "CIFAR10", "Photos of 10 kinds of things, 32 x 32", 60_000, 170, "https://www.cs.toronto.edu/~kriz",
        (("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),),
    ),
    BuiltinSet(
        "CIFAR100", "Photos of 100 kinds of things, 32 x 32", 60_000, 169, "https://www.cs.toronto.edu/~kriz",
        (("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),),
    ),
    BuiltinSet(
        "Flowers102", "Flowers of 102 species", 8_189, 345, f"{_OXFORD}/flowers/102",
        (("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
         ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
         ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c")), "flowers",
    ),
    BuiltinSet(
        "OxfordIIITPet", "Cats and dogs of 37 breeds", 7_349, 811, f"{_OXFORD}/pets/data",
        (("images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
         ("annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f")), "pets",
    ),
    BuiltinSet(
        "Food101", "Dishes of 101 kinds", 101_000, 4_997, "http://data.vision.ee.ethz.ch/cvl",
        (("food-101.tar.gz", "85eeb15f3717b99a5da872d97d918f87"),), "food",
    ),
    BuiltinSet(
        "DTD", "Textures of 47 kinds", 5_640, 625, f"{_OXFORD}/dtd/download",
        (("dtd-r1.0.1.tar.gz", "fff73e5086ae6bdbea199a49dfb8a4c1"),), "textures",
    ),
    BuiltinSet(
        "EuroSAT", "Satellite pictures of 10 kinds of land, 64 x 64", 27_000, 94,
        "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd",
        (("EuroSAT.zip", "c8fa014336c82ac7804f0398fcb19387"),),
    ),
    BuiltinSet(
        "FGVCAircraft", "Aircraft of 100 variants", 10_000, 2_750, f"{_OXFORD}/fgvc-aircraft/archives",
        (("fgvc-aircraft-2013b.tar.gz", ""),), "aircraft",
    ),
    BuiltinSet(
        "RenderedSST2", "Sentences drawn as pictures, positive and negative", 9_613, 131,
        "https://openaipublic.azureedge.net/clip/data",
        (("rendered-sst2.tgz", "2384d08e9dcfa4bd55b324e610496ee5"),),
    ),
    BuiltinSet(
        "Imagenette", "10 easy classes of ImageNet, 160 pixels", 13_394, 99,
        "https://s3.amazonaws.com/fast-ai-imageclas",
        (("imagenette2-160.tgz", "e793b78cc4c9e9a4ccc0c1155377a412"),), "imagenette",
    ),
    BuiltinSet(
        "VOCSegmentation", "Pascal VOC 2012 with masks of 21 classes", 2_913, 2_000,
        "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012",
        (("VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd"),), "pascal", task="segmentation",
    ),
)  # fmt: skip


def catalog() -> tuple[BuiltinSet, ...]:
    return SETS


def named(name: str) -> BuiltinSet:
    """Raises ``UsageError`` for a name that is not in the catalog; capitals do not matter."""
    found = next((entry for entry in SETS if entry.name.lower() == name.strip().lower()), None)
    if found is None:
        known = ", ".join(entry.name for entry in SETS)
        raise UsageError(f"There is no built-in data set '{name}'. There are: {known}.")
    return found


def fetch(name: str, folder: Path, control: Control, policy: Policy | None = None) -> Generator[Event, None, Path]:
    """Fetches what is not in the cache, unpacks it below ``folder`` and returns the folder or table to be read.

    Raises ``UsageError`` for an unknown name, ``DataError`` with the addresses and the folder to put the files in
    where they cannot be fetched, and ``StoppedByUser``; what arrived of a file is continued the next time.
    """
    entry = named(name)
    cache = paths.cache_dir() / "datasets" / entry.name
    for file, digest in entry.files:
        yield from _fetched(entry, file, digest, cache, control, policy or Policy())
    yield Message(text=f"Arranging {entry.name}.")
    folder.mkdir(parents=True, exist_ok=True)
    source: Path = yield from set_layouts.LAYOUTS[entry.layout](
        [cache / file for file, _ in entry.files], folder / entry.name, control
    )
    if entry.class_names:
        names = "".join(f"{name}\n" for name in entry.class_names)
        (source / "classes.txt").write_text(names, encoding="utf-8")
    return source


def _fetched(
    entry: BuiltinSet, file: str, digest: str, cache: Path, control: Control, policy: Policy
) -> Generator[Event, None, None]:
    """Puts one verified file into the cache."""
    url, target = mirror.apply(f"{entry.base}/{file}"), cache / file
    part = target.with_name(f"{file}.part")
    way_out = (
        f"Without a network, fetch {url} on another machine and put the file, named exactly {file}, into the folder "
        f"{cache}. Behind a proxy set HTTPS_PROXY; a mirror can be set in the settings or as TLSTUDIO_MIRROR."
    )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f"{file}.lock"), control) as waiting:
            yield from waiting
            if target.is_file() and (yield from _matches(target, digest, control)):
                return
            needed = (entry.megabytes << 20) // len(entry.files) - (part.stat().st_size if part.exists() else 0)
            free = shutil.disk_usage(cache).free
            if free < needed + _SPARE:
                raise DataError(f"The disk of {cache} has {free / 1e6:,.0f} MB free; {needed / 1e6:,.0f} are needed.")
            for attempt in (1, 2):
                yield from fetch_file(url, part, control, policy)
                if (yield from _matches(part, digest, control)):
                    put_in_place(part, target)
                    return
                part.unlink()
                if attempt == 1:
                    yield Message(text=f"{file} arrived damaged and is fetched once more.", level="warning")
            raise DataError(f"What {url} sends is not the published file (its MD5 should be {digest}). {way_out}")
    except (Broken, Refused, urllib.error.URLError) as error:
        reason = str(getattr(error, "reason", None) or error).rstrip(". ")
        raise DataError(f"{file} of {entry.name} could not be downloaded: {reason}. {way_out}") from error
    except OSError as error:
        raise DataError(f"{target} could not be written: {error}. Check the free space and your rights.") from error


def _matches(path: Path, digest: str, control: Control) -> Generator[Event, None, bool]:
    if not digest:
        return True
    yield Progress(done=0, total=0, unit="bytes", text=f"Checking {path.name}")
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            control.raise_if_stopped()
            found.update(block)
    return found.hexdigest() == digest
