"""The format ONNX. Reading needs onnxruntime, numpy and Pillow alone; torch is imported for writing only."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api import ExportError, ModelCard
from tlstudio.prediction.inputs import Inputs

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

CARD = "tlstudio_card"  # key of the file's metadata under which the card lies as JSON
_TYPES = {"uint8": "tensor(uint8)", "int64": "tensor(int64)"}
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
                "are and how samples are prepared for it. Export the model with 'tlstudio export' and use that file."
            )
        self.card = ModelCard.from_json(metadata[CARD])
        spec, self._output = self.card.input_spec, output_name(self.card)
        inputs = [(i.name, i.type, i.shape[1:]) for i in self._session.get_inputs()]
        outputs = [(o.name, *o.shape[1:2]) for o in self._session.get_outputs()]
        wanted = [(spec.name, _TYPES[spec.dtype], list(spec.shape))]
        if inputs != wanted or outputs != [(self._output, len(self.card.class_names))]:
            raise ExportError(
                f"The network in {path} is not the one that the file describes: it takes {inputs} and gives {outputs}. "
                "It was changed after its export; export the model again."
            )
        self._input = spec.name
        self._inputs = Inputs(self.card)

    def logits(self, files: "list[Path]") -> "np.ndarray":
        return self.logits_of_inputs(self._inputs.of_files(files))

    def logits_of_inputs(self, inputs: "np.ndarray") -> "np.ndarray":
        answers: np.ndarray = self._session.run([self._output], {self._input: inputs})[0]
        return answers

    def logits_of_pixels(self, pixels: "np.ndarray") -> "np.ndarray":
        """The former name."""
        return self.logits_of_inputs(pixels)


def output_name(card: ModelCard) -> str:
    """Numbers in the user's units, or what a softmax (or sigmoid) makes probabilities of."""
    return "values" if card.task == "regression" else "logits"


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
