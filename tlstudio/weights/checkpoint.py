"""Reads the tensors of a checkpoint file. Nothing in the file is ever executed.

Pickles go through ``torch.load(weights_only=True, map_location="cpu")`` alone: whatever asks for more than
numbers is refused.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import WeightsError
from tlstudio.weights import filetype

if TYPE_CHECKING:
    from torch import Tensor

# Where training scripts put the network's tensors, the network itself before its running average.
_CONTAINERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "backbone", "encoder", "state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema", "teacher",
    "student",
)  # fmt: skip
_BOOKKEEPING = frozenset({"n_averaged"})  # torch.optim.swa_utils counts in here


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Name to tensor (on the CPU, as stored), in the file's own names. Raises ``WeightsError``."""
    content = _read_safetensors(path) if filetype.kind(path) == "safetensors" else _read_torch(path)
    tensors = _find_state_dict(content)
    if not tensors:
        raise WeightsError(f"{path} holds no network weights: {_describe(content)}.")
    return tensors


def _read_safetensors(path: Path) -> "dict[str, Tensor]":
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path, device="cpu")
    except Exception as error:
        raise WeightsError(
            f"{path} looks like safetensors but is cut short or damaged ({_first_line(error)}); "
            "download or copy it again."
        ) from error


def _read_torch(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
            warnings.simplefilter("ignore")  # about storage classes of old files; the content is checked below
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise WeightsError(f"{path} needs more memory than this machine has free.") from error
    except Exception as error:  # a damaged or hostile file may raise anything
        raise WeightsError(_sentence(path, str(error))) from error


def _harmless() -> list[Any]:
    """Plain values that training scripts keep beside the tensors: their arguments, an accuracy from NumPy."""
    import argparse

    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")]
    names = ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")
    return [argparse.Namespace, np.dtype, *kinds, *((scalar, name) for name in names)]


def _sentence(path: Path, text: str) -> str:
    asked_for = re.search(r"GLOBAL ([\w.]+\.[\w.]+)", text)
    if asked_for:
        return (
            f"{path} holds more than numbers, or is cut short or damaged: to read it, code that the file names "
            f"({asked_for.group(1).rstrip('.')}) would have to run, and that is never done. If you trust its author, "
            "save the network's state_dict() alone and import that."
        )
    if "Weights only load failed" in text:
        return (
            f"{path} is cut short or damaged, or holds more than numbers, and then code would have to run to read "
            "it, which is never done. Copy it again, or save the network's state_dict() alone and import that."
        )
    return f"{path} is cut short or damaged, or no PyTorch checkpoint ({_first_line(text)}); copy it again."


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160].rstrip(". ") if lines else type(error).__name__


def _find_state_dict(content: Any, depth: int = 0) -> "dict[str, Tensor]":
    """The tensors of the outermost mapping that is a network's; empty where there is none."""
    if not isinstance(content, Mapping) or depth > 4:
        return {}
    for name in _CONTAINERS:
        if isinstance(content.get(name), Mapping) and (inner := _find_state_dict(content[name], depth + 1)):
            return inner
    own = _tensors_of(content)
    if own:
        return own
    others = [found for value in content.values() if (found := _find_state_dict(value, depth + 1))]
    return others[0] if len(others) == 1 else {}


def _tensors_of(content: Mapping[Any, Any]) -> "dict[str, Tensor]":
    import torch

    return {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor) and name.split(".")[-1] not in _BOOKKEEPING
    }


def _describe(content: Any) -> str:
    if isinstance(content, Mapping):
        names = [str(name) for name in content]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return f"it has the entries {', '.join(names[:8])}{more}" if names else "it is an empty dictionary"
    return f"it is a {type(content).__name__}, not a dictionary of named tensors"
