"""The job ``augment``: what training would see of a few items, by training's own code and its own random numbers."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control

if TYPE_CHECKING:
    import torch

    from tlstudio.data.loading import SampleDataset
    from tlstudio.project import Item, Manifest
    from tlstudio.training.subject import Subject

FOLDER = "augmentation"  # in the project's cache
MOST_ITEMS, MOST_VARIANTS = 48, 24
_KEPT = 12  # previews on disk, the newest
_FRAMES = 6  # of a film, side by side
_NOT_TRAINED = "It is excluded, so that training does not see it."
# Of the classes of a mask, over the picture; the first, mostly the background, stays clear.
_TINTS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (213, 94, 0), (0, 114, 178))


def augment_job(
    control: Control, project: str, dataset: str, items: Sequence[int] = (), variants: int = 5, backbone: str = "",
    weights: str = "", augmentation: str = "", flip: bool = True, seed: int = 0, count: int = 6,
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Makes ``variants`` inputs of each of ``items`` (ids; none: ``count`` training items, spread over the classes).

    The n-th variant is what the n-th epoch of a run with this ``seed`` sees of an item of its training split.
    ``augmentation``: one of the modality's; empty is its usual one. Returns ``{"folder", "augmentation", "backbone",
    "items": [{"id", "path", "label", "place", "evaluated", "variants": [...], "problem"}]}``: PNG files, of texts the
    texts themselves (``"text": true``); ``evaluated`` is the input that validation and test see.
    """
    from tlstudio.project import Project
    from tlstudio.registry import Registry
    from tlstudio.training import subject
    from tlstudio.training.embedding import choose

    registry = Registry.discover()
    if not (0 < variants <= MOST_VARIANTS and len(items) <= MOST_ITEMS and 0 < count <= MOST_ITEMS):
        raise UsageError(f"A preview has up to {MOST_ITEMS} items and {MOST_VARIANTS} variants of each.")
    with Project.open(project) as opened:
        manifest = opened.manifest(dataset)
        modality = registry.modality(manifest.modality)
        augmentation = augmentation or modality.augmentations[0]
        if augmentation not in modality.augmentations:
            raise UsageError(f"{modality.title} can be augmented by {', '.join(modality.augmentations)} only.")
        choice = choose(registry, manifest.modality, backbone, weights)
        what = subject.of_manifest(manifest, registry, choice.backbone, choice.weights.preprocessing)
        train = manifest.splits["train"]
        chosen = opened.items_of(dataset, list(items) or spread(train.item_ids, train.values, count))
        if not chosen:
            raise DataError(f"The data set '{dataset}' has no training item that could be shown.")
        settings = [dataset, manifest.fingerprint, what.description(), augmentation, flip, seed, variants]
        painter = _Painter(what, manifest, augmentation, flip, seed, _folder(opened.path, settings))
        began, rows = time.monotonic(), []
        for number, item in enumerate(chosen):
            control.raise_if_stopped()
            rows.append(painter.row(item, variants))
            yield Progress(done=number + 1, total=len(chosen), unit=modality.noun[1], text="Augmenting")
    return {
        "dataset": dataset,
        "revision": manifest.revision,
        "modality": modality.id,
        "backbone": choice.backbone.id,
        "augmentation": augmentation,
        "flip": flip,
        "seed": seed,
        "folder": str(painter.folder),
        "items": rows,
        "seconds": round(time.monotonic() - began, 3),
    }


class _Painter:
    """Reads items as the loader of training does, and writes down what comes out."""

    def __init__(
        self, what: "Subject", manifest: "Manifest", augmentation: str, flip: bool, seed: int, folder: Path
    ) -> None:
        self._what, self._manifest, self.folder = what, manifest, folder
        self._augmentation, self._flip, self._seed = augmentation, flip, seed
        self._made: dict[str, tuple[SampleDataset, SampleDataset]] = {}
        self._position = {
            item_id: (name, position)
            for name, split in manifest.splits.items()
            for position, item_id in enumerate(split.item_ids)
        }

    def row(self, item: "Item", variants: int) -> dict[str, Any]:
        label = "" if self._what.pixels else item.label  # a mask is shown, and has no name
        row: dict[str, Any] = {
            "id": item.id, "path": item.path, "label": label, "place": item.place(self._manifest.root),
            "evaluated": "", "variants": [], "text": False, "problem": "",
        }  # fmt: skip
        if item.id not in self._position:
            return row | {"problem": _NOT_TRAINED}
        name, position = self._position[item.id]
        training, evaluation = self._datasets(name)
        _, seen = evaluation[0, position]
        if isinstance(seen, str):
            return row | {"problem": seen}
        row["evaluated"], row["text"] = self._keep(seen, f"{item.id}-evaluated")
        for epoch in range(variants):
            _, made = training[epoch, position]
            if not isinstance(made, str):
                row["variants"].append(self._keep(made, f"{item.id}-{epoch:02}")[0])
        return row

    def _datasets(self, name: str) -> "tuple[SampleDataset, SampleDataset]":
        """Of a split: as training reads it, and as evaluation does."""
        from tlstudio.api.phases import Stream
        from tlstudio.data.loading import SampleDataset
        from tlstudio.training.reading import make_reading

        if name not in self._made:
            split, root = self._manifest.splits[name], self._manifest.root
            readings = (
                make_reading(self._what, split, root, self._augmentation, self._flip),
                make_reading(self._what, split, root),
            )
            first, second = (SampleDataset(split.paths, one, self._seed, Stream().name) for one in readings)
            self._made[name] = (first, second)
        return self._made[name]

    def _keep(self, made: "tuple[torch.Tensor, torch.Tensor | None]", name: str) -> tuple[str, bool]:
        """The file's path, or the text, and whether it is a text."""
        import torch
        from PIL import Image

        inputs, mask = made
        if inputs.ndim == 1:
            return words(inputs.tolist()), True
        if inputs.ndim == 4:  # a film: some of its frames, side by side
            rows = torch.linspace(0, len(inputs) - 1, min(_FRAMES, len(inputs))).round().long()
            inputs = torch.cat(list(inputs[rows]), dim=2)
        pixels = inputs[:3].permute(1, 2, 0).contiguous()
        path = self.folder / f"{name}.png"
        Image.fromarray((_tinted(pixels, mask) if mask is not None else pixels).numpy()).save(path)
        return str(path), False


def _tinted(pixels: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """uint8 ``[H, W, 3]`` with the classes of ``mask [H, W]`` laid over it."""
    import torch

    result = pixels.float()
    for label in set(mask.reshape(-1).tolist()):
        if 0 < label < 255:
            tint = torch.tensor(_TINTS[(label - 1) % len(_TINTS)], dtype=torch.float32)
            result[mask == label] = 0.55 * result[mask == label] + 0.45 * tint
    return result.to(torch.uint8)


def words(numbers: Sequence[int]) -> str:
    """The text, where numbers stand for bytes (0 for none, byte + 1); elsewhere the numbers."""
    used = [number for number in numbers if number]
    if all(number <= 256 for number in used):
        return bytes(number - 1 for number in used).decode("utf-8", "replace")
    return " ".join(map(str, used))


def spread(ids: Sequence[int], values: Sequence[str], count: int) -> list[int]:
    """``count`` of the items, one of each value in turn."""
    queues: dict[str, list[int]] = {}
    for item_id, value in zip(ids, values, strict=True):
        if value not in queues and len(queues) >= count:
            continue
        queue = queues.setdefault(value, [])
        if len(queue) < count:
            queue.append(item_id)
    turns = [queue[turn] for turn in range(count) for queue in queues.values() if turn < len(queue)]
    return turns[:count]


def _folder(project: Path, settings: Sequence[object] | Mapping[str, object]) -> Path:
    """A folder of the cache for these settings; the oldest previews make room."""
    key = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
    parent = project / "cache" / FOLDER
    folder = parent / key
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    others = sorted((one for one in parent.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for old in others[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder
