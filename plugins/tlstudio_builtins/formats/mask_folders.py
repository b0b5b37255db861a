"""``mask-folders``: a folder of pictures and one of masks with the same names; or masks beside the pictures."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tlstudio.api import DataError, Declared, ExportItem, Mask, Options, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import is_picture_name, listing, subfolders
from tlstudio_builtins.formats.masks import MaskValues
from tlstudio_builtins.formats.options import MaskOptions
from tlstudio_builtins.formats.split_folders import SPELLINGS
from tlstudio_builtins.formats.writing import copy_item, mask_bytes, only

_PICTURES = ("image", "images", "img", "imgs", "input", "inputs", "photos", "pictures", "jpegimages", "x")
_MASKS = (
    "mask", "masks", "label", "labels", "annotation", "annotations", "gt", "groundtruth", "segmentation",
    "segmentations", "seg", "target", "targets", "manual", "y",
)  # fmt: skip
_MASK_ENDING = re.compile(
    r"[ _\-.](masks?|seg|segmentation|labels?|labelids|labeltrainids|gt|groundtruth|anno|annotation|manual\d*|target)$",
    re.IGNORECASE,
)
_PICTURE_ENDING = re.compile(r"[ _\-.](image|img|leftimg8bit|input|sat|training|test)$", re.IGNORECASE)
_NAMES = ("classes.txt", "class_names.txt", "labels.txt")


class _Place(NamedTuple):
    pictures: Path
    masks: Path
    split: str


class MaskFolders:
    """A :class:`tlstudio.api.DatasetFormat` that looks, can be configured and writes."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._declared = Declared()

    def configure(self, options: Options, task: str) -> None:
        if task not in ("", "auto", "segmentation"):
            raise DataError(f"Pictures with masks give data for segmentation, not for {task}.")
        if isinstance(options, MaskOptions):
            self._names = tuple(name.strip() for name in options.class_names.split(",") if name.strip())

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        for place in _places(source):
            pictures, masks = _stems(place)
            if len(masks.keys() & pictures.keys()) * 2 > len(masks):
                return 0.97
        return 0.0

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        places = _places(source) if sure else []
        rows: list[tuple[str, str]] = []
        values = MaskValues()
        for place in places:
            pictures, masks = _stems(place)
            rows += [(pictures[s].name, masks[s].name) for s in sorted(pictures.keys() & masks.keys())[:8]]
            for stem in sorted(pictures.keys() & masks.keys())[:4]:
                values.mask(Mask(masks[stem]))
        names = ", ".join(values.declared(self._names or _listed(source)).class_names) if sure else ""
        return Sniffed(
            sure=sure, task="segmentation", columns=("picture", "mask"), rows=tuple(rows[:8]),
            sentence=f"Pictures with masks of the same names; the classes of pixels: {names}." if sure else "",
            has_splits=any(place.split for place in places),
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        places = _places(source) if source.is_dir() else []
        if not places:
            raise DataError(
                f"{readable(source)} has no folders of pictures and masks, named such as images and masks, nor "
                f"pictures with masks beside them, named such as 1.png and 1_mask.png."
            )
        values = MaskValues()
        for place in places:
            pictures, masks = _stems(place)
            for stem, picture in sorted(pictures.items(), key=lambda entry: entry[1].name):
                if stem not in masks:
                    yield Skipped(picture, f"There is no mask of its name in {readable(place.masks.name)}.")
                    continue
                try:
                    yield RawItem(picture, values.mask(Mask(masks[stem])), place.split)
                except DataError as error:
                    yield Skipped(picture, str(error))
            for stem in sorted(masks.keys() - pictures.keys()):
                yield Skipped(masks[stem], f"There is no picture of its name in {readable(place.pictures.name)}.")
        self._declared = values.declared(self._names or _listed(source))

    def declared(self) -> Declared:
        return self._declared

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        only(task, ("segmentation",), "Folders of pictures and masks")
        for count, item in enumerate(items, 1):
            split = folder / (item.split or "train")
            copy_item(item, split / "images", item.name)
            assert isinstance(item.label, Mask)
            target = split / "masks" / Path(item.name).with_suffix(".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(mask_bytes(item.label))
            yield count
        (folder / _NAMES[0]).write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")


def _places(source: Path) -> list[_Place]:
    """images and masks, each perhaps with train and val in it; train and val with both in them; or all together."""
    found = list(_siblings(source, ""))
    for folder in subfolders(source):
        split = SPELLINGS.get(folder.name.lower(), "")
        if split:
            found += _siblings(folder, split)
    if not found and any(_MASK_ENDING.search(Path(e.name).stem) for e in listing(source) if is_picture_name(e.name)):
        found = [_Place(source, source, "")]
    return found


def _siblings(folder: Path, split: str) -> Iterator[_Place]:
    inside = {f.name.lower().replace("_", ""): f for f in subfolders(folder)}
    pictures = next((inside[name] for name in _PICTURES if name in inside), None)
    masks = next((inside[name] for name in _MASKS if name in inside), None)
    if pictures is None or masks is None:
        return
    splits = [f for f in subfolders(pictures) if f.name.lower() in SPELLINGS and (masks / f.name).is_dir()]
    for inner in splits:
        yield _Place(inner, masks / inner.name, SPELLINGS[inner.name.lower()])
    if not splits:
        yield _Place(pictures, masks, split)


def _stems(place: _Place) -> tuple[dict[str, Path], dict[str, Path]]:
    """Pictures and masks by what their names have in common. Of two of one name the first counts."""
    pictures: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    together = place.pictures == place.masks
    for path in _files(place.masks):
        stem = path.relative_to(place.masks).with_suffix("").as_posix()
        bare = _MASK_ENDING.sub("", stem)
        if not together or bare != stem:
            masks.setdefault(_PICTURE_ENDING.sub("", bare), path)
    for path in _files(place.pictures):
        stem = path.relative_to(place.pictures).with_suffix("").as_posix()
        if not together or not _MASK_ENDING.search(stem):
            pictures.setdefault(stem if stem in masks else _PICTURE_ENDING.sub("", stem), path)
    return pictures, masks


def _files(folder: Path) -> Iterator[Path]:
    for entry in listing(folder):
        if entry.is_dir():
            yield from (Path(e.path) for e in listing(entry.path) if is_picture_name(e.name) and e.is_file())
        elif is_picture_name(entry.name):
            yield Path(entry.path)


def _listed(source: Path) -> tuple[str, ...]:
    for name in _NAMES:
        path = source / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace")[: 1 << 20].splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    return ()
