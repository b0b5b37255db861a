"""Fine-tuning in two stages (LP-FT): the head on frozen features, then all layers at discriminative rates."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn import functional as F

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
from tlstudio.training.modules import Classifier, StandardizedLinear
from tlstudio_builtins.methods.logistic import STRENGTHS, fit_logistic
from tlstudio_builtins.methods.mixing import mix
from tlstudio_builtins.methods.options import FineTuningOptions


class FineTuning:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FineTuningOptions)
        self._options = context.options
        head = StandardizedLinear(context.descriptor.feature_dim, len(context.class_names))
        self._model = Classifier(context.backbone, head)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        return ([self._head_phase()] if o.stages == "two" else []) + [self._full_phase(context)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, smoothing = batch["train"], self._options.label_smoothing
        if state.phase.name == "head":
            logits = self._model.head(train.inputs)
            return StepOutput(F.cross_entropy(logits.float(), train.targets), logits, train.targets)
        mixed = mix(train.inputs, train.targets, self._options.mixup, self._options.cutmix, state.generator)
        if mixed is None:
            logits = self._model(train.inputs)
            loss = F.cross_entropy(logits.float(), train.targets, label_smoothing=smoothing)
            return StepOutput(loss, logits, train.targets)
        logits = self._model(mixed.inputs).float()
        first = F.cross_entropy(logits, train.targets, label_smoothing=smoothing)
        second = F.cross_entropy(logits, mixed.partners, label_smoothing=smoothing)
        return StepOutput(mixed.share * first + (1 - mixed.share) * second)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        head = self._model.head
        assert isinstance(head, StandardizedLinear)
        yield from fit_logistic(head.cpu(), data)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        if isinstance(self._model.head, StandardizedLinear):
            self._model.head.fit_scale(data.train[0].to(self._model.head.mean.device))

    def predictor(self) -> nn.Module:
        return self._model

    def _head_phase(self) -> Phase:
        o = self._options
        if o.head_start == "logistic":
            return Phase(name="head", title="Head on frozen features", epochs=len(STRENGTHS), groups=(), solve=True)
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())
        return Phase(
            name="head",
            title="Head on frozen features",
            epochs=o.head_epochs,
            groups=(ParameterGroup("head", names, o.learning_rate, o.weight_decay),),
            streams=(Stream(features=True, batch_size=o.batch_size),),
            patience=5,
        )

    def _full_phase(self, context: MethodContext) -> Phase:
        o, safe = self._options, context.descriptor.flip_safe
        stages = len(context.descriptor.stages)
        trained = min(o.train_stages or stages, stages)
        what = "biases only" if o.bias_only else "all layers" if trained == stages else f"last {trained} stages"
        augmentation = o.augmentation if o.augmentation != "auto" else "light" if safe else "characters"
        return Phase(
            name="all",
            title=f"Fine-tuning, {what}",
            epochs=o.epochs,
            groups=tuple(self._groups(context, trained)),
            streams=(
                Stream(
                    augmentation=augmentation,
                    flip=safe if o.flip == "auto" else o.flip == "on",
                    batch_size=o.batch_size,
                ),
            ),
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
