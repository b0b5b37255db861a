"""The job ``augment``: what training would see of a few items, by training's own code and its own random numbers."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import weights as weights_module
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.api.modality import Facts
from tlstudio.control import Control
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import torch

    from tlstudio.project import DatasetInfo, Item, Project

FOLDER = "augmentation"  # in the project's cache
MOST_ITEMS, MOST_VARIANTS = 48, 24
_KEPT = 12  # previews on disk, the newest
_FRAMES = 6  # of a film, side by side
_FACTS = 20_000  # training items whose size tells how inputs are made


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

    registry = Registry.discover()
    if not (0 < variants <= MOST_VARIANTS and len(items) <= MOST_ITEMS and 0 < count <= MOST_ITEMS):
        raise UsageError(f"A preview has up to {MOST_ITEMS} items and {MOST_VARIANTS} variants of each.")
    with Project.open(project) as opened:
        info = opened.dataset(dataset)
        modality = registry.modality(info.modality)
        augmentation = augmentation or modality.augmentations[0]
        if augmentation not in modality.augmentations:
            raise UsageError(f"{modality.title} can be augmented by {', '.join(modality.augmentations)} only.")
        descriptor = registry.backbone(backbone or _usual_backbone(registry, modality.backbones))
        preprocessing = weights_module.resolve(descriptor, weights).preprocessing
        training = opened.manifest(dataset).splits["train"]
        position = {item_id: at for at, item_id in enumerate(training.item_ids)}
        chosen = opened.items_of(dataset, list(items) or _spread(training.item_ids, training.values, count))
        if not chosen:
            raise DataError(f"The data set '{dataset}' has no training item that could be shown.")
        parameters = modality.load()().parameters(_facts(opened, dataset))
        settings = {"items": [item.id for item in chosen], "variants": variants, "augmentation": augmentation,
                    "flip": flip, "seed": seed, "backbone": descriptor.id, "revision": info.revision,
                    "preprocessing": repr(preprocessing), "parameters": parameters}  # fmt: skip
        folder = _folder(opened.path, info.name, settings)
        painter = _Painter(modality.load_samples()(preprocessing, parameters), augmentation, flip, seed, folder)
        began, rows = time.monotonic(), []
        for number, item in enumerate(chosen):
            control.raise_if_stopped()
            rows.append(painter.row(item, info, position.get(item.id, item.id), variants))
            yield Progress(done=number + 1, total=len(chosen), unit="items", text="Augmenting")
    return {
        "dataset": info.name,
        "revision": info.revision,
        "modality": info.modality,
        "backbone": descriptor.id,
        "augmentation": augmentation,
        "flip": flip,
        "seed": seed,
        "folder": str(folder),
        "items": rows,
        "seconds": round(time.monotonic() - began, 3),
    }


class _Painter:
    """Decodes, transforms under the loader's seeds, and writes down what came out."""

    def __init__(self, samples: Any, augmentation: str, flip: bool, seed: int, folder: Path) -> None:
        self._samples, self._seed, self._folder = samples, seed, folder
        self._training = samples.transform(augmentation, flip)
        self._evaluation = samples.transform("none", False)

    def row(self, item: "Item", info: "DatasetInfo", position: int, variants: int) -> dict[str, Any]:
        from tlstudio.api.method import Stream
        from tlstudio.seeding import derive, local_randomness

        place = item.place(info.root)
        row: dict[str, Any] = {"id": item.id, "path": item.path, "label": item.label, "place": place, "problem": ""}
        row |= {"evaluated": "", "variants": [], "text": False}
        try:
            sample = self._samples.decode(place)
        except DataError as error:
            return row | {"problem": str(error)}
        row["evaluated"], row["text"] = self._keep(self._evaluation(sample), item, "evaluated")
        for epoch in range(variants):
            with local_randomness(derive(self._seed, Stream().name, epoch, position)):
                made = self._training(sample)
            row["variants"].append(self._keep(made, item, f"{epoch:02}")[0])
        return row

    def _keep(self, made: "torch.Tensor", item: "Item", name: str) -> tuple[str, bool]:
        if made.ndim == 1:
            return self._words(made), True
        import torch
        from PIL import Image

        if made.ndim == 4:  # a film: some of its frames, side by side
            rows = torch.linspace(0, len(made) - 1, min(_FRAMES, len(made))).round().long()
            made = torch.cat(list(made[rows]), dim=2)
        path = self._folder / f"{item.id}-{name}.png"
        Image.fromarray(made[:3].permute(1, 2, 0).contiguous().numpy()).save(path)
        return str(path), False

    def _words(self, made: "torch.Tensor") -> str:
        """The text, where numbers stand for bytes (0 for none, byte + 1); elsewhere the numbers."""
        numbers = [number for number in made.tolist() if number]
        if all(number <= 256 for number in numbers):
            return bytes(number - 1 for number in numbers).decode("utf-8", "replace")
        return " ".join(map(str, numbers))


def _usual_backbone(registry: Registry, modalities: Sequence[str]) -> str:
    """The best backbone whose weights are here, as the lists of the window have it; else any that takes the input."""
    fitting = [one for one in registry.backbones() if one.modality in modalities]
    if not fitting:
        raise UsageError(f"No backbone takes inputs of the kind {' or '.join(modalities)}. Look under Plugins for one.")
    here = [one for one in fitting if any(weights_module.present(w) for w in one.weights)]
    return max(here or fitting, key=lambda one: max((w.accuracy or 0.0 for w in one.weights), default=0.0)).id


def _spread(ids: Sequence[int], values: Sequence[str], count: int) -> list[int]:
    """``count`` of the items, one of each class in turn."""
    queues: dict[str, list[int]] = {}
    for item_id, value in zip(ids, values, strict=True):
        if value not in queues and len(queues) >= count:
            continue
        queue = queues.setdefault(value, [])
        if len(queue) < count:
            queue.append(item_id)
    turns = [queue[turn] for turn in range(count) for queue in queues.values() if turn < len(queue)]
    return turns[:count]


def _facts(project: "Project", dataset: str) -> list[Facts]:
    from tlstudio.project import ItemFilter

    page = project.view(dataset, ItemFilter(split="train")).page(0, _FACTS)
    return [Facts(width=item.width, height=item.height, caption=item.caption) for item in page]


def _folder(project: Path, dataset: str, settings: Mapping[str, Any]) -> Path:
    """An empty folder of the cache for these settings; the oldest previews make room."""
    key = hashlib.sha256(json.dumps([dataset, settings], sort_keys=True, default=str).encode()).hexdigest()[:16]
    parent = project / "cache" / FOLDER
    folder = parent / key
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    others = sorted((one for one in parent.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for old in others[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder
