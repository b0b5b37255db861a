"""Self-training: the model labels the samples that it is sure of, learns from them too, and so on for some rounds.

Each round is a phase that chooses, one in which the user may strike out (where that is wanted), and one that learns.
"""

import dataclasses
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

from tlstudio import pseudo_labels as kept
from tlstudio.api import (
    UNLABELLED,
    Batch,
    MethodContext,
    Outputs,
    Phase,
    SolveData,
    StepOutput,
    StepState,
    Stream,
    Tools,
    TrainingError,
)
from tlstudio.api.events import Event, Message
from tlstudio_builtins.methods import pseudo_labels as choosing
from tlstudio_builtins.methods.common import check_pool
from tlstudio_builtins.methods.fine_tuning import FineTuning
from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions
from tlstudio_builtins.methods.pseudo_label_set import LabelSet
from tlstudio_builtins.methods.self_training_options import SelfTrainingOptions
from tlstudio_builtins.tasks.solvers import STRENGTHS

Computed = Generator["Event | dict[str, Any]", None, None]
_PSEUDO = "pseudo"
_AT_ONCE = 65_536  # rows of features
_FINEST = 8  # the weight of a label becomes a fraction with at most this denominator, where samples are repeated


class SelfTraining:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, SelfTrainingOptions)
        self._context, self._options = context, context.options
        self._tuning = FineTuning()
        self._model = self._tuning.build(self._as_tuning(context))
        self._accepted, self._proposed = LabelSet.empty(), LabelSet.empty()
        self._vetoed = torch.empty(0, dtype=torch.int64)  # places in the pool
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        check_pool(context)
        o = self._options
        head, everything = self._tuning.phases(self._as_tuning(context))
        phases = [head]
        if o.train == "all":
            phases.append(dataclasses.replace(everything, name="all-0", title="All layers, on the labelled samples"))
        for number in range(1, o.rounds + 1):
            of = f"round {number} of {o.rounds}"
            phases.append(self._computed(f"select-{number}", f"Labelling what is sure, {of}"))
            if o.review:
                phases.append(self._computed(f"review-{number}", f"Your look at the labels, {of}"))
            if o.train == "head":
                title = f"Linear head with new labels, {of}"
                phases.append(self._computed(f"head-{number}", title, len(STRENGTHS)))
            else:
                title = f"All layers with new labels, {of}"
                streams = self._streams(everything.streams[0], number)
                phases.append(dataclasses.replace(everything, name=f"all-{number}", title=title, streams=streams))
        return phases

    def _computed(self, name: str, title: str, epochs: int = 1) -> Phase:
        on_features = Stream(features=self._options.train == "head")
        return Phase(name=name, title=title, epochs=epochs, groups=(), streams=(on_features,), compute=True)

    def _streams(self, labelled: Stream, number: int) -> tuple[Stream, ...]:
        """What is likely to be more sets the pace; the other goes round."""
        pseudo = dataclasses.replace(labelled, name=_PSEUDO, split=UNLABELLED, relabelled=True)
        most = min(self._context.unlabelled, number * sum(self._caps()))
        return (labelled, pseudo) if sum(self._context.class_counts) >= most else (pseudo, labelled)

    # --- learning ------------------------------------------------------------------------------------------

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, pseudo, objective = batch["train"], batch.get(_PSEUDO), self._context.objective
        if state.phase.name == "head" or pseudo is None:
            return self._tuning.step(batch, state)
        outputs = self._model(torch.cat([train.inputs, pseudo.inputs]))
        ours, theirs = outputs.split([len(train.inputs), len(pseudo.inputs)])
        share = self._share()
        own, guessed = objective.loss(ours, train.targets), objective.loss(theirs, pseudo.targets)
        logs = {"loss_labelled": float(own.detach()), "loss_pseudo": float(guessed.detach())}
        return StepOutput((1 - share) * own + share * guessed, ours, train.targets, logs)

    def _share(self) -> float:
        """Of the new labels in the loss: ``w P / (L + w P)``, as if all were drawn from one set with weights 1, w."""
        weighed = self._options.weight * len(self._accepted)
        return weighed / (sum(self._context.class_counts) + weighed)

    def relabel(self, stream: Stream) -> tuple[torch.Tensor, torch.Tensor]:
        return self._accepted.positions, self._accepted.labels

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        yield from self._tuning.solve(phase, data)

    # --- choosing ------------------------------------------------------------------------------------------

    def compute(self, phase: Phase, tools: Tools) -> Computed:
        kind, _, number = phase.name.partition("-")
        what = {"select": self._select, "review": self._review, "head": self._solve_head}[kind]
        yield from what(int(number), tools)

    def _select(self, number: int, tools: Tools) -> Computed:
        """Labels new samples of the pool, and writes down which."""
        o = self._options
        items = tools.items(UNLABELLED)
        if not set(items).isdisjoint(tools.items("val")):
            raise TrainingError("The samples without labels hold some that are validated on. Import them separately.")
        pool = yield from self._logits(UNLABELLED, tools)
        validation = yield from self._logits("val", tools)
        temperature = choosing.temperature_of(validation.rows, validation.targets) if o.calibrate else 1.0
        probabilities = choosing.softmax(pool.rows, temperature)
        taken = torch.cat([self._accepted.positions, self._vetoed])
        barred = torch.nonzero(torch.isin(pool.indices, taken)).flatten().tolist()
        rows, labels, confidences = choosing.select(probabilities, o.threshold, self._caps(), barred)
        self._proposed = LabelSet(pool.indices[rows], torch.from_numpy(labels), torch.from_numpy(confidences))
        names = self._context.class_names
        entries = self._proposed.entries()
        accepted = tuple(kept.Accepted(items[place], names[label], sure) for place, label, sure in entries)
        kept.write_round(tools.folder, kept.Round(number, names, accepted, o.review))
        sure = int((probabilities.max(1) >= o.threshold).sum()) if len(probabilities) else 0
        yield Message(text=_sentence(number, labels, names, sure, len(probabilities), temperature))
        if not o.review:
            self._take(self._proposed)
        in_all = {} if o.review else {"accepted_in_all": len(self._accepted)}
        yield {"accepted": len(rows), **in_all, "temperature": temperature}

    def _review(self, number: int, tools: Tools) -> Computed:
        struck = kept.vetoed_or_park(tools.folder, number)
        items = tools.items(UNLABELLED)
        wrong = torch.tensor([items[place] in struck for place in self._proposed.positions.tolist()], dtype=torch.bool)
        self._vetoed = torch.cat([self._vetoed, self._proposed.positions[wrong]])
        self._take(self._proposed.where(~wrong))
        yield {"vetoed": int(wrong.sum()), "accepted_in_all": len(self._accepted)}

    def _take(self, labels: LabelSet) -> None:
        self._accepted, self._proposed = self._accepted.joined(labels), LabelSet.empty()

    def _caps(self) -> list[int]:
        return choosing.caps(self._context.class_counts, self._options.cap)

    def _logits(self, split: str, tools: Tools) -> Generator[Event, None, Outputs]:
        if self._options.train == "all":
            return (yield from tools.outputs(self._model, split))
        found = yield from tools.features(split)
        head: nn.Module = self._model.head  # type: ignore[assignment]  # classification alone has this method
        head.eval()
        with torch.no_grad():
            rows = torch.cat([head(part.to(tools.device)).cpu() for part in torch.split(found.rows, _AT_ONCE)])
        return dataclasses.replace(found, rows=rows)

    def _solve_head(self, number: int, tools: Tools) -> Computed:
        """The best linear head on labelled samples and new ones, which is exact where the labelled ones are repeated
        ``q`` times and the new ones ``p``, for a weight of ``p/q``.
        """
        train = yield from tools.features("train")
        pool = yield from tools.features(UNLABELLED)
        val = yield from tools.features("val")
        weight = Fraction(self._options.weight).limit_denominator(_FINEST) or Fraction(1, _FINEST)
        row_of = {place: row for row, place in enumerate(pool.indices.tolist())}
        rows = torch.tensor([row_of[place] for place in self._accepted.positions.tolist()], dtype=torch.int64)
        features = [train.rows] * weight.denominator + [pool.rows[rows]] * weight.numerator
        targets = [train.targets] * weight.denominator + [self._accepted.labels] * weight.numerator
        data = SolveData((torch.cat(features), torch.cat(targets)), (val.rows, val.targets), tools.seed)
        yield from self._tuning.solve(Phase(name="head", title="", epochs=1, groups=()), data)
        self._model.to(tools.device)

    # --- what a checkpoint holds ---------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {
            **self._accepted.tensors("accepted"),
            **self._proposed.tensors("proposed"),
            "vetoed": self._vetoed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._accepted, self._proposed = LabelSet.of(state, "accepted"), LabelSet.of(state, "proposed")
        self._vetoed = state["vetoed"].clone()

    def predictor(self) -> nn.Module:
        return self._model

    def _as_tuning(self, context: MethodContext) -> MethodContext:
        """For fine-tuning, whose head and parameter groups these are."""
        o = self._options
        options = FineTuningOptions(
            epochs=o.epochs, learning_rate=o.learning_rate, batch_size=o.batch_size, batch_norm=o.batch_norm,
            patience=o.patience,
        )  # fmt: skip
        return dataclasses.replace(context, options=options)


def _sentence(number: int, labels: choosing.Integers, names: tuple[str, ...], sure: int, pool: int, heat: float) -> str:
    counts = np.bincount(labels, minlength=len(names))
    each = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True) if count)
    return (
        f"Round {number}: the model is sure of {sure:,} of {pool:,} samples (temperature {heat:.2f}); {len(labels):,} "
        f"new ones are labelled{f': {each}' if each else ''}."
    )
