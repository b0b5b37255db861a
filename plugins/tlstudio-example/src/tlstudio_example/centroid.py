"""Nearest class centre: a classifier that needs one pass over the features and no training.

``|f - c|²`` is ``|f|² - 2 f·c + |c|²``, and ``|f|²`` is the same for all classes, so the rule is a linear
layer with weights ``2 c`` and biases ``-|c|²``: the result is an ordinary model, which every exporter can write.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from tlstudio import api
from tlstudio.training.modules import Classifier
from tlstudio_example import CentroidOptions


class NearestCentroid:
    """See :class:`tlstudio.api.Method` for what each function is given and must return."""

    def build(self, context: api.MethodContext) -> nn.Module:
        assert isinstance(context.options, CentroidOptions)
        self._options = context.options
        self._head = nn.Linear(context.descriptor.feature_dim, len(context.class_names))
        self._model = Classifier(context.backbone, self._head)
        return self._model

    def phases(self, context: api.MethodContext) -> list[api.Phase]:
        return [api.Phase(name="centres", title="Class centres", epochs=1, groups=(), solve=True)]

    def step(self, batch: dict[str, api.Batch], state: api.StepState) -> api.StepOutput:
        """Not used by a phase that is solved; kept right for anyone who adds one that trains the head."""
        train = batch["train"]
        logits = self._head(train.inputs)
        return api.StepOutput(functional.cross_entropy(logits, train.targets), logits, train.targets)

    def solve(self, phase: api.Phase, data: api.SolveData) -> Iterator[dict[str, float]]:
        """Sets the head from ``data.train``; the validation split decides only how sure the answers sound."""
        features, targets = data.train
        spread = _spread(features) if self._options.standardise else torch.ones(features.shape[1])
        weight, bias = self._centres(features / spread, targets)
        weight = weight / spread  # the scaling becomes part of the layer
        scale = _best_scale(data.val[0] @ weight.T + bias, data.val[1])
        with torch.no_grad():
            self._head.weight.copy_(weight * scale)
            self._head.bias.copy_(bias * scale)
        yield {"scale": scale}

    def _centres(self, features: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights ``[C, D]`` and biases ``[C]``. A class without pictures gets the centre of all."""
        middle = features.mean(0)
        centres = middle.repeat(self._head.out_features, 1)
        for label in targets.unique().tolist():
            own = features[targets == label].mean(0)
            centres[label] = torch.lerp(own, middle, self._options.shrinkage)
        return 2 * centres, -centres.square().sum(1)

    def predictor(self) -> nn.Module:
        return self._model


def _spread(features: torch.Tensor) -> torch.Tensor:
    """Standard deviation of each column; 1 where it never varies."""
    spread = features.std(0, correction=0)
    return torch.where(spread > 1e-6, spread, torch.ones_like(spread))


def _best_scale(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """The factor, out of 41 from 1e-4 to 1e4, with the lowest cross-entropy. It changes no decision."""
    scales = torch.logspace(-4, 4, 41).tolist()
    if not len(targets):
        return 1.0
    return float(min(scales, key=lambda s: float(functional.cross_entropy(logits * s, targets))))
