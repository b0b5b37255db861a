"""A network in memory as a ``Predictor``: for formats that hold weights, and for the model of a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tlstudio.api.errors import ExportError, StudioError
from tlstudio.api.exporter import ModelCard
from tlstudio.prediction.inputs import Inputs
from tlstudio.registry import Registry
from tlstudio.training import restore
from tlstudio.training.spec import RunSpec
from tlstudio.training.subject import from_description


class TorchPredictor:
    """``model``: float32 on the CPU, from normalised inputs to answers as in :class:`tlstudio.api.Predictor`."""

    def __init__(self, model: nn.Module, card: ModelCard, registry: Registry | None = None) -> None:
        self.card = card
        self.model = model.eval()
        self._inputs = Inputs(card, registry)
        samples = self._inputs.descriptor.load_samples()(card.preprocessing, card.parameters)
        self._normalize = samples.normalizer(torch.device("cpu"), torch.contiguous_format)

    def logits(self, files: list[Path]) -> npt.NDArray[np.float32]:
        return self.logits_of_inputs(self._inputs.of_files(files))

    def logits_of_inputs(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            logits = self.model(self._normalize(torch.from_numpy(np.ascontiguousarray(inputs)))).float()
        result: npt.NDArray[np.float32] = logits.numpy()
        return result

    def logits_of_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The former name."""
        return self.logits_of_inputs(pixels)


def is_run_model(path: Path) -> bool:
    """Whether ``path`` is the model that a run left, with the files beside it that say how to rebuild it."""
    beside = (path.with_name(restore.REBUILD_FILE), path.with_name("spec.json"))
    return path.name == restore.MODEL_FILE and path.is_file() and all(file.is_file() for file in beside)


def load_run_model(path: Path, registry: Registry) -> TorchPredictor:
    """Raises ``StudioError`` where the files are damaged, or a plugin that they need is missing."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    spec = RunSpec.load(path.parent)
    try:
        description = json.loads(path.with_name(restore.REBUILD_FILE).read_text(encoding="utf-8"))
        model = restore.rebuild(description, load_file(path), registry, spec)
        subject = from_description(description, registry)
        card = ModelCard(
            class_names=subject.info.class_names,
            preprocessing=subject.preprocessing,
            backbone=spec.backbone,
            weights=spec.weights,
            method=spec.method,
            task=subject.task.id,
            dataset=spec.dataset,
            metrics={},
            plugins=spec.plugins,
            created="",
            tlstudio_version="",
            modality=subject.modality.id,
            parameters=subject.parameters,
            rebuild=description,
        )
    except StudioError:
        raise
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"The model {path} of run {spec.run} is damaged and cannot be read: {error}.") from error
    return TorchPredictor(model, card, registry)
