"""Running out of memory is no reason to end: recognised, and answered with smaller parts."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable

import torch

from tlstudio.api.errors import TrainingError

_SIGNS = (
    "not enough memory", "can't allocate memory", "out of memory", "bad_alloc", "could not create a memory",
    "could not create a primitive",  # oneDNN's words for it
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Of the GPU or of this machine, as torch, Python and the libraries below them say it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def free_memory(device: torch.device) -> None:
    """What nobody uses any more goes back to the GPU, and to the system, which the C library does only when asked."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library keeps it for later
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def in_parts(function: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """``function(inputs)``, of halves where memory does not suffice for all of ``[N, ...]`` at once.

    Raises ``TrainingError`` where it does not suffice for one sample.
    """
    try:
        return function(inputs)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(inputs) == 1:
            raise TrainingError(
                "There is too little memory for even a single picture. Choose a smaller backbone, or close other "
                "programs."
            ) from error
    free_memory(inputs.device)
    middle = len(inputs) // 2
    return torch.cat([in_parts(function, inputs[:middle]), in_parts(function, inputs[middle:])])
