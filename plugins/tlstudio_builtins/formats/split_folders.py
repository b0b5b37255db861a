"""``split-folders``: train, val and test, each with class folders."""

from collections.abc import Iterator
from pathlib import Path

from tlstudio.api import DataError, ExportItem, RawItem, Skipped, Sniffed
from tlstudio.places import readable
from tlstudio_builtins.formats.folders import NOUNS, Walker, holds, modality_of_all, subfolders
from tlstudio_builtins.formats.image_folder import beside
from tlstudio_builtins.formats.writing import copy_item, safe_folders

SPELLINGS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "eval": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


class SplitFolders:
    """A :class:`tlstudio.api.DatasetFormat` that looks, and writes such folders."""

    def sniff(self, source: Path) -> float:
        if not source.is_dir():
            return 0.0
        found = {SPELLINGS[f.name.lower()]: f for f in subfolders(source) if f.name.lower() in SPELLINGS}
        if "train" not in found:
            return 0.0
        classes = subfolders(found["train"])
        modality = modality_of_all(classes)
        if not modality or sum(holds(folder, modality) for folder in classes) < 2:
            return 0.0
        # With one folder of that name alone, its neighbours may be classes: "train" beside "bus" and "car".
        return 0.9 if len(found) > 1 else (0.75 if len(subfolders(source)) == 1 else 0.0)

    def look(self, source: Path) -> Sniffed:
        sure = self.sniff(source)
        splits = [f for f in subfolders(source) if f.name.lower() in SPELLINGS] if sure else []
        rows = tuple((f.name, str(len(subfolders(f)))) for f in splits)
        modality = _modality(splits)
        names = ", ".join(f.name for f in splits)
        sentence = f"The folders {names}, each with a folder of {NOUNS[modality][1]} for each class."
        return Sniffed(
            sure=sure, modality=modality, columns=("split", "classes"), rows=rows, has_splits=True,
            sentence=sentence if sure else "",
        )  # fmt: skip

    def read(self, source: Path) -> Iterator[RawItem | Skipped]:
        if not source.is_dir():
            raise DataError(f"{readable(source)} is not a folder. Name the folder that holds train, val and test.")
        folders = subfolders(source)
        if not any(SPELLINGS.get(folder.name.lower()) == "train" for folder in folders):
            raise DataError(
                f"{readable(source)} has no folder named train. Name it so, or import with the format image-folder."
            )
        inside = {f: subfolders(f) for f in folders if f.name.lower() in SPELLINGS}
        modality = _modality(list(inside))
        walker = Walker(source, modality)
        walker.reserve([*folders, *(classes for found in inside.values() for classes in found)])
        yield from beside(source, "the folders train, val and test", modality)
        for folder in folders:
            split = SPELLINGS.get(folder.name.lower())
            if split is None:
                yield Skipped(folder, "The folder is none of train, val and test, so it is left out.")
                continue
            yield from beside(folder, "the class folders", modality)
            if not inside[folder]:
                yield Skipped(folder, "The folder has no class folders, so nothing of it can be used.")
            for class_folder in inside[folder]:
                yield from walker.read(class_folder, class_folder.name, split)

    def write(
        self, items: Iterator[ExportItem], folder: Path, *, task: str, modality: str, class_names: tuple[str, ...]
    ) -> Iterator[int]:
        names = safe_folders(class_names, task)
        for count, item in enumerate(items, 1):
            copy_item(item, folder / (item.split or "train") / names[str(item.label)])
            yield count


def _modality(splits: list[Path]) -> str:
    return modality_of_all([classes for folder in splits for classes in subfolders(folder)]) or "image"
