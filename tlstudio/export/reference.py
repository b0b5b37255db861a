"""What the model in memory says of real samples: what an exported file is measured by."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tlstudio.api.errors import DataError, ExportError
from tlstudio.api.events import Event
from tlstudio.api.exporter import ModelCard
from tlstudio.api.metric import MetricDescriptor
from tlstudio.control import Control
from tlstudio.export.compare import Answers, Reference, Score
from tlstudio.export.sampling import spread
from tlstudio.prediction.inputs import Inputs
from tlstudio.project import Manifest, Project, SplitData
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import torch

    from tlstudio.training.restore import LoadedModel

SAMPLES, AT_LEAST = 200, 50  # that the file is verified on, where there are so many
_WORK = 1000.0  # multiply-adds in 1e9 of one pass over them; beyond this, large networks get fewer samples
_NUMBERS = 2e7  # answers that are kept; where every pixel has one, they make for fewer pictures
_FEWEST = 8
_BATCH = 4
_ASTRAY = "The model itself gives numbers that are not finite: its training went astray. Nothing was exported."


class Material:
    """The samples of a run's data that its model is verified on."""

    def __init__(self, project: Project, registry: Registry, loaded: "LoadedModel") -> None:
        """Some of the validation split, or of the training split where that is empty."""
        self._loaded, self._subject = loaded, loaded.subject
        self._manifest: Manifest = project.manifest(loaded.spec.dataset, loaded.spec.revision)
        self.split = "val" if self._manifest.splits["val"].paths else "train"
        self._metric = _metric(registry, loaded)
        whole = self._manifest.splits[self.split]
        most = min(SAMPLES, max(AT_LEAST, int(_WORK / max(loaded.descriptor.gflops, 0.01))))
        if self._subject.pixels:
            numbers = len(self._subject.info.class_names) * int(self._subject.parameters["side"]) ** 2
            most = min(most, max(_FEWEST, int(_NUMBERS / numbers)))
        strata = self._subject.make_task().strata(whole.values)
        self.samples = _taken(whole, spread(strata, most))

    def ask(
        self, control: Control, card: ModelCard, inputs_file: Path
    ) -> Generator[Event, None, tuple[list[str], Reference]]:
        """Which samples could be read, and what the model says of them; ``inputs_file`` gets the inputs that both the
        model and the exported file are given. Raises ``DataError`` where none can be read, ``ExportError`` where the
        model answers with what is no number.
        """
        from tlstudio.prediction.torch_model import TorchPredictor
        from tlstudio.training.evaluating import PIXEL_BATCH
        from tlstudio.training.predict import NotNumbers, predict_files

        loaded, subject = self._loaded, self._subject
        try:
            from_files, kept = yield from predict_files(
                loaded.model,
                self.samples.paths,
                subject,
                control=control,
                batch_size=PIXEL_BATCH if subject.pixels else 32,
            )
        except NotNumbers as error:
            raise ExportError(_ASTRAY) from error
        if not kept:
            nouns = subject.modality.noun[1]
            raise DataError(
                f"None of the {nouns} that the file would be verified on can be read. Nothing was exported."
            )
        samples = _taken(self.samples, kept)
        reader, predictor = Inputs(card), TorchPredictor(loaded.model, card)
        spec, rows = card.input_spec, []
        shape = (len(samples.paths), *spec.shape)
        inputs = np.lib.format.open_memmap(inputs_file, mode="w+", dtype=spec.dtype, shape=shape)
        for start in range(0, len(samples.paths), _BATCH):
            control.raise_if_stopped()
            some = reader.of_files(samples.paths[start : start + _BATCH])
            inputs[start : start + len(some)] = some
            rows.append(predictor.logits_of_inputs(some))
        inputs.flush()
        del inputs
        reference = Reference(
            from_files=from_files,
            from_inputs=np.concatenate(rows),
            score=self._score(samples),
            task=subject.task.id,
            metric=self._metric.title.lower() if self._metric.id == "accuracy" else self._metric.title,
            percent=self._metric.percent,
            noun=subject.modality.noun,
        )
        if not np.isfinite(reference.from_inputs).all():
            raise ExportError(_ASTRAY)
        return samples.paths, reference

    @property
    def metric(self) -> str:
        """The id of the metric that is given before and after."""
        return self._metric.id

    def _score(self, samples: SplitData) -> Score:
        import torch

        subject, descriptor = self._subject, self._metric
        targets = subject.targets_of(samples)
        masks = self._masks(samples) if subject.pixels else None

        def score(answers: Answers) -> float:
            from tlstudio.training.reading import confusions

            outputs = torch.from_numpy(np.ascontiguousarray(answers))
            metric = descriptor.make(len(subject.info.class_names), subject.task.id)
            metric.update(outputs if masks is None else confusions(outputs, masks), targets)
            return float(metric.compute())

        return score

    def _masks(self, samples: SplitData) -> "torch.Tensor":
        import torch

        from tlstudio.data.masks import letterbox_mask

        reader = self._subject.masks_of(samples, self._manifest.root)
        assert reader is not None
        side = int(self._subject.parameters["side"])
        return torch.stack(
            [letterbox_mask(torch.from_numpy(reader.read(position)), side) for position in range(len(samples.paths))]
        )


def _metric(registry: Registry, loaded: "LoadedModel") -> MetricDescriptor:
    """That which chose the model; otherwise the task's own."""
    task = loaded.subject.task
    known = {metric.id: metric for metric in registry.metrics() if task.id in metric.tasks}
    for name in (loaded.spec.select_by, task.select_by, *known):
        if name in known:
            return known[name]
    raise ExportError(f"No plugin offers a metric for the task '{task.id}', so the file could not be verified.")


def _taken(split: SplitData, positions: Sequence[int]) -> SplitData:
    return SplitData(
        paths=[split.paths[i] for i in positions],
        labels=[split.labels[i] for i in positions],
        hashes=[split.hashes[i] for i in positions],
        item_ids=[split.item_ids[i] for i in positions],
        values=[split.values[i] for i in positions],
    )
