"""Modalities: what a sample is (a picture, a sound, a text, a film), and how it becomes a network's input."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.descriptors import Descriptor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What reading a sample has told. ``width`` and ``height``: in pixels as displayed (pictures, films); of a sound
    ``width`` is its duration in milliseconds and ``height`` its sample rate in Hz; of a text ``width`` is the number
    of its characters, ``height`` that of its bytes in UTF-8. ``caption``: the first 300 characters of a text.
    ``phash``: 63 bits that near duplicates share most of, or ``None``. ``meta``: more that is worth knowing (mode,
    channels, brightness 0 to 1, codec).
    """

    width: int
    height: int
    caption: str = ""
    phash: int | None = None
    meta: tuple[tuple[str, str], ...] = ()


class Modality(Protocol):
    """Made by ``factory()``. No torch: it runs in the window, in helpers that check files, and where models are used
    without torch.
    """

    def check(self, content: bytes, name: str) -> Facts:
        """Reads the sample completely. Raises ``DataError`` with a sentence that does not name the file."""
        ...

    def preview(self, content: bytes, size: int) -> "npt.NDArray[np.uint8] | None":
        """RGB ``[H, W, 3]`` that fits into ``size`` pixels, for the gallery; ``None`` where a text stands for it."""
        ...

    def parameters(self, facts: Sequence[Facts]) -> dict[str, Any]:
        """What must be known to make inputs of these samples and of later ones (the duration that sounds are cut or
        padded to, and the like), JSON-able. Taken once from the training split; it goes into the model's card.
        """
        ...

    def inputs(
        self, contents: Sequence[bytes], preprocessing: Preprocessing, parameters: Mapping[str, Any]
    ) -> "npt.NDArray[Any]":
        """What the network is given before normalisation, N at least 1: uint8 ``[N, 3, crop, crop]`` (pictures,
        sounds), uint8 ``[N, T, 3, crop, crop]`` (films), int64 ``[N, L]`` (texts). Raises ``DataError``.
        """
        ...


class Samples(Protocol):
    """The same with torch, for training. Made by ``samples(preprocessing, parameters)``; picklable."""

    def decode(self, place: str) -> "torch.Tensor":
        """The sample as it is: uint8 ``[3, H, W]`` or ``[T, 3, H, W]``, int64 ``[L]``. Raises ``DataError``."""
        ...

    def transform(self, augmentation: str, flip: bool) -> "Callable[[torch.Tensor], torch.Tensor]":
        """From one decoded sample to one input of fixed shape, as in ``Modality.inputs``; with ``augmentation``
        ``none`` the same as there. Draws from torch's global CPU generator, which the loader seeds per sample.
        """
        ...

    def normalizer(
        self, device: "torch.device", memory_format: "torch.memory_format"
    ) -> "Callable[[torch.Tensor], torch.Tensor]":
        """From a batch of inputs on the CPU to what the backbone is given, on ``device``."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModalityDescriptor(Descriptor):
    """``suffixes``: of its files, lower case, with the dot. ``noun``: what one and several samples are called.

    ``samples`` names the torch part, as ``factory`` names the other. ``backbones``: the modalities whose backbones
    take its inputs (sounds become pictures of their spectrogram). ``augmentations``: what ``Samples.transform``
    knows, the first being the usual one for training.
    """

    suffixes: tuple[str, ...]
    noun: tuple[str, str]
    samples: str
    backbones: tuple[str, ...]
    augmentations: tuple[str, ...] = ("light", "none", "medium", "characters")

    def load_samples(self) -> Any:
        """Imports the torch part. Raises ``PluginError`` where it cannot be imported."""
        return dataclasses.replace(self, factory=self.samples).load()
