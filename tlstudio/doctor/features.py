"""What the stages that need a network share: its features of every item, reduced, and each item's neighbours."""

import dataclasses
from collections.abc import Generator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tlstudio.api.events import Event
from tlstudio.doctor.case import Case
from tlstudio.doctor.neighbours import nearest
from tlstudio.doctor.reducing import Matrix, directions, principal, standardized

K = 10  # neighbours
_FOR_NEIGHBOURS = 128  # principal components
_FOR_MODELS = 256
_SMALL = 3_000  # items, up to which models see every feature


@dataclasses.dataclass(kw_only=True)
class Features:
    """``positions`` in ``case.records`` of the rows of ``matrix [N, D]``; ``at``: what it was made with."""

    positions: npt.NDArray[np.int64]
    matrix: Matrix
    backbone: str
    weights: str

    @cached_property
    def for_models(self) -> Matrix:
        columns = standardized(self.matrix)
        if len(columns) <= _SMALL or columns.shape[1] <= _FOR_MODELS:
            return columns
        return principal(columns, _FOR_MODELS)

    @cached_property
    def for_neighbours(self) -> Matrix:
        return directions(principal(self.matrix, _FOR_NEIGHBOURS))

    def key(self, case: Case, *parts: object) -> str:
        return case.key(*parts, self.backbone, self.weights, self.matrix.shape)


@dataclasses.dataclass(kw_only=True)
class Neighbours:
    """Rows of :class:`Features`: the nearest ``[N, k]`` of each and their cosines."""

    rows: npt.NDArray[np.int64]
    cosines: Matrix


def neighbours(case: Case, features: Features) -> Generator[Event, None, Neighbours]:
    key = features.key(case, "neighbours", K)
    rows, cosines = yield from nearest(
        features.for_neighbours, K, case.stage("Comparing every item with every other"), key
    )
    return Neighbours(rows=rows, cosines=cosines)
