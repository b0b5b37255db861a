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

    @property
    def input_spec(self) -> "InputSpec":
        """What the network is given, by the modality's parameters (``length``, ``frames``, ``side``)."""
        side = int(self.parameters.get("side") or self.preprocessing.crop)
        if "length" in self.parameters:
            return InputSpec("text", "int64", (int(self.parameters["length"]),))
        if "frames" in self.parameters:
            return InputSpec("video", "uint8", (int(self.parameters["frames"]), 3, side, side))
        return InputSpec("spectrogram" if self.modality == "audio" else "image", "uint8", (3, side, side))

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


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """One sample as ``Modality.inputs`` gives it, before normalisation; ``dtype`` is NumPy's name."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Predictor(Protocol):
    """A model read back from an exported file. Its answers: float32 ``[N, K]``, for a class of each pixel
    ``[N, C, H, W]``; numbers of a regression in the user's units, everything else before softmax or sigmoid.

    A predictor of pictures that was written for earlier versions may have ``logits_of_pixels`` in place of
    ``logits_of_inputs``.
    """

    card: ModelCard

    def logits(self, files: "list[Path]") -> "np.ndarray":
        """Reads the files (or places, see :mod:`tlstudio.places`), prepares them as training did, and answers; N is
        at least 1.

        Raises ``DataError`` where one of the files cannot be read as what the model takes.
        """
        ...

    def logits_of_inputs(self, inputs: "np.ndarray") -> "np.ndarray":
        """From what ``Modality.inputs`` gives, ``[N, *card.input_spec.shape]``; N is at least 1.

        The verification gives the model in memory the same inputs, and so sees what the format alone has changed.
        """
        ...


class Exporter(Protocol):
    """Made by ``factory()``."""

    def export(self, model: "nn.Module", card: ModelCard, path: Path) -> None:
        """Writes ``model``: eval mode, float32, CPU; from inputs ``[N, *card.input_spec.shape]``, normalised where
        they are uint8 (divided by 255, less the mean, divided by the deviation of ``card.preprocessing``), to answers.
        """
        ...

    def load(self, path: Path) -> Predictor:
        """Reads the file back, as ``tlstudio predict`` and the verification in a clean process do."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExporterDescriptor(Descriptor):
    """``suffix`` includes the dot; ``predict_needs_torch`` is false for formats that run without torch."""

    suffix: str
    predict_needs_torch: bool = True
