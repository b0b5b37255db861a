"""Six ways in which pictures get worse in the world, each at five strengths (after Hendrycks and Dietterich 2019).

Pictures are float ``[N, 3, H, W]`` in [0, 1]; lengths are shares of the shorter side, so that a strength means the
same for small pictures and for large ones.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as F

SEVERITIES = (1, 2, 3, 4, 5)
_NOISE = (0.04, 0.08, 0.12, 0.18, 0.26)  # standard deviation
_BLUR = (0.006, 0.012, 0.02, 0.03, 0.045)  # σ, share of the shorter side
_BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)  # added
_CONTRAST = (0.75, 0.55, 0.4, 0.25, 0.15)  # kept
_JPEG = (35, 25, 18, 12, 8)  # quality
_PIXELATE = (0.5, 0.4, 0.3, 0.22, 0.15)  # share of the pixels of a side that are left


def gaussian_noise(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(x.shape, generator=generator).to(x.device)
    return (x + _NOISE[severity - 1] * drawn).clamp(0, 1)


def blur(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    sigma = max(0.3, _BLUR[severity - 1] * min(x.shape[-2:]))
    blurred: torch.Tensor = F.gaussian_blur(x, [2 * int(3 * sigma + 0.5) + 1] * 2, [sigma, sigma])
    return blurred


def brightness(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    return (x + _BRIGHTNESS[severity - 1]).clamp(0, 1)


def contrast(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    mean = x.mean((1, 2, 3), keepdim=True)
    return ((x - mean) * _CONTRAST[severity - 1] + mean).clamp(0, 1)


def jpeg(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    pictures = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    packed = np.stack([_packed(picture, _JPEG[severity - 1]) for picture in pictures])
    return torch.from_numpy(packed).permute(0, 3, 1, 2).to(x.device, x.dtype) / 255


def _packed(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def pixelate(x: torch.Tensor, severity: int, generator: torch.Generator) -> torch.Tensor:
    size = [max(2, round(side * _PIXELATE[severity - 1])) for side in x.shape[-2:]]
    small = torch.nn.functional.interpolate(x, size=size, mode="area")
    return torch.nn.functional.interpolate(small, size=x.shape[-2:], mode="nearest")


Corrupt = Callable[[torch.Tensor, int, torch.Generator], torch.Tensor]
CORRUPTIONS: dict[str, Corrupt] = {
    "noise": gaussian_noise,
    "blur": blur,
    "brightness": brightness,
    "contrast": contrast,
    "jpeg": jpeg,
    "pixelate": pixelate,
}
"""By name; a severity is 1 to 5, the generator lies on the CPU and is drawn from by ``noise`` alone."""
