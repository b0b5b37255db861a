"""Fine-tuning in two stages (LP-FT): the head on frozen features, then all layers at discriminative rates."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from tlstudio.api import (
    Batch,
    MethodContext,
    Optimizer,
    ParameterGroup,
    Phase,
    Schedule,
    SolveData,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio_builtins.methods import common
from tlstudio_builtins.methods.mixing import mix
from tlstudio_builtins.methods.options import FineTuningOptions

_PIXEL_BATCH, _PIXEL_RATE = 4, 2e-3  # pictures at most, and the rate at which a head for pixels starts


class FineTuning:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FineTuningOptions)
        self._context, self._options = context, context.options
        self._model = common.network(context)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        return ([self._head_phase(context)] if o.stages == "two" else []) + [self._full_phase(context)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, objective = batch["train"], self._context.objective
        if state.phase.name == "head":
            outputs = self._model(train.inputs) if objective.pixels else self._model.head(train.inputs)
            return StepOutput(objective.loss(outputs, train.targets), outputs, train.targets)
        mixable = train.inputs.is_floating_point() and train.inputs.ndim == 4 and not objective.pixels
        o = self._options
        mixed = mix(train.inputs, train.targets, o.mixup, o.cutmix, state.generator) if mixable else None
        if mixed is None:
            outputs = self._model(train.inputs)
            return StepOutput(objective.loss(outputs, train.targets), outputs, train.targets)
        outputs = self._model(mixed.inputs)
        first, second = objective.loss(outputs, train.targets), objective.loss(outputs, mixed.partners)
        return StepOutput(mixed.share * first + (1 - mixed.share) * second)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        yield from common.solve(self._context, self._model, data, 0.0, self._options.sampler)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        common.fit_scale(self._model, data)

    def predictor(self) -> nn.Module:
        return self._model

    def _head_phase(self, context: MethodContext) -> Phase:
        o, pixels = self._options, context.objective.pixels
        if o.head_start == "logistic" and context.objective.solvable:
            return common.solved_phase("Head on frozen features", 0.0, o.sampler)
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())
        stream = self._stream(context) if pixels else Stream(features=True, batch_size=o.batch_size, sampler=o.sampler)
        return Phase(
            name="head",
            title="Head, the backbone frozen" if pixels else "Head on frozen features",
            epochs=o.head_epochs,
            groups=(ParameterGroup("head", names, _PIXEL_RATE if pixels else o.learning_rate, o.weight_decay),),
            streams=(stream,),
            patience=5,
        )

    def _stream(self, context: MethodContext) -> Stream:
        o, safe = self._options, context.descriptor.flip_safe
        augmentation = o.augmentation
        if augmentation == "auto":
            augmentation = "characters" if context.modality == "image" and not safe else "light"
        batch_size = min(o.batch_size, _PIXEL_BATCH) if context.objective.pixels else o.batch_size
        return Stream(
            augmentation=augmentation,
            flip=safe if o.flip == "auto" else o.flip == "on",
            batch_size=batch_size,
            sampler="natural" if context.objective.pixels else o.sampler,
        )

    def _full_phase(self, context: MethodContext) -> Phase:
        o, stages = self._options, len(context.descriptor.stages)
        trained = min(o.train_stages or stages, stages)
        what = "biases only" if o.bias_only else "all layers" if trained == stages else f"last {trained} stages"
        return Phase(
            name="all",
            title=f"Fine-tuning, {what}",
            epochs=o.epochs,
            groups=tuple(self._groups(context, trained)),
            streams=(self._stream(context),),
            batch_norm="train" if o.bias_only and o.batch_norm == "frozen" else o.batch_norm,
            optimizer=Optimizer(kind=o.optimizer),
            schedule=Schedule(kind="cosine", warmup=o.warmup),
            patience=o.patience,
            ema=o.ema_decay if o.ema else None,
            clip_norm=o.clip_norm,
            accumulate=o.accumulate,
        )

    def _groups(self, context: MethodContext, trained: int) -> Iterator[ParameterGroup]:
        """Head first, then the stages from the output to the input; biases and normalisation are not decayed."""
        o = self._options
        parameters = dict(self._model.named_parameters())
        yield from _decayed("head", [n for n in parameters if n.startswith("head.")], parameters, o.learning_rate, o)
        for depth, stage in enumerate(reversed(context.descriptor.stages[-trained:])):
            prefixes = tuple(f"backbone.{module}" for module in stage.modules)
            names = [n for n in parameters if any(n == p or n.startswith(f"{p}.") for p in prefixes)]
            if o.bias_only:
                names = [n for n in names if parameters[n].ndim <= 1]
            rate = o.learning_rate * o.backbone_rate * o.stage_decay**depth
            yield from _decayed(stage.name, names, parameters, rate, o)


def _decayed(
    name: str, names: list[str], parameters: dict[str, nn.Parameter], rate: float, o: FineTuningOptions
) -> Iterator[ParameterGroup]:
    matrices = tuple(n for n in names if parameters[n].ndim > 1)
    vectors = tuple(n for n in names if parameters[n].ndim <= 1)
    if matrices:
        yield ParameterGroup(name, matrices, rate, o.weight_decay)
    if vectors:
        yield ParameterGroup(f"{name}, undecayed", vectors, rate)
