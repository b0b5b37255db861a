"""Pictures with a mask: both read, and transformed together."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.data.decoding import letterbox_box, mask_of

IGNORED = 255
_CROP = 256  # of training, in pixels
_SCALES = (0.75, 1.5)


def mask_place(value: str, root: Path) -> str:
    """The place of the mask that a value of segmentation names."""
    parsed = json.loads(value)
    return places.place(root / parsed["mask"], parsed.get("offset", 0), parsed.get("length", 0))


class MaskReader:
    """The masks of a split. ``pixels``: the value that each class has in them, in class order."""

    def __init__(self, values: Sequence[str], root: Path, pixels: Sequence[int]) -> None:
        self._values, self._root = values, root
        self._table = np.full(256, IGNORED, np.uint8)
        for position, value in enumerate(pixels or range(IGNORED)):
            if 0 <= value <= 255:
                self._table[value] = position

    def read(self, position: int) -> npt.NDArray[np.uint8]:
        """uint8 ``[H, W]``: the class of each pixel, 255 where there is none. Raises ``DataError``."""
        place = mask_place(self._values[position], self._root)
        try:
            mask = mask_of(places.read_bytes(place))
        except DataError as error:
            text = str(error)
            raise DataError(
                text if places.parse(place).path in text else f"{places.printable(place)} {text}"
            ) from error
        return self._table[mask]


class JointTransform:
    """Picture uint8 ``[3, H, W]`` and mask uint8 ``[H, W]`` to a square of ``side`` pixels, or, in training, a random
    part of it. Draws from torch's global CPU generator alone.
    """

    def __init__(self, side: int, augmentation: str, flip: bool) -> None:
        self._side, self._augmentation, self._flip = side, augmentation, flip
        self._crop = min(side, _CROP)
        self._colour = v2.ColorJitter(brightness=0.2, contrast=0.2)

    def __call__(self, picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if picture.shape[-2:] != mask.shape[-2:]:
            raise DataError(
                f"The mask has {mask.shape[-1]} x {mask.shape[-2]} pixels and its picture {picture.shape[-1]} x "
                f"{picture.shape[-2]}."
            )
        if self._augmentation == "none":
            return letterbox(picture, self._side), letterbox_mask(mask, self._side)
        return self._augment(picture, mask)

    def _augment(self, picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        r = torch.rand(4).tolist()
        _, _, width, height = letterbox_box(picture.shape[-1], picture.shape[-2], self._side)
        low, high = _SCALES
        scale = low * (high / low) ** r[0]
        size = [max(1, round(height * scale)), max(1, round(width * scale))]
        picture = F.resize(picture, size, antialias=True)
        whole = tv_tensors.Mask(mask.unsqueeze(0))
        whole = F.resize(whole, size, interpolation=v2.InterpolationMode.NEAREST)
        missing = [max(0, self._crop - size[1]), max(0, self._crop - size[0])]
        if any(missing):
            around = [missing[0] // 2, missing[1] // 2, missing[0] - missing[0] // 2, missing[1] - missing[1] // 2]
            picture, whole = F.pad(picture, around), F.pad(whole, around, fill=IGNORED)
        top = int(r[1] * (picture.shape[-2] - self._crop + 1))
        left = int(r[2] * (picture.shape[-1] - self._crop + 1))
        picture = picture[:, top : top + self._crop, left : left + self._crop]
        cut = torch.Tensor(whole.squeeze(0).to(torch.uint8))[top : top + self._crop, left : left + self._crop]
        if self._flip and r[3] < 0.5:
            picture, cut = picture.flip(-1), cut.flip(-1)
        if self._augmentation == "medium":
            if torch.rand(()) < 0.5:
                picture, cut = picture.flip(-2), cut.flip(-2)
            picture = self._colour(picture)
        return picture.contiguous(), cut.to(torch.uint8).contiguous()


def letterbox(picture: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 ``[3, H, W]`` to ``[3, side, side]``: the whole picture, black around it."""
    left, top, width, height = letterbox_box(picture.shape[-1], picture.shape[-2], side)
    small = F.resize(picture, [height, width], antialias=True) if picture.shape[-2:] != (height, width) else picture
    square: torch.Tensor = F.pad(small, [left, top, side - width - left, side - height - top])
    return square


def letterbox_mask(mask: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 ``[H, W]`` to ``[side, side]``; what lies around does not count."""
    left, top, width, height = letterbox_box(mask.shape[-1], mask.shape[-2], side)
    one = mask.unsqueeze(0)
    if mask.shape[-2:] != (height, width):
        one = F.resize(one, [height, width], interpolation=v2.InterpolationMode.NEAREST_EXACT)
    square: torch.Tensor = F.pad(one, [left, top, side - width - left, side - height - top], fill=IGNORED)
    return square.squeeze(0)
