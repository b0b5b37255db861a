"""What a method may ask of the application between steps."""

import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.phases import Data, Fold

if TYPE_CHECKING:
    import torch
    from torch import nn

    from tlstudio.api.events import Event


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a module says of samples. ``rows``: float32 ``[N, ...]`` on the CPU; ``targets`` as the task encodes them
    (-1 where there are no labels); ``indices``: positions in the split, int64 ``[N]``: unreadable ones are missing.
    """

    rows: "torch.Tensor"
    targets: "torch.Tensor"
    indices: "torch.Tensor"


class Tools(Protocol):
    """What a method may ask of the application between steps. Generators yield events, to be handed on."""

    device: "torch.device"
    seed: int
    folder: Path
    """The run's own, for what is to be seen afterwards."""

    def outputs(
        self,
        module: "nn.Module",
        split: str,
        *,
        data: Data = "target",
        fold: Fold | None = None,
        augmentation: str = "none",
        preprocessing: Preprocessing | None = None,
        reduce: "Callable[[torch.Tensor], torch.Tensor] | None" = None,
    ) -> "Generator[Event, None, Outputs]":
        """``module`` (placed on the device, in eval mode) on every sample of a split, in order; of ``fold`` only that
        part. ``split`` may not be ``test``. Where targets are masks and no ``reduce`` is given, rows are the pixels of
        each picture by (truth, prediction), ``[N, C, C]``. ``augmentation``: one view, drawn from (seed, position).
        ``reduce`` makes less of the outputs of a batch.
        """
        ...

    def features(self, split: str, *, data: Data = "target") -> "Generator[Event, None, Outputs]":
        """Of the frozen pretrained backbone, from the cache where it has them."""
        ...

    def score(self, found: Outputs, *, data: Data = "target") -> dict[str, float]:
        """The task's metrics and ``loss`` of outputs, by name."""
        ...

    def items(self, split: str, *, data: Data = "target") -> "list[int]":
        """Ids of the items in the project, by position in the split."""
        ...

    def parts(self, split: str, folds: int, *, data: Data = "target") -> "list[int]":
        """The part ``0..folds-1`` that each sample of a split lies in."""
        ...
