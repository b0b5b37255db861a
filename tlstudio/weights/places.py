"""Where published weights may already lie: with the application, in its cache, or in torch hub's."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tlstudio import paths
from tlstudio.api.backbone import Weights
from tlstudio.weights import hashing


def folder() -> Path:
    """Where downloads go, and where a person may put a file by hand."""
    return paths.cache_dir() / "weights"


def file_name(weights: Weights) -> str:
    """The last part of the address, or of the resource's path."""
    return Path(unquote(urlsplit(weights.url).path)).name if weights.url else Path(weights.resource).name


def target(weights: Weights) -> Path:
    return folder() / file_name(weights)


def _hub_folder() -> Path:
    base = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(base).expanduser() / "hub" / "checkpoints"


def _candidates(weights: Weights) -> Iterator[Path]:
    if weights.resource:
        yield paths.resource(weights.resource)
    if weights.url:
        yield target(weights)
        yield _hub_folder() / file_name(weights)


def present(weights: Weights) -> bool:
    """Whether a file of that name is there; cheap, for listings. Its content is checked before it is used."""
    return any(path.is_file() for path in _candidates(weights))


def find(weights: Weights) -> Path | None:
    """A file whose SHA-256 is the published one, or ``None``. Downloads nothing, changes nothing."""
    return next((p for p in _candidates(weights) if p.is_file() and hashing.matches(p, weights.sha256)), None)
