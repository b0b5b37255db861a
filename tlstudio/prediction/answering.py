"""A model's answers in words: what its card says of task and modality, put to use. No torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import places
from tlstudio.api.errors import ExportError, UsageError
from tlstudio.api.exporter import Predictor
from tlstudio.api.task import Task, TaskInfo
from tlstudio.prediction import masks
from tlstudio.prediction.files import Named
from tlstudio.prediction.inputs import Inputs, answers_to
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BATCH, _LARGE_BATCH = 16, 4  # samples at once; of pictures with a class for each pixel, and of films


class Answering:
    """``predictor`` with its task and modality. Raises ``ExportError`` where a plugin for them is missing.

    ``out``: a folder for the masks of a segmentation.
    """

    def __init__(self, predictor: Predictor, registry: Registry, top: int = 5, out: Path | None = None) -> None:
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
        self.batch = _LARGE_BATCH if card.task == "segmentation" or len(card.input_spec.shape) == 4 else _BATCH

    def ask(self, batch: list[Named]) -> list[dict[str, Any]]:
        """An entry for each, without what names it. Raises ``DataError`` where one of them is no usable sample."""
        if all(one.content is not None for one in batch):
            contents = [one.content or b"" for one in batch]
            rows = answers_to(self._predictor, self._inputs.of_contents(contents))
        else:
            rows = self._predictor.logits([one.path for one in batch])
        return [self._entry(row, one) for row, one in zip(rows, batch, strict=True)]

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
