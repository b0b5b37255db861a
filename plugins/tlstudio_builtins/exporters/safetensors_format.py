"""The format safetensors: weights, with the card in the header and, to be read by people, beside the file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api import ExportError, ModelCard

if TYPE_CHECKING:
    from torch import nn

    from tlstudio.prediction.torch_model import TorchPredictor

CARD = "tlstudio_card"  # key of the header's metadata


class SafetensorsExporter:
    def export(self, model: "nn.Module", card: ModelCard, path: Path) -> None:
        """Writes ``path`` and the card beside it, ``<name>.json``. Raises ``ExportError``, ``OSError``."""
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        # Copies: tensors that share memory could not be stored.
        state = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
        try:
            save_file(state, path, metadata={"format": "pt", CARD: card.to_json()})
        except SafetensorError as error:
            raise ExportError(f"The weights could not be written to {path.name}: {error}.") from error
        path.with_suffix(".json").write_text(card.to_json(indent=2) + "\n", encoding="utf-8")

    def load(self, path: Path) -> "TorchPredictor":
        """Rebuilds the network from the file alone. Raises ``ExportError`` where it is damaged or none of ours."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(os.fspath(path), framework="pt") as file:
                metadata = file.metadata() or {}
                state = {name: file.get_tensor(name) for name in file.keys()} if CARD in metadata else {}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError, ValueError) as error:
            raise ExportError(
                f"{path} cannot be read as safetensors, so it is damaged or incomplete ({error}). "
                "Export the model again, or copy the file again."
            ) from error
        if CARD not in metadata:
            raise ExportError(
                f"{path} holds weights that were not exported by this application: it does not say what its classes "
                "are and to which network they belong. Export the model with 'tlstudio export' and use that file."
            )
        from tlstudio.prediction.torch_model import TorchPredictor
        from tlstudio.registry import Registry
        from tlstudio.training.restore import rebuild
        from tlstudio.training.spec import RunSpec

        card = ModelCard.from_json(metadata[CARD])
        description = dict(card.rebuild)
        spec = description.pop("spec", None)
        registry = Registry.discover()
        try:
            model = rebuild(
                description,
                state,
                registry,
                RunSpec.model_validate(spec) if spec is not None else None,
            )
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300].rstrip(".")
            raise ExportError(f"The network in {path} cannot be rebuilt from its description: {reason}.") from error
        return TorchPredictor(model, card, registry)
