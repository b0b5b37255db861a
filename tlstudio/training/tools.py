"""What a method may ask between steps: outputs of any module on any split but test, features, scores."""

import dataclasses
import math
from collections.abc import Callable, Generator
from pathlib import Path

import torch
from torch import nn

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event
from tlstudio.api.phases import Data, Fold
from tlstudio.api.tools import Outputs
from tlstudio.control import Control
from tlstudio.data.loading import SampleBatch
from tlstudio.project import SplitData
from tlstudio.training.evaluating import PIXEL_BATCH
from tlstudio.training.material import Material, named
from tlstudio.training.predict import predict_samples
from tlstudio.training.preparation import Prepared
from tlstudio.training.reading import confusions, make_reading
from tlstudio.training.scores import Scores
from tlstudio.training.sides import parts_of, take

_BATCH = 32


class RunTools:
    """A :class:`tlstudio.api.Tools`."""

    def __init__(
        self,
        prepared: Prepared,
        material: Material,
        scores: dict[Data, Scores],
        folder: Path,
        seed: int,
        control: Control,
    ) -> None:
        self._run, self._material, self._scores, self._control = prepared, material, scores, control
        self.device, self.seed, self.folder = prepared.runtime.device, seed, folder

    def outputs(
        self,
        module: nn.Module,
        split: str,
        *,
        data: Data = "target",
        fold: Fold | None = None,
        augmentation: str = "none",
        preprocessing: Preprocessing | None = None,
        reduce: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> Generator[Event, None, Outputs]:
        run, side = self._run, self._run.sides[data]
        whole = self._split(split, data)
        positions = list(range(len(whole.paths)))
        if fold is not None:
            positions = [p for p, part in enumerate(parts_of(whole, fold[1], self.seed)) if part == fold[0]]
        part = take(whole, positions)
        subject = side.subject
        if preprocessing is not None:
            subject = dataclasses.replace(subject, preprocessing=preprocessing)
        masks = part if subject.pixels and reduce is None else None
        reading = make_reading(subject, masks, side.manifest.root, augmentation, run.descriptor.flip_safe)

        def less(found: torch.Tensor, batch: SampleBatch) -> torch.Tensor:
            if reduce:
                return reduce(found)
            return found if batch.masks is None else confusions(found, batch.masks.to(found.device).long())

        modes = {name: part_.training for name, part_ in module.named_modules()}
        run.runtime.place(module)
        rows, kept = yield from predict_samples(
            module,
            part.paths,
            subject,
            reading,
            control=self._control,
            batch_size=PIXEL_BATCH if subject.pixels else _BATCH,
            runtime=run.runtime,
            reduce=less,
        )
        for name, part_ in module.named_modules():
            part_.training = modes[name]
        read = torch.tensor(kept, dtype=torch.int64)
        return Outputs(
            torch.from_numpy(rows), subject.targets_of(part)[read], torch.tensor(positions, dtype=torch.int64)[read]
        )

    def features(self, split: str, *, data: Data = "target") -> Generator[Event, None, Outputs]:
        self._split(split, data)
        yield from self._material.need((split,), data)
        name = named(split, data)
        rows, targets = self._material.features[name]
        return Outputs(rows, targets, torch.tensor(self._material.kept[name], dtype=torch.int64))

    def score(self, found: Outputs, *, data: Data = "target") -> dict[str, float]:
        pixels = self._run.sides[data].subject.pixels
        values = self._scores[data].compute(found.rows, found.targets, math.nan if pixels else None)
        return {name: value for name, value in values.items() if math.isfinite(value)}

    def items(self, split: str, *, data: Data = "target") -> list[int]:
        return list(self._split(split, data).item_ids)

    def parts(self, split: str, folds: int, *, data: Data = "target") -> list[int]:
        return parts_of(self._split(split, data), folds, self.seed)

    def _split(self, split: str, data: Data) -> SplitData:
        if data not in self._run.sides:
            raise TrainingError("This run has no source data set.")
        splits = self._run.sides[data].manifest.splits
        if split == "test" or split not in splits:
            known = ", ".join(name for name in splits if name != "test")
            raise TrainingError(f"A method asked for the split '{split}', which it cannot have; there are: {known}.")
        return splits[split]
