"""Features that were computed once, on disk, for every later run with the same weights and preprocessing."""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlstudio.api.backbone import Preprocessing


def cache_key(
    weights_sha256: str, preprocessing: Preprocessing, precision: str, parameters: Mapping[str, Any] | None = None
) -> str:
    """Names the network and everything that happens to a sample before it; its own hash is the row's key.

    ``parameters``: of the modality, and which that is, where it is another than pictures.
    """
    text = json.dumps(
        {
            "weights": weights_sha256,
            "preprocessing": dataclasses.asdict(preprocessing),
            "precision": precision,
            **({"parameters": dict(parameters)} if parameters else {}),
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class FeatureCache:
    """Rows of float32 ``[D]`` by content hash, in shards: ``<shard>.f32`` and ``<shard>.txt`` with a hash a line.

    Each writer appends to a shard of its own, so that runs at the same time never disturb each other; what a crash
    left half written at the end of a shard is not read.
    """

    def __init__(self, folder: Path, key: str, dimension: int) -> None:
        self._folder = folder / key
        self._folder.mkdir(parents=True, exist_ok=True)
        self._dimension = dimension
        self._mine = uuid.uuid4().hex
        self._my_rows = 0
        self._index: dict[str, tuple[str, int]] = {}
        for listing in sorted(self._folder.glob("*.txt")):
            self._read_shard(listing)

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._index

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Positions of what is not cached; of equal pictures only the first."""
        seen: set[str] = set()
        positions = []
        for position, sha256 in enumerate(hashes):
            if sha256 not in self._index and sha256 not in seen:
                seen.add(sha256)
                positions.append(position)
        return positions

    def add(self, hashes: Sequence[str], rows: torch.Tensor) -> None:
        """Appends ``rows [N, D]``."""
        data = rows.to(torch.float32).contiguous().numpy()
        if data.shape != (len(hashes), self._dimension):
            raise ValueError(f"expected {(len(hashes), self._dimension)}, got {data.shape}")
        with (self._folder / f"{self._mine}.f32").open("ab") as file:
            file.write(data.tobytes())
        with (self._folder / f"{self._mine}.txt").open("a", encoding="ascii") as listing:
            listing.write("".join(f"{sha256}\n" for sha256 in hashes))
        for sha256 in hashes:
            self._index.setdefault(sha256, (self._mine, self._my_rows))
            self._my_rows += 1

    def get(self, hashes: Sequence[str]) -> torch.Tensor:
        """``[N, D]`` float32. Raises ``KeyError`` for what is not cached."""
        result = np.empty((len(hashes), self._dimension), np.float32)
        by_shard: dict[str, tuple[list[int], list[int]]] = {}
        for position, sha256 in enumerate(hashes):
            shard, row = self._index[sha256]
            positions, rows = by_shard.setdefault(shard, ([], []))
            positions.append(position)
            rows.append(row)
        for shard, (positions, rows) in by_shard.items():
            path = self._folder / f"{shard}.f32"
            shape = (path.stat().st_size // (4 * self._dimension), self._dimension)
            matrix = np.memmap(path, dtype=np.float32, mode="r", shape=shape)
            result[positions] = matrix[rows]
        return torch.from_numpy(result)

    def _read_shard(self, listing: Path) -> None:
        rows = listing.with_suffix(".f32")
        stored = rows.stat().st_size // (4 * self._dimension) if rows.exists() else 0
        lines = listing.read_text("ascii", errors="replace").split("\n")[:-1]
        for row, sha256 in enumerate(lines[:stored]):
            self._index.setdefault(sha256, (listing.stem, row))
