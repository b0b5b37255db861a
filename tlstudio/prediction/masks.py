"""From a network's answer for each pixel to a mask of the picture's own size, as an indexed PNG. No torch."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio import places
from tlstudio.api.errors import DataError
from tlstudio.api.exporter import ModelCard
from tlstudio.data.decoding import letterbox_box, rgb_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Safe for colour-blind eyes (Okabe and Ito), after the first class, which tends to be the background.
COLOURS = (
    (0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
)  # fmt: skip


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height as displayed. Raises ``DataError``."""
    height, width = rgb_of(content).shape[:2]
    return width, height


def cut(outputs: "npt.NDArray[np.float32]", size: tuple[int, int], card: ModelCard) -> "npt.NDArray[np.float32]":
    """``[C, S, S]`` of the network's square to the part that the picture fills: ``[C, h, w]``."""
    side = card.parameters.get("side")
    if not side:
        return outputs
    left, top, width, height = letterbox_box(*size, int(side))
    return outputs[:, top : top + height, left : left + width]


def mask_of(outputs: "npt.NDArray[np.float32]", size: tuple[int, int]) -> "npt.NDArray[np.uint8]":
    """``[C, h, w]`` to the class of each pixel of the picture, ``[height, width]``: answers are enlarged, not classes,
    so that borders stay smooth.
    """
    import numpy as np
    from PIL import Image

    mask: npt.NDArray[np.uint8] = np.zeros(size[::-1], np.uint8)
    best: npt.NDArray[Any] = np.full(size[::-1], -np.inf, np.float32)
    for index, plane in enumerate(outputs):
        large = plane.astype(np.float32)
        if plane.shape != mask.shape:
            large = np.asarray(Image.fromarray(large).resize(size, Image.Resampling.BILINEAR))
        better = large > best
        mask[better], best[better] = index, large[better]
    return mask


def pixel_values(card: ModelCard) -> dict[str, int]:
    """The value that each class has in a written mask: that which it had in the training masks, where it is known."""
    names, known = card.class_names, card.rebuild.get("encoding", {})
    values = list(known.get("pixels", ())) if isinstance(known, Mapping) else []
    usable = len(values) == len(names) == len(set(values)) and all(0 <= int(value) <= 255 for value in values)
    return dict(zip(names, (int(value) for value in values) if usable else range(len(names)), strict=False))


def write_mask(
    mask: "npt.NDArray[np.uint8]", values: Mapping[str, int], folder: Path, place: str, written: set[Path]
) -> Path:
    """As ``<name>_mask.png`` in ``folder``, with a number where one of ``written`` is called that, to which it is
    added. Raises ``DataError`` where another such file is there already, or none can be written.
    """
    import numpy as np
    from PIL import Image

    target, number = folder / f"{_stem(place)}_mask.png", 1
    while target in written:
        number += 1
        target = folder / f"{_stem(place)}_{number}_mask.png"
    table = np.arange(256, dtype=np.uint8)
    palette = [0] * 768
    for index, value in enumerate(values.values()):
        table[index] = value
        palette[3 * value : 3 * value + 3] = COLOURS[index if index < len(COLOURS) else 1 + index % (len(COLOURS) - 1)]
    image = Image.fromarray(table[mask]).convert("P")
    image.putpalette(palette)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            image.save(file, "PNG", optimize=True)
    except FileExistsError as error:
        raise DataError(f"{target} exists already. Name another folder for the masks.") from error
    except OSError as error:
        raise DataError(f"The mask {target} cannot be written: {error.strerror or error}.") from error
    written.add(target)
    return target


def _stem(place: str) -> str:
    path, offset, length = places.parse(os.fspath(place))
    name = re.sub(r"[^\w.()+-]+", "_", Path(path).stem) or "picture"
    return f"{name}_{offset}" if length else name
