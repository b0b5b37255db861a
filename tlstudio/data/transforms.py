"""From a file to the network's input: decoding, the weights' own preprocessing, augmentation."""

import contextlib
import dataclasses
from typing import Literal

import torch
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from tlstudio import places
from tlstudio.api.backbone import Preprocessing
from tlstudio.api.errors import DataError
from tlstudio.data import decoding

try:
    from torchvision.io import ImageReadMode, decode_image
except ImportError:  # torchvision has announced that it will drop its decoders: Pillow decodes everything then
    decode_image = None

Augmentation = Literal["none", "characters", "light", "medium", "strong", "strong-characters", "contrastive"]

_PNG_PLAIN = {0, 2}  # greyscale and RGB; palettes and transparency need Pillow's rules


def decode(place: str) -> torch.Tensor:
    """Reads the picture at a place (:mod:`tlstudio.places`) as uint8 ``[3, H, W]`` RGB, upright.

    torchvision decodes plain JPEG and 8-bit PNG; whatever it does not take, or would take differently (CMYK, 16-bit,
    palette, animation), Pillow decodes. Raises ``DataError`` where the file is no usable picture.
    """
    # Where this fails, Pillow below either reads the file or says in a sentence what is wrong with it.
    with contextlib.suppress(DataError, RuntimeError):
        data = places.read_bytes(place)
        if decode_image is not None and _is_plain(data):
            picture = decode_image(
                torch.frombuffer(bytearray(data), dtype=torch.uint8),
                mode=ImageReadMode.UNCHANGED,
                apply_exif_orientation=True,
            )
            if picture.dtype == torch.uint8 and picture.shape[0] in (1, 3):
                rgb: torch.Tensor = picture.expand(3, -1, -1).contiguous()
                return rgb
    return torch.tensor(decoding.read_rgb(place)).permute(2, 0, 1).contiguous()


def _is_plain(data: bytes) -> bool:
    if data[:3] == b"\xff\xd8\xff":
        return True
    if len(data) < 26 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[24] != 8 or data[25] not in _PNG_PLAIN:
        return False
    header = data[: data.find(b"IDAT")]
    return b"tRNS" not in header and b"acTL" not in header


@dataclasses.dataclass(frozen=True)
class EvaluationTransform:
    """Resize the shorter side, crop the centre: the weights' own preset. uint8 in, uint8 ``[3, crop, crop]`` out."""

    preprocessing: Preprocessing

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        p = self.preprocessing
        interpolation = InterpolationMode(p.interpolation)
        resized = F.resize(picture, [p.resize], interpolation=interpolation, antialias=True)
        cropped: torch.Tensor = F.center_crop(resized, [p.crop, p.crop])
        return cropped


class TrainingTransform:
    """Augmentation on uint8 pictures; draws from torch's global CPU generator, which the loader seeds per sample."""

    def __init__(self, preprocessing: Preprocessing, augmentation: Augmentation, flip: bool) -> None:
        p = preprocessing
        interpolation = InterpolationMode(p.interpolation)
        steps: list[v2.Transform] = []
        if augmentation.endswith("characters"):
            steps = [
                v2.Resize(p.resize, interpolation, antialias=True),
                v2.CenterCrop(p.crop),
                _EdgeFilledAffine(degrees=12, translate=0.1, scale=(0.85, 1.15), shear=8),
            ]
        else:
            scale = (0.2, 1.0) if augmentation == "contrastive" else (0.35, 1.0)
            steps = [v2.RandomResizedCrop(p.crop, scale=scale, interpolation=interpolation, antialias=True)]
        if flip:
            steps.append(v2.RandomHorizontalFlip())
        fill = [round(255 * channel) for channel in p.mean]
        if augmentation == "medium":
            steps += [v2.TrivialAugmentWide(fill=fill), v2.RandomErasing(p=0.1, value=fill)]
        if augmentation == "contrastive":  # Chen et al. 2020, appendix A, with half of the strength, as for CIFAR-10
            colours = v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
            steps += [v2.RandomApply([colours], p=0.8), v2.RandomGrayscale(p=0.2)]
        if augmentation.startswith("strong"):
            pad = p.crop // 4 if augmentation == "strong-characters" else 0
            steps += [_RandAugmented(pad, fill), _Cutout(fill)]
        self._steps = v2.Compose(steps)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self._steps(picture)
        return result


class _EdgeFilledAffine:
    """A small random affine map; what comes into view continues the picture's border, so that paper stays paper."""

    def __init__(self, degrees: float, translate: float, scale: tuple[float, float], shear: float) -> None:
        self._degrees, self._translate, self._scale, self._shear = degrees, translate, scale, shear

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        size, r = picture.shape[-1], torch.rand(5).tolist()
        pad = size // 2
        padded = F.pad(picture, [pad, pad, pad, pad], padding_mode="edge")
        moved = F.affine(
            padded,
            angle=(2 * r[0] - 1) * self._degrees,
            translate=[round((2 * v - 1) * self._translate * size) for v in r[1:3]],
            scale=self._scale[0] + r[3] * (self._scale[1] - self._scale[0]),
            shear=[(2 * r[4] - 1) * self._shear, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        cropped: torch.Tensor = F.center_crop(moved, [size, size])
        return cropped


class _RandAugmented:
    """RandAugment (Cubuk et al. 2020) with two operations of magnitude 10 of 30. ``pad``: pixels by which the
    picture's border is continued meanwhile, so that what is turned or shifted into view is no strange colour.
    """

    def __init__(self, pad: int, fill: list[int]) -> None:
        self._pad = pad
        self._augment = v2.RandAugment(num_ops=2, magnitude=10, fill=fill)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        size = list(picture.shape[-2:])
        padded = F.pad(picture, [self._pad] * 4, padding_mode="edge") if self._pad else picture
        result: torch.Tensor = F.center_crop(self._augment(padded), size)
        return result


class _Cutout:
    """A square with up to half of the picture's side is painted over (DeVries and Taylor 2017, as FixMatch has it)."""

    def __init__(self, fill: list[int]) -> None:
        self._fill = torch.tensor(fill, dtype=torch.uint8).view(3, 1, 1)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        height, width = picture.shape[-2:]
        side, y, x = torch.rand(3).tolist()
        half = side * min(height, width) / 4
        rows = slice(max(0, round(y * height - half)), round(y * height + half))
        columns = slice(max(0, round(x * width - half)), round(x * width + half))
        result = picture.clone()
        result[..., rows, columns] = self._fill
        return result


def make_transform(
    preprocessing: Preprocessing, augmentation: Augmentation = "none", flip: bool = True
) -> "EvaluationTransform | TrainingTransform":
    if augmentation == "none":
        return EvaluationTransform(preprocessing)
    return TrainingTransform(preprocessing, augmentation, flip)


class Normalizer:
    """uint8 ``[N, 3, H, W]`` on the CPU to the network's float input on ``device``, in the wanted memory format."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device, memory_format: torch.memory_format) -> None:
        self._device, self._format = device, memory_format
        mean = torch.tensor(preprocessing.mean, device=device).view(1, 3, 1, 1)
        std = torch.tensor(preprocessing.std, device=device).view(1, 3, 1, 1)
        self._scale, self._shift = 1 / (255 * std), -mean / std

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        pictures = pictures.to(self._device, non_blocking=True)
        floats = pictures.to(torch.float32, memory_format=self._format)
        return floats.mul_(self._scale).add_(self._shift)
