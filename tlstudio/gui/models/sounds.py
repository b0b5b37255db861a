"""A sound for the screen and for the loudspeaker. Called in threads only."""

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tlstudio import places
from tlstudio.api.errors import DataError, StudioError
from tlstudio.gui.models import pictures

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

Wave = npt.NDArray[np.float32]
LONGEST = 600.0  # seconds that are read; what follows is neither drawn nor played
_COLUMNS = 2000
WHOLE_PREVIEW = 60.0  # seconds up to which the preview of a sound shows all of it


@dataclasses.dataclass(frozen=True)
class Sound:
    """``wave``: mono, -1 to 1. ``outline``: lowest and highest value of each stretch, ``[columns, 2]``.
    ``spectrogram`` shows the same stretch of time where the sound is short enough; else it is null.
    """

    wave: Wave
    rate: int
    outline: Wave
    spectrogram: "QImage"
    cut: bool

    @property
    def seconds(self) -> float:
        return len(self.wave) / self.rate


def read(place: str, preview: "pictures.Preview | None") -> Sound:
    """Raises :class:`DataError` where it cannot be read as a sound."""
    import soundfile
    from PySide6.QtGui import QImage

    content = places.read_bytes(place)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = int(file.samplerate)
            block = file.read(int(LONGEST * rate), dtype="float32", always_2d=True)
            cut = file.frames > len(block)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{places.printable(place)} cannot be read as a sound: {error}.") from error
    wave = np.nan_to_num(block.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0).astype(np.float32)
    if not len(wave):
        raise DataError(f"{places.printable(place)} holds no sound.")
    image = QImage()
    if preview is not None and len(wave) / rate <= WHOLE_PREVIEW:
        try:
            pixels = preview(content, 1024)
            image = pictures.of_array(pixels) if pixels is not None else image
        except StudioError:
            image = QImage()
    return Sound(wave, rate, outline(wave), image, cut)


def outline(wave: Wave, columns: int = _COLUMNS) -> Wave:
    """``[columns, 2]``, fewer for a shorter sound."""
    edges = np.linspace(0, len(wave), min(columns, len(wave)) + 1).astype(np.int64)[:-1]
    low, high = np.minimum.reduceat(wave, edges), np.maximum.reduceat(wave, edges)
    return np.stack([low, high], axis=1)
