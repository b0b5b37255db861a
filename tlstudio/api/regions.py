"""What a modality may know of its samples so that a region can be shown in them, and heard."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tlstudio.api.backbone import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canvas:
    """What a region is drawn on. ``picture``: uint8 ``[H, W, 3]``; or ``text``, where a region is a span of it.

    ``view``: left, top, width and height, in the picture's pixels, of what the network sees; it may reach beyond the
    picture. ``across`` and ``down``: places along the view, 0 to 1 from its left and its top, each with a label;
    ``across_title`` and ``down_title``: what is measured there, with its unit. ``length``: units of the text that the
    network sees (bytes of UTF-8), of which its regions are shares.
    """

    picture: "npt.NDArray[np.uint8] | None" = None
    view: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    across: tuple[tuple[float, str], ...] = ()
    down: tuple[tuple[float, str], ...] = ()
    across_title: str = ""
    down_title: str = ""
    text: str = ""
    length: int = 0


class DrawnModality(Protocol):
    """A :class:`tlstudio.api.Modality` whose samples look otherwise to people than to networks."""

    def canvas(self, content: bytes, preprocessing: Preprocessing, parameters: Mapping[str, Any]) -> Canvas:
        """Raises ``DataError``."""
        ...


class HeardModality(Protocol):
    """A :class:`tlstudio.api.Modality` of which a region can be heard."""

    def heard(
        self,
        content: bytes,
        kept: "npt.NDArray[np.float64]",
        preprocessing: Preprocessing,
        parameters: Mapping[str, Any],
    ) -> bytes:
        """A WAV file of what is in the region alone. ``kept [h, w]``: between 0 and 1, over what the network sees,
        top row first. Raises ``DataError``.
        """
        ...
