"""Samples of a pool with labels that a model gave them."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch


@dataclasses.dataclass(frozen=True)
class LabelSet:
    """``positions`` in the pool (rising), ``labels``: int64 ``[M]``; ``confidences``: float64 ``[M]``."""

    positions: torch.Tensor
    labels: torch.Tensor
    confidences: torch.Tensor

    @classmethod
    def empty(cls) -> "LabelSet":
        nothing = torch.empty(0, dtype=torch.int64)
        return cls(nothing, nothing, nothing.double())

    @classmethod
    def of(cls, state: Mapping[str, Any], name: str) -> "LabelSet":
        """From what :meth:`tensors` gave."""
        return cls(*(state[f"{name}_{part.name}"].clone() for part in dataclasses.fields(cls)))

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        return {f"{name}_{part.name}": getattr(self, part.name) for part in dataclasses.fields(self)}

    def __len__(self) -> int:
        return len(self.positions)

    def entries(self) -> Iterator[tuple[int, int, float]]:
        """(position, label, confidence)"""
        return zip(self.positions.tolist(), self.labels.tolist(), self.confidences.tolist(), strict=True)

    def where(self, mask: torch.Tensor) -> "LabelSet":
        return LabelSet(self.positions[mask], self.labels[mask], self.confidences[mask])

    def joined(self, other: "LabelSet") -> "LabelSet":
        """Both, in the order of positions. No sample may be in both."""
        positions = torch.cat([self.positions, other.positions])
        order = positions.argsort(stable=True)
        return LabelSet(
            positions[order],
            torch.cat([self.labels, other.labels])[order],
            torch.cat([self.confidences, other.confidences])[order],
        )
