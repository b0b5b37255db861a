"""Exporters: file formats for trained models."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.descriptors import Descriptor
from tlstudio.api.errors import ExportError

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything that a model file must say of itself; written as JSON into or beside it.

    ``rebuild`` is how the application makes the network again around its weights, for formats that hold weights
    alone; formats that hold the network have no need of it. ``class_names``: the classes, or the names of the numbers.
    """

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
    modality: str = "image"
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)  # of the modality: see Modality.parameters
    rebuild: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, allow_nan=False, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Reads what ``to_json`` wrote; names that a later version added are left aside. Raises ``ExportError``."""
        try:
            known = {field.name for field in dataclasses.fields(cls)}
            values = {name: value for name, value in json.loads(text).items() if name in known}
            p = values["preprocessing"]
            values["preprocessing"] = Preprocessing(**{**p, "mean": tuple(p["mean"]), "std": tuple(p["std"])})
            values["class_names"] = tuple(values["class_names"])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ExportError(f"The model's card is damaged or incomplete ({reason}). Export it again.") from error


class Predictor(Protocol):
    """A model read back from an exported file."""

    card: ModelCard

    def logits(self, pictures: "list[Path]") -> "np.ndarray":
        """Decodes and preprocesses the files and returns float32 ``[N, C]``; N is at least 1.

        Raises ``DataError`` where one of the files is no picture that can be read.
        """
        ...

    def logits_of_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """From uint8 ``[N, 3, crop, crop]``, RGB after resizing and cropping, to float32 ``[N, C]``; N is at least 1.

        The verification gives the model in memory the same pixels, and so sees what the format alone has changed.
        """
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
