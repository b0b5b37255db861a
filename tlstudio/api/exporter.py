"""Exporters: file formats for trained models."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.descriptors import Descriptor

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything that a model file must say of itself; written as JSON into or beside it."""

    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    backbone: str
    weights: str
    method: str
    task: str
    dataset: str
    metrics: dict[str, dict[str, float]]  # split -> metric -> value
    plugins: dict[str, str]  # plugin -> version
    created: str  # ISO 8601, UTC
    tlstudio_version: str
    schema_version: int = 1


class Predictor(Protocol):
    """A model read back from an exported file."""

    card: ModelCard

    def logits(self, pictures: "list[Path]") -> "np.ndarray":
        """Decodes and preprocesses the files and returns float32 ``[N, C]``."""
        ...


class Exporter(Protocol):
    """Made by ``factory()``."""

    def export(self, model: "nn.Module", card: ModelCard, path: Path) -> None:
        """Writes ``model`` (eval mode, float32, CPU; ``[N, 3, crop, crop]`` normalised to logits ``[N, C]``)."""
        ...

    def load(self, path: Path) -> Predictor:
        """Reads the file back, as ``tlstudio predict`` and the verification in a clean process do."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExporterDescriptor(Descriptor):
    """``suffix`` includes the dot; ``predict_needs_torch`` is false for formats that run without torch."""

    suffix: str
    predict_needs_torch: bool = True
