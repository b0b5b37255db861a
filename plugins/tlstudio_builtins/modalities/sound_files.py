"""Sound files: reading them by libsndfile, bringing them to one rate, and telling whether a file is whole."""

import dataclasses
import io
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soundfile

from tlstudio.api import DataError

Wave = npt.NDArray[np.float32]

LONGEST = 6 * 3600  # seconds
HIGHEST = 1_000_000  # Hz
_BLOCK = 1 << 18  # frames
_LOUDEST = 1e6  # beyond what any file of floating point numbers means
_UNKNOWN = 0x7FFFF000  # programs that write into a pipe cannot know a size, and say 0 or as much as the field holds
_EMPTY = "The sound is empty: it holds no samples."
_DAMAGED = "The sound is damaged: {}."


@dataclasses.dataclass(frozen=True)
class Sound:
    """What a whole sound file tells; ``peak``, ``loudness`` (root mean square) from 0 to 1, as of the mean of its
    channels; ``silent`` and ``clipped``: shares of the time.
    """

    rate: int
    channels: int
    frames: int
    kind: str
    peak: float
    loudness: float
    silent: float
    clipped: float


def examine(content: bytes) -> Sound:
    """Reads all of it. Raises :class:`DataError` with a sentence where it is no sound, or not a whole one."""
    with _opened(content) as file:
        if file.frames / file.samplerate > LONGEST:
            raise DataError(f"The sound is longer than {LONGEST // 3600} hours; cut it into pieces.")
        declared, frames, quiet, clipped, squares, peak = file.frames, 0, 0, 0, 0.0, 0.0
        for block in _blocks(file):
            if not np.isfinite(block).all():
                raise DataError(_DAMAGED.format("it holds numbers that are not finite"))
            loud = np.abs(np.clip(block, -_LOUDEST, _LOUDEST).mean(axis=1))
            frames += len(block)
            peak = max(peak, float(loud.max()))
            squares += float(np.square(loud, dtype=np.float64).sum())
            quiet += _quiet(loud, file.samplerate)
            clipped += int((np.abs(block) >= 0.999).any(axis=1).sum())
            if frames / file.samplerate > LONGEST:
                raise DataError(f"The sound is longer than {LONGEST // 3600} hours; cut it into pieces.")
        kind = f"{file.format} {file.subtype}"
        if file.format == "MP3":
            declared = int(declared * 0.98) - 4096  # an estimate, where the file does not say it
        rate, channels = file.samplerate, file.channels
    if frames < declared or _cut_off(content):
        raise DataError("The sound is cut off: its end is missing.")
    if frames == 0:
        raise DataError(_EMPTY)
    return Sound(rate, channels, frames, kind, peak, (squares / frames) ** 0.5, quiet / frames, clipped / frames)


def read(content: bytes, rate: int, seconds: float) -> Wave:
    """Mono at ``rate`` Hz, -1 to 1; of a longer sound the middle ``seconds``. Raises :class:`DataError`."""
    with _opened(content) as file:
        wanted = max(1, round(seconds * file.samplerate))
        if wanted < file.frames:
            try:
                file.seek((file.frames - wanted) // 2)
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise DataError(_DAMAGED.format("it is not as long as it says")) from error
        parts, total = [], 0
        for block in _blocks(file):
            parts.append(np.clip(np.nan_to_num(block), -_LOUDEST, _LOUDEST).mean(axis=1))
            total += len(block)
            if total >= wanted:
                break
        source = file.samplerate
    wave = np.concatenate(parts)[:wanted] if parts else np.zeros(0, np.float32)
    if len(wave) == 0:
        raise DataError(_EMPTY)
    return resampled(wave, source, rate)


def rate_of(content: bytes) -> int:
    """In Hz. Raises :class:`DataError`."""
    with _opened(content) as file:
        return int(file.samplerate)


def resampled(wave: Wave, source: int, rate: int) -> Wave:
    """From ``source`` Hz to ``rate`` Hz through the spectrum: exact for what both can hold, nothing folds over."""
    if source == rate:
        return wave
    divisor = int(np.gcd(source, rate))
    whole = source // divisor  # so many samples become rate // divisor of them
    edge = max(whole, source // 50)  # silence around, since the spectrum goes round in a circle
    units = -(-(len(wave) + edge) // whole)
    length = units * (rate // divisor)
    spectrum = np.fft.rfft(wave, n=units * whole)[: length // 2 + 1]
    out = np.fft.irfft(spectrum, n=length) * (rate / source)
    return out[: max(1, round(len(wave) * rate / source))].astype(np.float32)


class _Bytes(io.BytesIO):
    """Damaged files make libsndfile look for what lies before their beginning."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        from_where = {io.SEEK_CUR: self.tell(), io.SEEK_END: self.getbuffer().nbytes}.get(whence, 0)
        return super().seek(max(0, from_where + offset))


def _opened(content: bytes) -> soundfile.SoundFile:
    if not content:
        raise DataError("The file is empty.")
    try:
        file = soundfile.SoundFile(_Bytes(content))
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError) as error:
        if content[:4] in (b"RIFF", b"RF64", b"FORM", b"OggS", b"fLaC"):
            raise DataError(_DAMAGED.format("its beginning cannot be read")) from error
        raise DataError("It is not a sound that can be read.") from error
    if not (0 < file.samplerate <= HIGHEST and 0 < file.channels <= 64):
        file.close()
        raise DataError(_DAMAGED.format(f"it claims {file.channels} channels of {file.samplerate} samples a second"))
    return file


def _blocks(file: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    """float32 ``[frames, channels]``."""
    while True:
        try:
            block = file.read(_BLOCK, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            reason = " ".join(str(error).split()).removeprefix("Error : ").rstrip(".") or "it cannot be decoded"
            raise DataError(f"The sound is damaged or cut off: {reason[:200]}.") from error
        if len(block) == 0:
            return
        yield block


def _quiet(loud: Wave, rate: int) -> int:
    """Frames in stretches of 20 ms that stay below -60 dB of full scale."""
    size = max(1, rate // 50)
    whole = len(loud) // size * size
    count = int((loud[:whole].reshape(-1, size).max(axis=1) < 1e-3).sum()) * size
    rest = loud[whole:]
    return count + (len(rest) if len(rest) and float(rest.max()) < 1e-3 else 0)


def _cut_off(content: bytes) -> bool:
    """Whether the file says itself that it should be longer; libsndfile reads such files up to where they end."""
    if content[:4] in (b"RIFF", b"FORM"):
        return _chunk_cut_off(content)
    if content[:4] == b"OggS":
        return _ogg_cut_off(content)
    if content[:4] == b".snd":
        start, size = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
        return size < _UNKNOWN and start + size > len(content)
    return content[:4] != b"fLaC" and _mp3_cut_off(content)


def _chunk_cut_off(content: bytes) -> bool:
    order = "little" if content[:4] == b"RIFF" else "big"
    position = 12
    while position + 8 <= len(content):
        size = int.from_bytes(content[position + 4 : position + 8], order)  # type: ignore[arg-type]  # one of the two
        if content[position : position + 4] in (b"data", b"SSND"):
            return size < _UNKNOWN and position + 8 + size > len(content)
        position += 8 + size + size % 2
    return False


def _ogg_cut_off(content: bytes) -> bool:
    """Whether the last page is not whole, or does not say that it is the last."""
    last = content.rfind(b"OggS")
    segments = content[last + 26] if last + 27 <= len(content) else 256
    table = content[last + 27 : last + 27 + segments]
    if len(table) < segments or last + 27 + segments + sum(table) > len(content):
        return True
    return not content[last + 5] & 4


def _mp3_cut_off(content: bytes) -> bool:
    """By the number of bytes that the encoder has left in the first frame (Xing, Info), where it has."""
    head = content[: 1 << 16]
    for name in (b"Xing", b"Info"):
        place = head.find(name)
        if place < 0 or place + 16 > len(content):
            continue
        flags = int.from_bytes(content[place + 4 : place + 8], "big")
        if flags & 3 == 3:
            size = int.from_bytes(content[place + 12 : place + 16], "big")
            return 0 < size < 1 << 31 and len(content) - max(0, place - 200) < 0.98 * size
    return False
