"""Real handwritten digits, which come with scikit-learn."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_digits(folder: Path, count: int) -> Path:
    """The first ``count`` of them as pictures of 32 x 32 pixels, in a folder for each class."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in range(count):
        place = folder / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(digits.images[number] * 255 / 16, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(place / f"{number:04d}.png")
    return folder
