"""From files to what an exported network is given: the same numbers for every format, without torch."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tlstudio import places
from tlstudio.api.errors import DataError, ExportError, UsageError
from tlstudio.api.exporter import ModelCard, Predictor
from tlstudio.api.modality import Modality
from tlstudio.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Inputs:
    """Makes the inputs of the model that ``card`` describes. Raises ``ExportError`` where nothing can."""

    def __init__(self, card: ModelCard, registry: Registry | None = None) -> None:
        self._card = card
        try:
            self.descriptor = (registry or Registry.discover()).modality(card.modality)
        except UsageError as error:
            raise ExportError(
                f"This model is for samples of the kind '{card.modality}', which a plugin provides that is not here."
            ) from error
        self._modality: Modality = self.descriptor.load()()

    def of_contents(self, contents: Sequence[bytes]) -> "npt.NDArray[Any]":
        """``[N, *card.input_spec.shape]``, N at least 1. Raises ``DataError`` for what is no usable sample."""
        return self._modality.inputs(contents, self._card.preprocessing, self._card.parameters)

    def of_files(self, files: Sequence[str | os.PathLike[str]]) -> "npt.NDArray[Any]":
        """The same of files or places. Raises ``DataError`` with the name of the one that is to blame."""
        import numpy as np

        rows = []
        for file in files:
            place = os.fspath(file)
            content = places.read_bytes(place)
            try:
                rows.append(self.of_contents([content]))
            except DataError as error:
                raise DataError(named(place, error)) from error
        return np.concatenate(rows)


def named(place: str, error: DataError) -> str:
    """The error's sentence with what it is about: some sentences are complete, of some that is the beginning."""
    text, file = str(error), places.printable(place)
    if file in text:
        return text
    return f"{file}: {text}" if text[:1].isupper() else f"{file} {text}"


def answers_to(predictor: Predictor, inputs: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
    """Of any predictor, float32; one of an earlier version knows pictures only."""
    import numpy as np

    ask = getattr(predictor, "logits_of_inputs", None) or predictor.logits_of_pixels  # type: ignore[attr-defined]
    return np.asarray(ask(inputs), np.float32)
