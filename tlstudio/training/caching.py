"""Where the features of a backbone are kept."""

from pathlib import Path

import torch

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.data.features import FeatureCache, cache_key
from tlstudio.training.subject import Subject


def feature_cache(
    folder: Path,
    descriptor: BackboneDescriptor,
    weights_sha256: str,
    subject: Subject,
    precision: str,
    seed: int,
    *,
    kind: str = "",
    dim: int = 0,
) -> FeatureCache:
    """``seed``: of random weights, which have no hash. ``kind`` and ``dim``: of features that are not the usual."""
    fingerprint = weights_sha256 or f"random-{seed}-{torch.__version__}"
    plain = subject.modality.id == "image" and not subject.parameters
    parameters = None if plain else {**subject.parameters, "modality": subject.modality.id}
    name = f"{descriptor.id}:{fingerprint}:{kind}" if kind else f"{descriptor.id}:{fingerprint}"
    key = cache_key(name, subject.preprocessing, precision, parameters)
    return FeatureCache(folder, key, dim or descriptor.feature_dim)
