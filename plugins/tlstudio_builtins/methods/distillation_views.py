"""One view of a sample for two networks: what the stream delivers, and what each of the two is given of it.

Two presets rarely ask for the same picture: another size, another margin, another normalisation. The stream delivers
the view that holds all that either of them needs; each one's input is then computed from it on the device.
"""

import dataclasses
import math
from typing import Literal

import torch

from tlstudio.api import Preprocessing

Geometry = Literal["centre", "whole", "same", "numbers"]
"""How inputs come about. centre: resized, and the centre cropped out; whole: everything that is delivered, resized;
same: of one size whatever the network, normalised its way; numbers: nothing like pictures."""


def geometry(modality: str, augmentation: str, pixels: bool) -> Geometry:
    """``augmentation`` of a stream, which decides whether a centre is cropped at all."""
    if modality == "text":
        return "numbers"
    if pixels:
        return "same"
    cropped = augmentation == "none" or augmentation.endswith("characters")
    return "centre" if modality != "audio" and cropped else "whole"


@dataclasses.dataclass(frozen=True)
class SharedView:
    """``preprocessing``: of the stream, normalised as the teacher wants it. The one of the two with the finer grid
    finds its input in the view as it is; the other's is resampled.
    """

    student: Preprocessing
    teacher: Preprocessing
    geometry: Geometry

    @property
    def preprocessing(self) -> Preprocessing:
        s, t = self.student, self.teacher
        if self.geometry == "whole":
            finest = s if s.crop > t.crop else t
            return dataclasses.replace(finest, mean=t.mean, std=t.std)
        if self.geometry != "centre":
            return t
        finest, other = (s, t) if s.resize > t.resize else (t, s)
        reach = math.ceil(finest.resize * other.crop / other.resize)
        reach += (finest.crop - reach) % 2  # so that its own centre lies on whole pixels
        crop = max(finest.crop, min(reach, finest.resize))
        return dataclasses.replace(finest, crop=crop, mean=t.mean, std=t.std)

    def for_student(self, view: torch.Tensor) -> torch.Tensor:
        """Inputs ``[N, 3, crop, crop]`` (of films ``[N, T, 3, ...]``) from the view; texts as they are."""
        return self._derived(view, self.student)

    def for_teacher(self, view: torch.Tensor) -> torch.Tensor:
        return self._derived(view, self.teacher)

    def _derived(self, view: torch.Tensor, own: Preprocessing) -> torch.Tensor:
        if self.geometry == "numbers":
            return view
        given = self.preprocessing
        with torch.autocast(view.device.type, enabled=False):
            if self.geometry != "same":
                side = own.crop * given.resize / own.resize if self.geometry == "centre" else float(given.crop)
                view = resampled(view, side, own)
            if (given.mean, given.std) == (own.mean, own.std):
                return view
            was_mean, was_std, mean, std = (
                torch.tensor(values, device=view.device).view(3, 1, 1)
                for values in (given.mean, given.std, own.mean, own.std)
            )
            return view * (was_std / std) + (was_mean - mean) / std


def resampled(view: torch.Tensor, side: float, own: Preprocessing) -> torch.Tensor:
    """The central square of ``side`` pixels (a fraction is meant as one) of ``view [..., S, S]``, at ``own.crop``
    pixels a side, antialiased.
    """
    size = view.shape[-1]
    offset = (size - side) / 2
    if side == own.crop and offset == int(offset):
        start = int(offset)
        return view[..., start : start + own.crop, start : start + own.crop]
    weights = sampling(size, offset, side, own.crop, own.interpolation == "bicubic").to(view.device)
    made = torch.matmul(torch.matmul(weights, view), weights.T)
    channels_last = view.ndim == 4 and view.is_contiguous(memory_format=torch.channels_last)
    return made.contiguous(memory_format=torch.channels_last) if channels_last else made


def sampling(size: int, offset: float, side: float, wanted: int, cubic: bool = False) -> torch.Tensor:
    """float32 ``[wanted, size]``: each row a kernel (triangle, or Keys' cubic with a = -0.5) that is as wide as a new
    pixel where pixels become larger, cut off at the border, with sum 1. So do Pillow and torch resize.
    """
    scale = side / wanted
    width = max(scale, 1.0)
    centres = offset + (torch.arange(wanted, dtype=torch.float64)[:, None] + 0.5) * scale
    x = ((torch.arange(size, dtype=torch.float64)[None] + 0.5 - centres) / width).abs()
    if cubic:
        near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        kernel = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    else:
        kernel = (1 - x).clamp(min=0)
    return (kernel / kernel.sum(1, keepdim=True)).float()
