"""What a method owes beside its result: controls, without which a claim about it means nothing."""

import dataclasses
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tlstudio.api.tools import Outputs

if TYPE_CHECKING:
    import torch
    from torch import nn

    from tlstudio.api.events import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlRow:
    """One control. ``baseline``: something simpler, that must be beaten. ``ablation``: the model without what is
    claimed to matter, which must be worse. ``comparison``: shown, and no judge. ``outputs``: ``[N, K]`` on the CPU, as
    the model gives them.
    """

    id: str
    title: str
    kind: Literal["baseline", "ablation", "comparison"]
    outputs: "torch.Tensor"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Controls:
    """``indices``: positions in the split, int64 ``[N]``, of the rows of every control. ``claim``: what holds only if
    the model beats all baselines and all ablations are worse, as the end of "In this run it is shown that ...".
    ``values``: whatever else should stand beside them, JSON-able.
    """

    rows: tuple[ControlRow, ...]
    indices: "torch.Tensor"
    claim: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)


class Look(Protocol):
    """Outputs of a module on the split that is being scored, targets hidden (-1); ``most``: of so many samples at
    most, evenly spread over the split.
    """

    def __call__(self, module: "nn.Module", most: int = 0) -> "Generator[Event, None, Outputs]": ...


class ControlledMethod(Protocol):
    """A :class:`tlstudio.api.Method` whose result is scored together with its controls, at the end of each run."""

    def controls(self, look: Look) -> "Generator[Event, None, Controls]":
        """Asked once for validation and once for test, with the model as it was chosen."""
        ...
