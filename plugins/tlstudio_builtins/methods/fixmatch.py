"""FixMatch and FlexMatch: a sure guess of a weakly augmented view is the label of a strongly augmented one."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tlstudio.api import UNLABELLED, Batch, MethodContext, Phase, SolveData, StepOutput, StepState, Stream
from tlstudio_builtins.methods.common import check_pool
from tlstudio_builtins.methods.fine_tuning import FineTuning
from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions
from tlstudio_builtins.methods.fixmatch_losses import Guess, flexible_thresholds, guess, masked_cross_entropy
from tlstudio_builtins.methods.fixmatch_options import FixMatchOptions, FlexMatchOptions

_FLOOR = 0.195  # of the cosine, which FixMatch follows over 7/16 of its period: cos(7π/16)


class FixMatch:
    """Stage one is the head of fine-tuning, so that the first guesses are worth something."""

    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FixMatchOptions)
        self._context, self._options = context, context.options
        self._tuning = FineTuning()
        self._model = self._tuning.build(self._as_tuning(context))
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        check_pool(context)
        o = self._options
        head, everything = self._tuning.phases(self._as_tuning(context))
        return [
            head,
            dataclasses.replace(
                everything,
                name="match",
                title="All layers, on labels and on sure guesses",
                streams=self._streams(context),
                schedule=dataclasses.replace(everything.schedule, floor=_FLOOR),
                clip_norm=0.0,
                ema=o.ema_decay or None,
            ),
        ]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        if state.phase.name != "match":
            return self._tuning.step(batch, state)
        o, objective, train, pool = self._options, self._context.objective, batch["train"], batch.get(UNLABELLED)
        weak: torch.Tensor | None = None
        if pool is not None:
            with torch.no_grad():
                weak = self._model(pool.inputs)
        strong_views = (*(train.views if o.strong_labelled else ()), *(pool.views if pool is not None else ()))
        whole = self._model(torch.cat([train.inputs, *strong_views]))
        labelled, *rest = whole.split([len(train.inputs), *(len(view) for view in strong_views)])
        loss = objective.loss(labelled, train.targets)
        logs = {"loss_labelled": float(loss.detach())}
        if o.strong_labelled and train.views:
            loss = loss + o.strong_labelled * objective.loss(rest[0], train.targets)
        if pool is not None and weak is not None:
            found = guess(weak)
            mask, said = self._mask(found, pool.indices)
            matched = masked_cross_entropy(rest[-1], found.labels, mask)
            loss = loss + o.weight * matched
            above = (found.confidence >= o.threshold).float().mean()
            used = mask.float().mean()
            logs |= {"loss_unlabelled": float(matched.detach()), "above_threshold": float(above), "used": float(used)}
            logs |= said
        return StepOutput(loss, labelled, train.targets, logs)

    def _mask(self, found: Guess, indices: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """Which guesses count, bool ``[N]``, and numbers for the plots. ``indices``: places in the pool."""
        return found.confidence >= self._options.threshold, {}

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        yield from self._tuning.solve(phase, data)

    def predictor(self) -> nn.Module:
        return self._model

    def _as_tuning(self, context: MethodContext) -> MethodContext:
        """For fine-tuning, whose head and parameter groups these are."""
        o = self._options
        options = FineTuningOptions(
            epochs=o.epochs,
            learning_rate=o.learning_rate,
            stage_decay=o.stage_decay,
            weight_decay=o.weight_decay,
            batch_size=o.batch_size,
            optimizer="sgd",
            batch_norm=o.batch_norm,
            flip=o.flip,
            patience=o.patience,
        )
        return dataclasses.replace(context, options=options)

    def _streams(self, context: MethodContext) -> tuple[Stream, ...]:
        """The one with more batches sets the pace; the other goes round."""
        o = self._options
        weak, strong = views_of(context.modality, context.descriptor.flip_safe)
        flip = context.descriptor.flip_safe if o.flip == "auto" else o.flip == "on"
        labelled = Stream(
            augmentation=weak, flip=flip, batch_size=o.batch_size, views=(strong,) if o.strong_labelled else ()
        )
        pool = Stream(
            name=UNLABELLED, split=UNLABELLED, augmentation=weak, flip=flip, views=(strong,),
            batch_size=o.batch_size * o.unlabelled_ratio,
        )  # fmt: skip
        more_labelled = sum(context.class_counts) * o.unlabelled_ratio > context.unlabelled
        return (labelled, pool) if more_labelled else (pool, labelled)


class FlexMatch(FixMatch):
    """FixMatch with a threshold for each class, lower for those that the model has learnt less of."""

    def build(self, context: MethodContext) -> nn.Module:
        self._latest = torch.full((context.unlabelled,), -1, dtype=torch.int32)  # class of the last confident guess
        return super().build(context)

    def _mask(self, found: Guess, indices: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        o = self._options
        assert isinstance(o, FlexMatchOptions)
        thresholds = flexible_thresholds(self._latest, len(self._context.class_names), o.threshold, o.warm_up)
        mask = found.confidence >= thresholds.to(found.labels.device)[found.labels]
        above = (found.confidence >= o.threshold).cpu()
        self._latest[indices[above]] = found.labels.cpu()[above].int()
        return mask, {"threshold_mean": float(thresholds.mean()), "threshold_lowest": float(thresholds.min())}

    def state_dict(self) -> dict[str, Any]:
        return {"latest": self._latest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._latest = state["latest"].clone()


def views_of(modality: str, flip_safe: bool) -> tuple[str, str]:
    """The weak and the strong augmentation of a modality."""
    if modality == "image" and not flip_safe:
        return "characters", "strong-characters"
    return {"audio": ("light", "medium"), "text": ("none", "light")}.get(modality, ("light", "strong"))
