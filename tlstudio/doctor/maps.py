"""The job ``map``: every item as a point, similar ones side by side."""

import importlib
import importlib.util
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.doctor.cache import DoctorCache, digest
from tlstudio.doctor.reducing import Matrix, principal, standardized
from tlstudio.project import Project
from tlstudio.registry import Registry

METHODS = ("pca", "tsne", "umap")
MOST = 20_000  # points of t-SNE and UMAP
_FIRST = 50  # principal components that t-SNE and UMAP start from
_POLL_S = 0.2


def map_job(
    control: Control, project: str, dataset: str, method: str = "pca", backbone: str = "", weights: str = ""
) -> Generator[Event, None, dict[str, Any]]:
    """Writes ``cache/maps/<name>.npz`` with ``item_ids`` int64 ``[N]`` and ``xy`` float32 ``[N, 2]``, each axis within
    -1 and 1. Returns ``path`` (relative to the project), ``method, points, items, backbone, weights, sentence``.
    Raises ``UsageError`` for a method that is not there.
    """
    from tlstudio.training.embedding import embed

    if method not in METHODS:
        raise UsageError(f"There is no map '{method}'. There are: {', '.join(METHODS)}.")
    if method == "umap" and importlib.util.find_spec("umap") is None:
        raise UsageError("UMAP is not installed here (umap-learn). Take pca, or tsne, which is there.")
    with Project.open(project) as opened:
        embedding = yield from embed(control, Registry.discover(), opened, dataset, backbone, weights)
        folder = opened.path / "cache" / "maps"
    ids = np.asarray(embedding.item_ids, np.int64)
    chosen = np.arange(len(ids))
    sentence = f"All {len(ids):,} items."
    if method != "pca" and len(ids) > MOST:
        chosen = np.sort(np.random.default_rng(0).choice(len(ids), MOST, replace=False))
        sentence = f"{MOST:,} of {len(ids):,} items, drawn by chance."
        yield Message(text=f"The map shows {sentence}")
    name = digest("map", method, embedding.backbone, embedding.weights, ids.tolist(), embedding.matrix.shape,
                  embedding.matrix[:: max(1, len(ids) // 50), 0].tolist())  # fmt: skip
    cache = DoctorCache(folder)
    found = cache.load(name)
    if found is None:
        rows = standardized(np.asarray(embedding.matrix[chosen], np.float32))
        xy = yield from _points(rows, method, control)
        found = {"item_ids": ids[chosen], "xy": _scaled(xy)}
        cache.save(name, **found)
    return {
        "path": (Path("cache") / "maps" / f"{name}.npz").as_posix(),
        "method": method,
        "points": len(found["item_ids"]),
        "items": len(ids),
        "backbone": embedding.backbone,
        "weights": embedding.weights,
        "sentence": sentence,
    }


def _points(rows: Matrix, method: str, control: Control) -> Generator[Event, None, Matrix]:
    if method == "pca" or len(rows) < 5:
        yield Progress(done=0, total=1, unit="map", text="Principal components")
        flat = principal(rows, 2)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    first = principal(rows, _FIRST)
    result: list[Matrix] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            result.append(_tsne(first) if method == "tsne" else _umap(first))
        except Exception as error:  # noqa: BLE001 - it is raised again below, in the thread that asked
            errors.append(error)

    # The libraries know no stop: they work in a thread that ends with the process, and nobody waits for it.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        control.raise_if_stopped()
        yield Progress(done=0, total=0, unit="map", text=f"Arranging {len(rows):,} points")
        thread.join(_POLL_S)
    if errors:
        raise errors[0]
    return result[0]


def _tsne(rows: Matrix) -> Matrix:
    from sklearn.manifold import TSNE

    perplexity = float(min(30, max(2, (len(rows) - 1) // 3)))
    flat: Matrix = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(rows)
    return flat


def _umap(rows: Matrix) -> Matrix:
    umap: Any = importlib.import_module("umap")
    flat: Matrix = umap.UMAP(random_state=0).fit_transform(rows)
    return flat


def _scaled(xy: Matrix) -> Matrix:
    low, high = xy.min(0), xy.max(0)
    scaled: Matrix = ((xy - (low + high) / 2) / np.maximum((high - low) / 2, 1e-9)).astype(np.float32)
    return scaled
