"""Feature extraction: a frozen backbone, whose features are computed once, and a head.

For a class of each pixel there are too many features to keep; there the frozen backbone sees every batch anew.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch
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
    TrainingError,
)
from tlstudio.training.modules import Classifier
from tlstudio_builtins.methods import common, knn
from tlstudio_builtins.methods.feature_extraction_options import FeatureExtractionOptions
from tlstudio_builtins.methods.multi_level import LevelClassifier, MultiLevel, chosen
from tlstudio_builtins.tasks.imbalance import balanced_weights, inverse_weights

_PIXEL_BATCH, _PIXEL_RATE = 4, 2e-3  # pictures, and the rate of a head for pixels
_HEADS = {"mlp": "MLP head", "linear": "Linear head", "logistic": "Linear head"}


class FeatureExtraction:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FeatureExtractionOptions)
        self._context, self._options = context, context.options
        self._model = _network(context, context.options)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        if context.objective.pixels:
            stream = Stream(augmentation="light", flip=context.descriptor.flip_safe, batch_size=_PIXEL_BATCH)
            return [self._gradient("Head for pixels, the backbone frozen", stream, _PIXEL_RATE)]
        views = (_augmentation(context, o),) * o.views
        stream = Stream(
            features=True, views=views, flip=context.descriptor.flip_safe, batch_size=o.batch_size, sampler=o.sampler
        )
        if o.head == "knn":
            title = "Nearest neighbours" if o.neighbours else "Nearest neighbours, their number chosen on validation"
            epochs = 1 if o.neighbours else len(knn.CANDIDATES)
            return [Phase(name="head", title=title, epochs=epochs, groups=(), solve=True, streams=(stream,))]
        if o.head == "logistic" and context.objective.solvable:
            title = "Linear head" if o.l2 else "Linear head, strength of L2 chosen on validation"
            return [dataclasses.replace(common.solved_phase(title, o.l2, o.sampler), streams=(stream,))]
        return [self._gradient(f"{_HEADS[o.head]} on cached features", stream, o.learning_rate)]

    def _gradient(self, title: str, stream: Stream, rate: float) -> Phase:
        o = self._options
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())  # type: ignore[union-attr]
        return Phase(
            name="head",
            title=title,
            epochs=o.epochs,
            groups=(ParameterGroup("head", names, rate, o.weight_decay),),
            streams=(stream,),
            schedule=Schedule(kind="cosine", warmup=0.05),
            patience=o.patience,
        )

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, objective = batch["train"], self._context.objective
        if objective.pixels:
            outputs, targets = self._model(train.inputs), train.targets
        else:
            inputs, targets = _together(train.inputs, train.targets, train.views)
            outputs = self._model.head(inputs)  # type: ignore[operator]
        return StepOutput(objective.loss(outputs, targets), outputs, targets)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        o, context = self._options, self._context
        whole = _with_views(data)
        if o.head == "knn":
            head = self._model.head.cpu()
            assert isinstance(head, knn.KNNHead)
            plain, weights = context.objective.plain_loss, _vote_weights(context, o)
            yield from knn.fit(head, whole, plain, o.neighbours, o.remembered, weights)
        else:
            yield from common.solve(context, self._model, whole, o.l2, o.sampler)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        common.fit_scale(self._model, _with_views(data))

    def predictor(self) -> nn.Module:
        return self._model


def _network(context: MethodContext, o: FeatureExtractionOptions) -> nn.Module:
    """Backbone and head. Raises ``TrainingError`` where the options do not suit the task or the backbone."""
    if context.objective.pixels:
        if o.head == "knn" or o.levels or o.views:
            asked = "head=knn" if o.head == "knn" else "levels" if o.levels else "views"
            raise TrainingError(
                f"'{asked}' is for one answer a sample, and this data set has a class for each pixel, whose head "
                "stands on every feature level already. Leave the option at its default."
            )
        return common.network(context)
    levels, own = chosen(context.descriptor, o.levels)
    if levels:
        backbone = MultiLevel(context.backbone, levels, context.descriptor.feature_dim if own else 0)
        wide = dataclasses.replace(context.descriptor, feature_dim=backbone.feature_dim)
        context = dataclasses.replace(context, descriptor=wide)
    if o.head == "knn":
        head: nn.Module = knn.make_head(
            context.task, context.descriptor.feature_dim, context.objective.outputs, o.temperature
        )
    else:
        head = common.network(context, o.hidden if o.head == "mlp" else 0).head
    return LevelClassifier(backbone, head) if levels else Classifier(context.backbone, head)


def _augmentation(context: MethodContext, o: FeatureExtractionOptions) -> str:
    if o.view_augmentation != "auto":
        return o.view_augmentation
    return "characters" if context.modality == "image" and not context.descriptor.flip_safe else "light"


def _vote_weights(context: MethodContext, o: FeatureExtractionOptions) -> list[float]:
    """Of each class in the votes: as much as the sampler, or what is done about unequal classes, asks for."""
    counts, remedy = context.class_counts, getattr(context.objective, "imbalance", "none")
    if context.task != "classification":
        return []
    if o.sampler != "natural":
        weights = inverse_weights(counts, 1.0 if o.sampler == "balanced" else 0.5)
    elif remedy == "logit-adjustment":
        weights = inverse_weights(counts, 1.0)
    elif remedy == "class-balanced":
        weights = balanced_weights(counts)
    else:
        return []
    found: list[float] = weights.tolist()
    return found


def _with_views(data: SolveData) -> SolveData:
    return dataclasses.replace(data, train=_together(*data.train, getattr(data, "views", ())))


def _together(
    rows: torch.Tensor, targets: torch.Tensor, views: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the samples and of their altered copies, which have the same targets."""
    if not views:
        return rows, targets
    return torch.cat([rows, *views]), targets.repeat(1 + len(views), *(1,) * (targets.ndim - 1))
