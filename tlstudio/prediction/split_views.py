"""What a model says of a split when it looks at every sample in several ways."""

import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.prediction.several_views import Sight, larger, mean_outputs
from tlstudio.project import SplitData
from tlstudio.training.evaluating import Collected, outputs_of_split
from tlstudio.training.subject import Subject


class Looking(nn.Module):
    """``model`` asked from several sights: normalised inputs to ``[N, S, K]``, for pixels to ``[N, C, H, W]`` with the
    mean of the probabilities.
    """

    def __init__(self, model: nn.Module, sights: Sequence[Sight], crop: int, pixels: bool) -> None:
        super().__init__()
        self.model = model
        self._sights, self._crop, self._pixels = tuple(sights), crop, pixels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [self.model(sight.of(x, self._crop)) for sight in self._sights]
        if not self._pixels:
            return torch.stack(found, 1)
        shares = [sight.turned(one.float().softmax(1)) for sight, one in zip(self._sights, found, strict=True)]
        return torch.stack(shares).mean(0).clamp(min=1e-12).log()


def outputs_of_views(
    model: nn.Module, split: SplitData, subject: Subject, root: Path, sights: Sequence[Sight], control: Control
) -> Generator[Event, None, Collected]:
    """As :func:`tlstudio.training.evaluating.outputs_of_split`, of the mean over ``sights``."""
    crop = subject.preprocessing.crop
    parts: list[np.ndarray] = []
    found: Collected | None = None
    for corners in (False, True):
        here = [sight for sight in sights if (sight.corner is not None) == corners]
        if here:
            preprocessing = larger(subject.preprocessing) if corners else subject.preprocessing
            seen = dataclasses.replace(subject, preprocessing=preprocessing)
            looking = Looking(model, here, crop, subject.pixels)
            found = yield from outputs_of_split(looking, split, seen, root, control=control)
            parts.append(found.outputs.numpy())
    assert found is not None
    if subject.pixels or not found.kept:
        return found
    return dataclasses.replace(found, outputs=torch.from_numpy(mean_outputs(np.concatenate(parts, 1), subject.task.id)))
