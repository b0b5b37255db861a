"""``split-folders``: train, val and test, each with class folders."""

from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, RawItem, Skipped
from tlstudio_builtins.formats.folders import Walker, holds_pictures, printable, subfolders
from tlstudio_builtins.formats.image_folder import beside

SPELLINGS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "eval": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


class SplitFolders:
    """A :class:`tlstudio.api.DatasetFormat`."""

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        found = {SPELLINGS[f.name.lower()]: f for f in subfolders(source) if f.name.lower() in SPELLINGS}
        if "train" not in found or sum(map(holds_pictures, subfolders(found["train"]))) < 2:
            return 0.0
        # With one folder of that name alone, its neighbours may be classes: "train" beside "bus" and "car".
        return 0.9 if len(found) > 1 else (0.75 if len(subfolders(source)) == 1 else 0.0)

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{printable(source)} is not a folder. Name the folder that holds train, val and test.")
        folders = subfolders(source)
        if not any(SPELLINGS.get(folder.name.lower()) == "train" for folder in folders):
            raise DataError(
                f"{printable(source)} has no folder named train. Name it so, or import with the format image-folder."
            )
        walker = Walker(source)
        inside = {f: subfolders(f) for f in folders if f.name.lower() in SPELLINGS}
        walker.reserve([*folders, *(classes for found in inside.values() for classes in found)])
        yield from beside(source, "the folders train, val and test")
        for folder in folders:
            split = SPELLINGS.get(folder.name.lower())
            if split is None:
                yield Skipped(folder, "The folder is none of train, val and test, so it is left out.")
                continue
            yield from beside(folder, "the class folders")
            if not inside[folder]:
                yield Skipped(folder, "The folder has no class folders, so nothing of it can be used.")
            for class_folder in inside[folder]:
                yield from walker.read(class_folder, class_folder.name, split)
