"""A model's answers in words: what its card says of task and modality, put to use. No torch."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import places
from tlstudio.api.errors import ExportError, UsageError
from tlstudio.api.exporter import ModelCard, Predictor
from tlstudio.api.task import Task, TaskInfo
from tlstudio.prediction import masks, several_views
from tlstudio.prediction.files import Named
from tlstudio.prediction.inputs import Inputs, answers_to
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BATCH, _LARGE_BATCH = 16, 4  # samples at once; of pictures with a class for each pixel, and of films


class Answering:
    """``predictor`` with its task and modality. Raises ``ExportError`` where a plugin for them is missing.

    ``out``: a folder for the masks of a segmentation. ``views``: in how many ways each sample is looked at, if there
    are so many; ``UsageError`` where there is one only.
    """

    def __init__(
        self, predictor: Predictor, registry: Registry, top: int = 5, out: Path | None = None, views: int = 1
    ) -> None:
        self._predictor, self._top, self._out = predictor, max(top, 1), out
        self._written: set[Path] = set()
        card = self.card = predictor.card
        self._inputs = Inputs(card, registry)
        self.modality = self._inputs.descriptor
        try:
            self._task: Task = registry.task(card.task).load()(TaskInfo(class_names=card.class_names))
        except UsageError as error:
            raise ExportError(
                f"This model is for the task '{card.task}', which a plugin provides that is not here."
            ) from error
        self._sights = several_views.sights(
            views,
            modality=card.modality,
            task=card.task,
            parameters=card.parameters,
            flip_safe=_flip_safe(card, registry),
        )
        self._larger = Inputs(
            dataclasses.replace(card, preprocessing=several_views.larger(card.preprocessing)), registry
        )
        self.batch = _LARGE_BATCH if card.task == "segmentation" or len(card.input_spec.shape) == 4 else _BATCH

    @property
    def views(self) -> int:
        return len(self._sights)

    def ask(self, batch: list[Named]) -> list[dict[str, Any]]:
        """An entry for each, without what names it. Raises ``DataError`` where one of them is no usable sample."""
        if self.views > 1:
            rows = self._from_all_sides(batch)
        elif all(one.content is not None for one in batch):
            contents = [one.content or b"" for one in batch]
            rows = answers_to(self._predictor, self._inputs.of_contents(contents))
        else:
            rows = self._predictor.logits([one.path for one in batch])
        return [self._entry(row, one) for row, one in zip(rows, batch, strict=True)]

    def _from_all_sides(self, batch: list[Named]) -> "npt.NDArray[np.float32]":
        """The mean over the sights."""
        import numpy as np

        paths = [one.path for one in batch]
        corners = {sight.corner is not None for sight in self._sights}
        inputs = {corner: (self._larger if corner else self._inputs).of_files(paths) for corner in corners}
        found = []
        for sight in self._sights:
            seen = sight.of(inputs[sight.corner is not None], self.card.preprocessing.crop)
            answers = answers_to(self._predictor, np.ascontiguousarray(seen))
            found.append(sight.turned(answers) if answers.ndim == 4 else answers)
        return several_views.mean_outputs(np.stack(found, 1), self.card.task)

    def _entry(self, row: "npt.NDArray[np.float32]", one: Named) -> dict[str, Any]:
        """``row``: float32 ``[K]`` or ``[C, H, W]`` of one sample."""
        import numpy as np

        if row.shape[:1] != (self._task.outputs,) or row.ndim not in (1, 3):
            raise ExportError(
                f"The model answers with {row.size} numbers for a {self.modality.noun[0]}, and names "
                f"{len(self.card.class_names)} classes. It was changed after its export: export it again."
            )
        if not np.isfinite(row).all():
            return {"error": f"The model gives no finite numbers for this {self.modality.noun[0]}."}
        if row.ndim == 1:
            return self._task.decode(row, self._top)
        size = masks.picture_size(places.read_bytes(str(one.path)))
        part = masks.cut(row, size, self.card)
        entry = self._task.decode(part, self._top)
        if self._out is not None:
            values = masks.pixel_values(self.card)
            mask = masks.mask_of(part, size)
            entry["mask"] = str(masks.write_mask(mask, values, self._out, str(one.path), self._written))
            entry["mask_values"] = values
        return entry


def _flip_safe(card: ModelCard, registry: Registry) -> bool:
    try:
        return registry.backbone(card.backbone).flip_safe
    except UsageError:  # its plugin is not here: nobody knows
        return False
