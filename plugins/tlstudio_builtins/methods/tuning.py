"""What fine-tuning and its relatives share: the head first (LP-FT), then steps on samples."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
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
from tlstudio.api.phases import BatchNorm
from tlstudio_builtins.methods import common
from tlstudio_builtins.methods.fine_tuning_options import Training
from tlstudio_builtins.methods.mixing import Mixed, mix

PIXEL_BATCH, PIXEL_RATE = 4, 2e-3  # pictures at most, and the rate at which a head for pixels starts
_CYCLE_START, _CYCLE_FLOOR, _MOST_DROPS = 0.2, 1e-5, 20


class Tuning:
    """``network``: the backbone and its head, which lies at ``at`` in the module that ``build`` returns.

    Relatives say which phases follow that of the head, and add their own terms to the loss.
    """

    at = ""

    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, Training)
        self._context, self._training = context, context.options
        self.network = common.network(context)
        self.root = self._around(self.network, context)
        return self.root

    def phases(self, context: MethodContext) -> list[Phase]:
        head = [self._head_phase(context)] if self._training.stages == "two" else []
        return [*head, *self._later_phases(context)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, objective = batch["train"], self._context.objective
        if state.phase.name == "head":
            outputs = self.network(train.inputs) if objective.pixels else self.network.head(train.inputs)
            return StepOutput(objective.loss(outputs, train.targets), outputs, train.targets)
        mixed = self._mixed(train, state)
        inputs = train.inputs if mixed is None else mixed.inputs
        outputs = self.network(inputs)
        terms = self._terms(inputs)
        added = sum(terms.values(), torch.zeros((), device=outputs.device))
        logs = {name: float(term.detach()) for name, term in terms.items()}
        if mixed is None:
            loss = objective.loss(outputs, train.targets)
            return StepOutput(loss + added if terms else loss, outputs, train.targets, logs)
        first, second = objective.loss(outputs, train.targets), objective.loss(outputs, mixed.partners)
        return StepOutput(mixed.share * first + (1 - mixed.share) * second + added, logs=logs)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        yield from common.solve(self._context, self.network, data, 0.0, self._training.sampler)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        common.fit_scale(self.network, data)

    def predictor(self) -> nn.Module:
        return self.network

    # --- what relatives change -----------------------------------------------------------------------------

    def _around(self, network: nn.Module, context: MethodContext) -> nn.Module:
        """Every part under one module."""
        return network

    def _later_phases(self, context: MethodContext) -> list[Phase]:
        raise NotImplementedError

    def _terms(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """What is added to the loss, by name, right after the network has seen ``inputs``."""
        return {}

    # --- phases --------------------------------------------------------------------------------------------

    def _head_phase(self, context: MethodContext) -> Phase:
        o, pixels = self._training, context.objective.pixels
        if o.head_start == "logistic" and context.objective.solvable:
            return common.solved_phase("Head on frozen features", 0.0, o.sampler)
        stream = self._stream(context) if pixels else Stream(features=True, batch_size=o.batch_size, sampler=o.sampler)
        rate = o.head_rate or (PIXEL_RATE if pixels else o.learning_rate)
        return Phase(
            name="head",
            title="Head, the backbone frozen" if pixels else "Head on frozen features",
            epochs=o.head_epochs,
            groups=(ParameterGroup("head", tuple(self._head_names()), rate, o.weight_decay),),
            streams=(stream,),
            patience=5,
        )

    def _phase(
        self, context: MethodContext, title: str, groups: Iterable[ParameterGroup], batch_norm: BatchNorm
    ) -> Phase:
        """The phase in which the backbone learns, as the options say."""
        o = self._training
        return Phase(
            name="all",
            title=title,
            epochs=o.epochs,
            groups=tuple(groups),
            streams=(self._stream(context),),
            batch_norm=batch_norm,
            optimizer=_optimizer(o),
            schedule=_schedule(o),
            patience=o.patience,
            ema=o.ema_decay if o.ema else None,
            clip_norm=o.clip_norm,
            accumulate=o.accumulate,
            sam=o.sam,
            sam_adaptive=o.sam_adaptive,
        )

    def _head_names(self) -> list[str]:
        return [f"{self.at}head.{name}" for name, _ in self.network.head.named_parameters()]

    def _stream(self, context: MethodContext) -> Stream:
        o, safe = self._training, context.descriptor.flip_safe
        augmentation = o.augmentation
        if augmentation == "auto":
            augmentation = "characters" if context.modality == "image" and not safe else "light"
        batch_size = min(o.batch_size, PIXEL_BATCH) if context.objective.pixels else o.batch_size
        return Stream(
            augmentation=augmentation,
            flip=safe if o.flip == "auto" else o.flip == "on",
            batch_size=batch_size,
            sampler="natural" if context.objective.pixels else o.sampler,
        )

    def _mixed(self, train: Batch, state: StepState) -> Mixed | None:
        pictures = train.inputs.is_floating_point() and train.inputs.ndim == 4
        if not pictures or self._context.objective.pixels:
            return None
        return mix(train.inputs, train.targets, self._training.mixup, self._training.cutmix, state.generator)


def _optimizer(o: Training) -> Optimizer:
    return Optimizer(kind="adamw") if o.optimizer == "adamw" else Optimizer(kind="sgd", nesterov=o.optimizer == "sgd")


def _schedule(o: Training) -> Schedule:
    if o.schedule == "one-cycle":
        return Schedule(kind="one-cycle", warmup=o.warmup, start=_CYCLE_START, floor=_CYCLE_FLOOR)
    if o.schedule == "steps":
        drops = (o.first_drop + number * o.drop_every for number in range(_MOST_DROPS))
        return Schedule(kind="steps", warmup=o.warmup, drops=tuple(drop for drop in drops if drop < 1 - 1e-9))
    return Schedule(kind=o.schedule, warmup=o.warmup)
