"""Tasks: what is learnt of a sample. How labels are written down, become numbers, are learnt, scored and shown.

In the project each item has a **value**: one string in the task's own notation (a class's name; a JSON list of names;
a JSON list of numbers; where a mask lies). Equal strings mean equal labels.
"""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tlstudio.api.dataset_format import Label
from tlstudio.api.descriptors import Descriptor
from tlstudio.api.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import nn

    from tlstudio.api.phases import Sampler, SolveData


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """What a task knows of its data. ``class_names``: the classes, or the names of the numbers (regression).

    ``class_counts``: training items with each class (pixels for segmentation, counted on a sample of the masks);
    for regression empty. ``mean`` and ``std`` of each number in the training split, for regression.
    """

    class_names: tuple[str, ...]
    class_counts: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Task(Protocol):
    """Made by ``factory(info: TaskInfo)``. NumPy at most, no torch."""

    outputs: int
    """Numbers that a model gives for each sample (segmentation: for each pixel)."""

    def value(self, label: Label) -> str:
        """The notation of a label. Raises ``DataError`` for one that is none of this task's."""
        ...

    def show(self, value: str) -> str:
        """The value in words, short."""
        ...

    def encode(self, values: Sequence[str]) -> "npt.NDArray[Any]":
        """int64 ``[N]`` in ``0..C-1`` (classification), float32 ``[N, C]`` of 0 and 1 (multi-label), float32
        ``[N, T]`` in the user's units (regression), int64 ``[N]`` of zeros where targets come with the sample.
        """
        ...

    def strata(self, values: Sequence[str]) -> list[str]:
        """What splits are to have alike: one key for each item, empty where it does not matter. Multi-label: the
        rarest of its labels; regression: the decile of the (first) number.
        """
        ...

    def decode(self, outputs: "npt.NDArray[np.float32]", top: int) -> dict[str, Any]:
        """The model's answer for one sample (``outputs [C]``, or ``[C, H, W]``), JSON-able: ``class, probability,
        top: [{class, probability}]``; ``labels: [...], scores: [{class, probability}]``; ``values: {name: number}``;
        for segmentation ``shares: {class: share of pixels}``.
        """
        ...


class Objective(Protocol):
    """What training minimises. Made by ``objective(info: TaskInfo, settings: dict)``; settings are the method's
    ``imbalance``, ``label_smoothing`` and the like, unknown ones are ignored.

    ``outputs``: numbers for each sample, or pixel. ``notes``: sentences about what was chosen, to be told.
    ``solvable``: whether ``solve`` finds the best linear head for these settings. ``pixels``: whether targets are
    masks, that come with the samples.
    """

    outputs: int
    notes: tuple[str, ...]
    solvable: bool
    pixels: bool

    def head(self, features: int) -> "nn.Module":
        """A fresh linear head from features ``[N, D]`` to outputs ``[N, K]``, that standardises them."""
        ...

    def loss(self, outputs: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """Mean loss, a scalar, for training. ``outputs`` float ``[N, K]`` or ``[N, K, H, W]``; ``targets`` as encoded,
        or int64 ``[N, H, W]`` with 255 for pixels that do not count.
        """
        ...

    def plain_loss(self, outputs: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """Likewise without weights, smoothing or adjustment: what is shown for validation."""
        ...

    def hits(self, outputs: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor | None":
        """Correct answers among them, a scalar, for the plot of the training accuracy; ``None``: there are none."""
        ...

    def solve(self, head: "nn.Module", data: "SolveData", l2: float, sampler: "Sampler") -> "Iterator[dict[str, Any]]":
        """Sets ``head`` to the best linear one, in place, with its strength of L2 (0: chosen on validation); yields
        as ``SolvingMethod.solve`` does.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskDescriptor(Descriptor):
    """``select_by``: the metric by which the best model is chosen, where the user says nothing. ``label``: what one
    label is called (class, labels, value, mask). ``classes``: whether its class names are classes. ``unit``: what a
    class counts (items, pixels). ``objective`` names the torch part, as ``factory`` names the other.
    """

    objective: str
    select_by: str
    label: str = "class"
    classes: bool = True
    modalities: tuple[str, ...] = ("image", "audio", "text", "video")

    def load_objective(self) -> Any:
        """Imports the torch part. Raises :class:`PluginError` where it cannot be imported."""
        module_name, _, attribute = self.objective.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except Exception as error:
            raise PluginError(f"'{self.id}' could not be loaded from {self.objective}: {error}.") from error


Settings = Mapping[str, Any]
