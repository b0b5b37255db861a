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

from tlstudio.api import ExportError, ModelCard, Preprocessing
from tlstudio_builtins.exporters.onnx_format import CARD, INPUT, OUTPUT

_NOISY = ("torch.onnx", "torch.export", "torch._dynamo", "onnxscript", "onnx_ir", "onnx")
_LARGEST = 2**31 - 2**24  # bytes of a protobuf message, less what the graph itself takes
_HOW = (
    "Input 'image': uint8 [N, 3, {crop}, {crop}], RGB, 0 to 255; the shorter side resized to {resize} pixels "
    "({interpolation}, antialiased), then the central square of {crop} pixels. Normalisation is inside. "
    "Output 'logits': float32 [N, {classes}], before softmax. Class names and everything else: metadata '{key}'."
)


class PicturesToLogits(nn.Module):
    """uint8 ``[N, 3, crop, crop]`` to logits ``[N, C]``: normalisation, then the model."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
        std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(image.to(torch.float32) * self.scale + self.shift)
        return logits


def write(model: nn.Module, card: ModelCard, path: Path) -> None:
    """One file, unless the weights exceed the 2 GB that the format allows in one; then ``<name>.onnx.data`` as well.

    Raises ``ExportError`` where the network does something that ONNX has no operator for, ``OSError`` where the file
    cannot be written.
    """
    network = PicturesToLogits(model, card.preprocessing).eval()
    try:
        with _quiet():
            program = _translate(network, card.preprocessing.crop)
    except Exception as error:  # torch.onnx and torch.export raise dozens of classes
        raise ExportError(
            f"The network '{card.backbone}' as '{card.method}' adapted it cannot be written as ONNX: {_reason(error)}. "
            "Export it to safetensors instead."
        ) from error
    _describe(program.model, card)
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    with _quiet():
        program.save(path, external_data=size > _LARGEST)


def _translate(network: nn.Module, crop: int) -> Any:
    example = torch.randint(0, 256, (2, 3, crop, crop), dtype=torch.uint8)
    with torch.no_grad():
        return torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=65536)}},
        )


def _describe(model: Any, card: ModelCard) -> None:
    """The card goes in; notes of where in this machine's files each operator came from go out."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    p = card.preprocessing
    model.metadata_props[CARD] = card.to_json()
    model.producer_name, model.producer_version = "Transfer Learning Studio", card.tlstudio_version
    model.doc_string = _HOW.format(
        crop=p.crop, resize=p.resize, interpolation=p.interpolation, classes=len(card.class_names), key=CARD
    )


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
