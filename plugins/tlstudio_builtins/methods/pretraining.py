"""Pre-training: what every objective shares. A backbone learns from the pictures at hand, most often without their
labels; then it is frozen, and a linear probe says what its features are worth.

The run's model is a plain classifier, so that its backbone is weights ``run:ID`` for every other method.
"""

import dataclasses
from collections.abc import Generator, Iterable
from typing import Any

import torch
from torch import nn

from tlstudio.api import (
    UNLABELLED,
    Batch,
    MethodContext,
    Optimizer,
    ParameterGroup,
    Phase,
    Schedule,
    StepOutput,
    StepState,
    Stream,
    Tools,
)
from tlstudio.api.events import Event
from tlstudio_builtins.methods import common
from tlstudio_builtins.methods.layers import decayed
from tlstudio_builtins.methods.pretraining_options import PretrainingOptions
from tlstudio_builtins.methods.pretraining_probe import Probe

START, PRETRAIN, PROBE = "start", "pretrain", "probe"
BACKBONE = "model.backbone"  # in the names of build()'s module
Parts = dict[str, nn.Module]


class _Whole(nn.Module):
    """The classifier that comes out of it, and the ``parts`` that only pre-training needs."""

    def __init__(self, model: nn.Module, parts: Parts) -> None:
        super().__init__()
        self.model, self.parts = model, nn.ModuleDict(parts)


class Pretraining:
    """A method without its objective: ``make_parts``, ``loss``, and, where there is one, ``held_out``."""

    objective = "Pre-training"  # its name, on the card too
    held_out_is_cheap = True  # so that it is shown even where something else chooses the epoch
    options: PretrainingOptions

    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, PretrainingOptions)
        self.context, self.options = context, context.options
        self.model = common.network(context)
        self.parts = self.make_parts(context)
        self._whole = _Whole(self.model, self.parts)
        self._probe = Probe(context, self.model, self.objective)
        self._seen = 0
        return self._whole

    def predictor(self) -> nn.Module:
        return self.model

    # --- what an objective says ----------------------------------------------------------------------------

    def make_parts(self, context: MethodContext) -> Parts:
        """Modules beside the backbone. Raises ``TrainingError`` where the backbone does not suit."""
        return {}

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        raise NotImplementedError

    def has_held_out(self) -> bool:
        """Whether the objective has a loss on validation that tells anything."""
        return True

    def held_out(self, tools: Tools) -> Generator[Event, None, float | None]:
        """That loss; ``None`` where nothing of the split could be read."""
        raise NotImplementedError

    def streams(self) -> tuple[Stream, ...]:
        return self.shared_out(Stream(augmentation=usual_augmentation(self.context)))

    def optimizer(self) -> Optimizer:
        return Optimizer()

    def rate(self) -> float:
        return self.options.learning_rate

    def schedule(self) -> Schedule:
        return Schedule(kind="cosine", warmup=self.options.warmup)

    # --- phases --------------------------------------------------------------------------------------------

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self.options
        start = [
            Phase(
                name=START, title="What random weights are worth", epochs=1, groups=(), streams=(), compute=True,
                predicts="-",
            )
        ]  # fmt: skip
        pretraining = Phase(
            name=PRETRAIN,
            title=self.objective,
            epochs=o.epochs,
            groups=tuple(self._groups()),
            streams=self.streams(),
            batch_norm="train",
            optimizer=self.optimizer(),
            schedule=self.schedule(),
            patience=o.patience,
            predicts=BACKBONE if self.criterion() else "-",
            criterion=self.criterion(),
        )
        probe = Phase(
            name=PROBE, title="Linear probe on frozen features", epochs=1, groups=(), streams=(), compute=True
        )
        return [*(start if o.compare else []), pretraining, probe]

    def criterion(self) -> str:
        """The value that chooses the epoch; empty where the last one counts."""
        if not self.context.profile.val_items:
            return ""
        by = getattr(self.options, "choose_by", "loss")
        if by == "neighbours" and self.votes():
            return "knn_accuracy"
        return "-heldout_loss" if self.has_held_out() else ""

    def votes(self) -> bool:
        """Whether neighbours can vote: there are classes, and pictures to be asked about."""
        c = self.context
        return c.task == "classification" and len(c.class_names) > 1 and bool(c.profile.val_items)

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        self._seen += sum(len(one.inputs) for one in batch.values())
        return self.loss(batch, state)

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        if phase.name != PRETRAIN or not self.context.profile.val_items:
            return {}
        values: dict[str, float] = {}
        if self.has_held_out() and (self.criterion() == "-heldout_loss" or self.held_out_is_cheap):
            found = yield from self.held_out(tools)
            if found is not None:
                values["heldout_loss"] = found
        if self.votes():
            values["knn_accuracy"] = yield from self._probe.vote(tools, self.options.neighbours_of)
        return values

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        if phase.name == START:
            yield from self._probe.compare(tools)
        else:
            yield from self._probe.run(tools, self._seen)

    # --- what is remembered between steps ------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self._seen, "compared": self._probe.compared}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen, self._probe.compared = int(state["seen"]), dict(state["compared"])

    # --- helpers -------------------------------------------------------------------------------------------

    @property
    def backbone(self) -> nn.Module:
        found: nn.Module = self.model.backbone
        return found

    def mirrors(self) -> bool:
        return self.context.descriptor.flip_safe if self.options.flip == "auto" else self.options.flip == "on"

    def shared_out(self, stream: Stream) -> tuple[Stream, ...]:
        """``stream`` over the training split and, where there is one, over the split without labels, in the proportion
        of their sizes; the larger one sets how long an epoch is.
        """
        c, size = self.context, self.options.batch_size
        stream = dataclasses.replace(stream, flip=self.mirrors(), batch_size=size)
        if not c.unlabelled:
            return (stream,)
        labelled = sum(c.class_counts) if c.task == "classification" else c.profile.train_items
        of_pool = min(size - 2, max(2, round(size * c.unlabelled / (labelled + c.unlabelled))))
        own = dataclasses.replace(stream, batch_size=size - of_pool)
        pool = dataclasses.replace(stream, name=UNLABELLED, split=UNLABELLED, batch_size=of_pool)
        return (pool, own) if c.unlabelled > labelled else (own, pool)

    def _groups(self) -> Iterable[ParameterGroup]:
        """The backbone and the parts; biases and normalisation are not decayed."""
        rate, decay = self.rate(), self.options.weight_decay
        parameters = dict(self._whole.named_parameters())
        for side, prefix in (("backbone", f"{BACKBONE}."), ("objective", "parts.")):
            names = [name for name in parameters if name.startswith(prefix)]
            yield from decayed(side, names, parameters, rate, decay)


def usual_augmentation(context: MethodContext) -> str:
    """As in fine-tuning."""
    return "characters" if context.modality == "image" and not context.descriptor.flip_safe else "light"


def joined(batches: dict[str, Batch]) -> torch.Tensor:
    """The inputs of all streams, one below the other."""
    return torch.cat([batch.inputs for batch in batches.values()])
