"""Test-time augmentation: a sample is looked at in several ways, and the probabilities are averaged. No torch here.

As in Krizhevsky et al. 2012 (ImageNet Classification with Deep Convolutional Neural Networks, section 4.1): the four
corners and the middle of a somewhat larger picture, and their mirror images.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LARGER = 8 / 7  # of the side: 256 to 224 pixels
_CORNERS = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.5))
_SHIFTS = (0.0, -0.05, 0.05, -0.1, 0.1)  # of a sound's window
_OF_THE_WHOLE = ("segmentation", "regression")  # a corner of a picture has another mask, and another number
_LEAST = 1e-12  # of a probability, so that its logarithm is finite
MOST = 2 * (1 + len(_CORNERS))


@dataclasses.dataclass(frozen=True)
class Sight:
    """One way to look at a sample. ``corner``: where in a larger picture the square lies, as shares of the spare room
    above and to the left; ``None``: the usual square. ``shift``: of a sound, as a share of its window.
    """

    mirrored: bool = False
    corner: tuple[float, float] | None = None
    shift: float = 0.0

    def of(self, inputs: Any, crop: int) -> Any:
        """Inputs ``[..., H, W]``, an array or a tensor, normalised or not, as they look from here."""
        if self.corner is not None:
            top, left = (round(share * (inputs.shape[-2] - crop)) for share in self.corner)
            inputs = inputs[..., top : top + crop, left : left + crop]
        width = inputs.shape[-1]
        if self.shift:
            moved = round(self.shift * width)
            inputs = inputs[..., [min(max(column - moved, 0), width - 1) for column in range(width)]]
        return self.turned(inputs)

    def turned(self, values: Any) -> Any:
        """Mirrored left to right, where this sight is; inputs, or the answers for their pixels."""
        return values[..., list(range(values.shape[-1] - 1, -1, -1))] if self.mirrored else values


def sights(
    count: int, *, modality: str, task: str, parameters: Mapping[str, Any], flip_safe: bool
) -> tuple[Sight, ...]:
    """The first is the usual one; at most ``count``, fewer where there are not so many.

    ``flip_safe``: whether a mirror image means the same. Raises ``UsageError`` where there is one way to look only.
    """
    if count < 1 or count > MOST:
        raise UsageError(f"A sample can be looked at in 1 to {MOST} views, and {count} were asked for.")
    if count > 1 and (reason := one_way(modality=modality, task=task, parameters=parameters, flip_safe=flip_safe)):
        raise UsageError(f"{reason} Leave out the views.")
    return _all(modality, task, parameters, flip_safe)[:count]


def one_way(*, modality: str, task: str, parameters: Mapping[str, Any], flip_safe: bool) -> str:
    """Why samples can be looked at in one way only, a sentence; empty where there are several."""
    if len(_all(modality, task, parameters, flip_safe)) > 1:
        return ""
    if modality not in ("image", "video"):
        return f"There is one way to look at {'texts' if modality == 'text' else 'these samples'}."
    answer = "a number" if task == "regression" else "a mask"
    return (
        f"There is one way to look at these samples: {answer} belongs to the whole of one, so that nothing may be cut "
        "off, and to this backbone a mirror image is not the same."
    )


def _all(modality: str, task: str, parameters: Mapping[str, Any], flip_safe: bool) -> tuple[Sight, ...]:
    found = [Sight()]
    if modality == "audio":
        found = [Sight(shift=shift) for shift in _SHIFTS]
    elif task in _OF_THE_WHOLE or "side" in parameters:
        found += [Sight(mirrored=True)] * flip_safe
    elif modality in ("image", "video"):
        plain = [Sight(), *(Sight(corner=corner) for corner in _CORNERS)]
        mirrored = [dataclasses.replace(sight, mirrored=True) for sight in plain] if flip_safe else []
        found = [sight for pair in zip(plain, mirrored, strict=True) for sight in pair] if mirrored else plain
    return tuple(found)


def larger(preprocessing: Preprocessing) -> Preprocessing:
    """What makes the larger picture, all of whose square is kept, at the weights' own scale where there is room."""
    side = max(preprocessing.resize, round(_LARGER * preprocessing.crop))
    return dataclasses.replace(preprocessing, resize=side, crop=side)


def mean_outputs(outputs: "npt.NDArray[Any]", task: str) -> "npt.NDArray[np.float32]":
    """From ``[N, S, K, ...]``, what a model says of ``S`` views, to ``[N, K, ...]``: outputs with the mean of the
    probabilities (numbers: their mean).
    """
    import numpy as np

    values = outputs.astype(np.float64)
    if task == "regression":
        return np.asarray(values.mean(1), np.float32)
    if task == "multilabel":
        shares = np.clip((1 / (1 + np.exp(-np.clip(values, -700, 700)))).mean(1), _LEAST, 1 - _LEAST)
        return np.asarray(np.log(shares) - np.log1p(-shares), np.float32)
    powers = np.exp(values - values.max(2, keepdims=True))
    return np.asarray(np.log((powers / powers.sum(2, keepdims=True)).mean(1) + _LEAST), np.float32)
