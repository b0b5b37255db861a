"""Pretrained weights: where they lie, how they come in, and how a network gets them. No torch at import
time.

Imported weights are the user's own files, checked name by name before they are accepted
(:mod:`~tlstudio.weights.importing`); published weights are downloaded (:mod:`~tlstudio.weights.download`)
or come with the application. Either way :func:`load_into` puts them into a network, by name, completely or
not at all. The backbone of a finished run is such a set of weights, too (:mod:`~tlstudio.weights.of_runs`).
"""

from tlstudio.weights.ensuring import ensure
from tlstudio.weights.listing import catalog
from tlstudio.weights.loading import load_into
from tlstudio.weights.of_runs import RunWeights, of_project
from tlstudio.weights.resolving import NONE, ResolvedWeights, resolve, split_backbone
from tlstudio.weights.store import ImportedWeights, imported

__all__ = [
    "NONE",
    "ImportedWeights",
    "ResolvedWeights",
    "RunWeights",
    "catalog",
    "ensure",
    "imported",
    "load_into",
    "of_project",
    "resolve",
    "split_backbone",
]
