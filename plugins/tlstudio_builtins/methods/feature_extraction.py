"""Feature extraction: a frozen backbone, whose features are computed once, and a head.

For a class of each pixel there are too many features to keep; there the frozen backbone sees every batch anew.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from tlstudio.api import (
    Batch,
    MethodContext,
    ParameterGroup,
    Phase,
    Schedule,
    SolveData,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio_builtins.methods import common
from tlstudio_builtins.methods.options import FeatureExtractionOptions

_PIXEL_BATCH, _PIXEL_RATE = 4, 2e-3  # pictures, and the rate of a head for pixels


class FeatureExtraction:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FeatureExtractionOptions)
        self._context, self._options = context, context.options
        self._model = common.network(context, self._options.hidden if self._options.head == "mlp" else 0)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o, pixels = self._options, context.objective.pixels
        if o.head == "logistic" and context.objective.solvable:
            title = "Linear head" if o.l2 else "Linear head, strength of L2 chosen on validation"
            return [common.solved_phase(title, o.l2, o.sampler)]
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())
        stream = (
            Stream(augmentation="light", flip=context.descriptor.flip_safe, batch_size=_PIXEL_BATCH)
            if pixels
            else Stream(features=True, batch_size=o.batch_size, sampler=o.sampler)
        )
        kind = "Head for pixels" if pixels else "MLP head" if o.head == "mlp" else "Linear head"
        return [
            Phase(
                name="head",
                title=f"{kind}, the backbone frozen" if pixels else f"{kind} on cached features",
                epochs=o.epochs,
                groups=(ParameterGroup("head", names, _PIXEL_RATE if pixels else o.learning_rate, o.weight_decay),),
                streams=(stream,),
                schedule=Schedule(kind="cosine", warmup=0.05),
                patience=o.patience,
            )
        ]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, objective = batch["train"], self._context.objective
        outputs = self._model(train.inputs) if objective.pixels else self._model.head(train.inputs)
        return StepOutput(objective.loss(outputs, train.targets), outputs, train.targets)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        yield from common.solve(self._context, self._model, data, self._options.l2, self._options.sampler)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        common.fit_scale(self._model, data)

    def predictor(self) -> nn.Module:
        return self._model
