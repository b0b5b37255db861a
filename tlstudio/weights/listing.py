"""What there is to choose from, for ``tlstudio backbones``: cheap, since it opens no weights and hashes
nothing.
"""

from typing import Any

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.registry import Registry
from tlstudio.weights import places
from tlstudio.weights.store import ImportedWeights, imported


def catalog(registry: Registry) -> list[dict[str, Any]]:
    """One JSON-able entry for each backbone: what it is, its feature levels, its published and imported
    weights.
    """
    own: dict[str, list[ImportedWeights]] = {}
    for entry in imported():
        own.setdefault(entry.backbone, []).append(entry)
    return [_entry(descriptor, own.get(descriptor.id, [])) for descriptor in registry.backbones()]


def _entry(descriptor: BackboneDescriptor, own: list[ImportedWeights]) -> dict[str, Any]:
    return {
        "id": descriptor.id,
        "title": descriptor.title,
        "description": descriptor.description,
        "family": descriptor.family,
        "modality": descriptor.modality,
        "parameters": descriptor.parameters,
        "gflops": descriptor.gflops,
        "input_size": descriptor.input_size,
        "license": descriptor.license,
        "feature_dim": descriptor.feature_dim,
        "levels": [
            {"name": level.name, "channels": level.channels, "stride": level.stride} for level in descriptor.levels
        ],
        "weights": [
            {
                "id": weights.id,
                "trained_on": weights.trained_on,
                "accuracy": weights.accuracy,
                "size_bytes": weights.size_bytes,
                "license": weights.license or descriptor.license,
                "bundled": bool(weights.resource),
                "cached": places.present(weights),
            }
            for weights in descriptor.weights
        ],
        "imported": [
            {"name": entry.name, "source": entry.source, "created": entry.created, "sha256": entry.sha256}
            for entry in own
        ],
    }
