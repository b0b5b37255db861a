"""From a split to what the loader needs, and from what a model says of it to what is scored."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tlstudio.api.errors import TrainingError
from tlstudio.data.loading import Reading
from tlstudio.data.masks import IGNORED, JointTransform
from tlstudio.project import SplitData
from tlstudio.training.subject import Subject


def make_reading(
    subject: Subject,
    split: SplitData | None,
    root: Path,
    augmentation: str = "none",
    flip: bool = True,
    views: Sequence[str] = (),
) -> Reading:
    """``split``: whose masks are read along, where targets are masks; ``None``: inputs alone. ``views``: augmentations
    of further views. Raises ``TrainingError`` for views of pictures with masks.
    """
    samples = subject.make_samples()
    masks = subject.masks_of(split, root) if split else None
    if masks is None:
        others = tuple(samples.transform(view, flip) for view in views)
        return Reading(samples.decode, samples.transform(augmentation, flip), views=others)
    if views:
        raise TrainingError("There are no several views of pictures whose targets are masks.")
    return Reading(samples.decode, JointTransform(subject.parameters["side"], augmentation, flip), masks)


def strata_of(subject: Subject, split: SplitData) -> Sequence[int]:
    """A number for each sample; samplers make these equally frequent."""
    keys: list[int] = np.unique(np.array(subject.make_task().strata(split.values)), return_inverse=True)[1].tolist()
    return keys


def confusions(outputs: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Pixels of each picture by (truth, prediction): ``[N, C, H, W]`` and ``[N, H, W]`` to float32 ``[N, C, C]``."""
    classes, predicted = outputs.shape[1], outputs.argmax(1)
    cells = masks.long() * classes + predicted
    counts = [
        torch.bincount(cell[mask != IGNORED], minlength=classes * classes)
        for cell, mask in zip(cells, masks, strict=True)
    ]
    return torch.stack(counts).reshape(-1, classes, classes).float()
