"""The format ONNX. Reading needs onnxruntime, numpy and Pillow alone; torch is imported for writing only."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api import ExportError, ModelCard
from tlstudio.prediction.pixels import read_pixels

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

INPUT, OUTPUT = "image", "logits"
CARD = "tlstudio_card"  # key of the file's metadata under which the card lies as JSON
_MOST_THREADS = 8  # more make single pictures slower, not faster


class OnnxExporter:
    def export(self, model: "nn.Module", card: ModelCard, path: Path) -> None:
        from tlstudio_builtins.exporters.onnx_graph import write

        write(model, card, path)

    def load(self, path: Path) -> "OnnxPredictor":
        return OnnxPredictor(path)


class OnnxPredictor:
    """A model that this application exported, run by onnxruntime on the CPU.

    Raises ``ExportError`` for a file that is damaged or none of ours.
    """

    def __init__(self, path: Path) -> None:
        self._session = _open(path)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if CARD not in metadata:
            raise ExportError(
                f"{path} is an ONNX file that was not exported by this application: it does not say what its classes "
                "are and how pictures are prepared for it. Export the model with 'tlstudio export' and use that file."
            )
        self.card = ModelCard.from_json(metadata[CARD])
        crop = self.card.preprocessing.crop
        inputs = [(i.name, i.type, i.shape[1:]) for i in self._session.get_inputs()]
        outputs = [(o.name, o.shape[-1]) for o in self._session.get_outputs()]
        if inputs != [(INPUT, "tensor(uint8)", [3, crop, crop])] or outputs != [(OUTPUT, len(self.card.class_names))]:
            raise ExportError(
                f"The network in {path} is not the one that the file describes: it takes {inputs} and gives {outputs}. "
                "It was changed after its export; export the model again."
            )

    def logits(self, pictures: "list[Path]") -> "np.ndarray":
        return self.logits_of_pixels(read_pixels(pictures, self.card.preprocessing))

    def logits_of_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        logits: np.ndarray = self._session.run([OUTPUT], {INPUT: pixels})[0]
        return logits


def _open(path: Path) -> Any:
    if not path.is_file():
        raise ExportError(f"There is no model file {path}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # onnxruntime's opinions about the platform it was loaded on
            import onnxruntime
    except ImportError as error:
        raise ExportError(
            f"{path} cannot be opened, since onnxruntime cannot be imported ({error}). "
            "Install it with 'pip install onnxruntime'."
        ) from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)  # errors only
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = _threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU to others
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise ExportError(
            f"{path} cannot be read as an ONNX model, so it is damaged or incomplete ({reason}). "
            "Export the model again, or copy the file again."
        ) from error


def _threads() -> int:
    """What this process may use of the machine; ``OMP_NUM_THREADS`` lowers it."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(free, _MOST_THREADS, int(wanted) if wanted.isdecimal() and int(wanted) > 0 else free)
