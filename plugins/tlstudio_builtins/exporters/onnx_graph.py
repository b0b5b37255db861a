"""Writes a network as ONNX, with the normalisation in the graph and the card in the file's metadata."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlstudio.api import ExportError, ModelCard
from tlstudio_builtins.exporters.onnx_format import CARD, output_name

_NOISY = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir", "onnx")
_LARGEST = 2**31 - 2**24  # bytes of a protobuf message, less what the graph itself takes
_HOW = "Input '{name}': {dtype} [N, {shape}], {what}. Output '{output}': float32 {answer}. {more} metadata '{key}'."
_SQUARE = (
    "the shorter side resized to {resize} pixels ({interpolation}, antialiased), then the central square of {crop}"
)
_WHOLE = "the whole picture, fitted into a square of {side} pixels, black around it"
_WHAT = {
    "image": "RGB, 0 to 255; {how}; normalisation is inside",
    "video": "frames at even distances, RGB, 0 to 255; of each {how}; normalisation is inside",
    "spectrogram": "the mel spectrogram as a picture, as the metadata describe it; normalisation is inside",
    "text": "bytes of UTF-8 plus 1, cut or padded with 0",
}


class InputsToAnswers(nn.Module):
    """Inputs ``[N, *spec.shape]`` to answers: where they are uint8 their normalisation, then the model."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, model: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.model = model
        self._pixels = card.input_spec.dtype == "uint8"
        mean = torch.tensor(card.preprocessing.mean).view(3, 1, 1)
        std = torch.tensor(card.preprocessing.std).view(3, 1, 1)
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        given = samples.to(torch.float32) * self.scale + self.shift if self._pixels else samples
        answers: torch.Tensor = self.model(given)
        return answers


def write(model: nn.Module, card: ModelCard, path: Path) -> None:
    """One file, unless the weights exceed the 2 GB that the format allows in one; then ``<name>.onnx.data`` as well.

    Raises ``ExportError`` where the network does something that ONNX has no operator for, ``OSError`` where the file
    cannot be written.
    """
    network = InputsToAnswers(model, card).eval()
    try:
        with _quiet():
            program = _translate(network, card)
    except Exception as error:  # torch.onnx and torch.export raise dozens of classes
        raise ExportError(
            f"The network '{card.backbone}' as '{card.method}' adapted it cannot be written as ONNX: {_reason(error)}. "
            "Export it to safetensors instead."
        ) from error
    _describe(program.model, card)
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    with _quiet():
        program.save(path, external_data=size > _LARGEST)


def _translate(network: nn.Module, card: ModelCard) -> Any:
    spec = card.input_spec
    shape = (2, *spec.shape)
    pixels = spec.dtype == "uint8"
    example = torch.randint(0, 256, shape, dtype=torch.uint8) if pixels else torch.randint(1, 128, shape)
    with torch.no_grad():
        return torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            verbose=False,
            input_names=[spec.name],
            output_names=[output_name(card)],
            dynamic_shapes={"samples": {0: torch.export.Dim("batch", min=1, max=65536)}},
        )


def _describe(model: Any, card: ModelCard) -> None:
    """The card goes in; notes of where in this machine's files each operator came from go out."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    model.metadata_props[CARD] = card.to_json()
    model.producer_name, model.producer_version = "Transfer Learning Studio", card.tlstudio_version
    model.doc_string = _how(card)


def _how(card: ModelCard) -> str:
    spec, count, p = card.input_spec, len(card.class_names), card.preprocessing
    side = card.parameters.get("side")
    how = (
        _WHOLE.format(side=side)
        if side
        else _SQUARE.format(resize=p.resize, interpolation=p.interpolation, crop=p.crop)
    )
    answer, more = f"[N, {count}], before softmax", "Class names and everything else:"
    if card.task == "multilabel":
        answer = f"[N, {count}], before the sigmoid"
    elif card.task == "segmentation":
        answer = f"[N, {count}, height, width], before a softmax over the {count} classes of each pixel"
    elif card.task == "regression":
        answer, more = f"[N, {count}], in the units of the training values", "Their names and everything else:"
    return _HOW.format(
        name=spec.name, dtype=spec.dtype, shape=", ".join(map(str, spec.shape)), what=_WHAT[spec.name].format(how=how),
        output=output_name(card), answer=answer, more=more, key=CARD,
    )  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter prints, logs and warns of concerns its authors; what matters is verified afterwards."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause: it says most."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no further word'}"[:300].rstrip(". ")
