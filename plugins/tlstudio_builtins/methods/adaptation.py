"""Unsupervised domain adaptation: a source with labels, a target without.

What all have in common: the backbone, a bottleneck and a classifier, which learn from the source; and that the epoch
that is kept is chosen without the target's labels. What the methods differ in is ``_transfer``.
"""

from collections.abc import Generator, Iterator

import torch
from torch import nn

from tlstudio.api import (
    Batch,
    MethodContext,
    Optimizer,
    Outputs,
    ParameterGroup,
    Phase,
    Schedule,
    StepOutput,
    StepState,
    Stream,
    Tools,
    TrainingError,
)
from tlstudio.api.events import Event, Message
from tlstudio.training.modules import Classifier
from tlstudio_builtins.methods import adaptation_losses as losses
from tlstudio_builtins.methods import label_free
from tlstudio_builtins.methods.adaptation_modules import BottleneckHead, classifier, discriminator
from tlstudio_builtins.methods.adaptation_options import (
    AdaptingOptions,
    DANNOptions,
    MCCOptions,
    MDDOptions,
    SourceOnlyOptions,
)
from tlstudio_builtins.methods.domain_norm import SourceNetwork, SourceStatistics, averaging, forget, norms
from tlstudio_builtins.methods.layers import decayed

CRITERIA = {"source": "source_accuracy", "infomax": "infomax", "snd": "snd", "entropy": "-entropy"}
Both = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]  # features and outputs, source then target


class SourceOnly:
    """Learns from the source alone. ``deep``: whether the classifier behind the bottleneck has a hidden layer."""

    deep = False

    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, SourceOnlyOptions)
        self._context, self._options = context, context.options
        head = BottleneckHead(
            context.descriptor.feature_dim, self._options.bottleneck, context.objective.outputs, self.deep
        )
        self._classifier, self._head = Classifier(context.backbone, head), head
        self._statistics = self._separate_statistics()
        self._source = SourceNetwork(self._classifier, self._statistics)  # for a look, no part of the model
        parts: dict[str, nn.Module] = {"classifier": self._classifier, **self._parts()}
        if self._statistics is not None:
            parts["statistics"] = self._statistics
        self._model = nn.ModuleDict(parts)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        if context.source is None:
            raise TrainingError("Domain adaptation needs a source: a second data set with the same classes and labels.")
        if o.criterion == "source" and not context.source.profile.val_items:
            raise TrainingError(
                f"The source '{context.source.dataset}' has no validation split, by which 'criterion' is to choose the "
                "model. Split it, or set 'criterion' to infomax."
            )
        return [
            Phase(
                name="adapt",
                title=self._title(),
                epochs=o.epochs,
                groups=tuple(self._groups()),
                streams=self._streams(context),
                batch_norm="train",
                optimizer=Optimizer(kind="sgd"),
                schedule=Schedule(kind="inverse"),
                criterion=CRITERIA[o.criterion],
            )
        ]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        source = batch["source"]
        if "target" not in batch:
            return self._answered(self._classifier(source.inputs), source, None, {})
        found = self._both(source.inputs, batch["target"].inputs)
        logs: dict[str, float] = {}
        transfer = self._transfer(found, state, logs)
        return self._answered(found[1], source, transfer, logs)

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        """What can be known without the target's labels."""
        assert self._context.source is not None
        if phase.name == "adapt":
            yield Message(
                text="The target's labels teach and choose nothing. Its validation metrics are shown, and unused: the "
                f"epoch that is kept is the one with the best '{phase.criterion.removeprefix('-')}'."
            )
        values: dict[str, float] = {}
        if self._context.source.profile.val_items:
            found = yield from tools.outputs(self._source, "val", data="source")
            scores = tools.score(found, data="source")
            values = {"source_loss": scores["loss"]}
            if "accuracy" in scores:
                values["source_accuracy"] = scores["accuracy"]
        target: Outputs = yield from tools.outputs(
            self._classifier, "val" if self._context.profile.val_items else "train"
        )
        return {**values, **label_free.criteria(target.rows)}

    def predictor(self) -> nn.Module:
        return self._classifier

    # --- what the methods differ in --------------------------------------------------------------------------

    def _title(self) -> str:
        return "Learning from the source"

    def _parts(self) -> dict[str, nn.Module]:
        """What is trained beside the classifier."""
        return {}

    def _separate_statistics(self) -> SourceStatistics | None:
        return None

    def _transfer(self, found: Both, state: StepState, logs: dict[str, float]) -> torch.Tensor | None:
        return None

    def _streams(self, context: MethodContext) -> tuple[Stream, ...]:
        return (self._stream(context, "source"),)

    # --- common parts ------------------------------------------------------------------------------------------

    def _stream(self, context: MethodContext, data: str, augmentation: str = "") -> Stream:
        o, safe = self._options, context.descriptor.flip_safe
        augmentation = augmentation or o.augmentation
        if augmentation == "auto":
            augmentation = "characters" if context.modality == "image" and not safe else "light"
        return Stream(
            name=data,
            data="source" if data == "source" else "target",
            augmentation=augmentation,
            flip=safe,
            batch_size=o.batch_size,
        )

    def _answered(
        self, outputs: torch.Tensor, source: Batch, transfer: torch.Tensor | None, logs: dict[str, float]
    ) -> StepOutput:
        assert self._context.source is not None
        loss = self._context.source.objective.loss(outputs, source.targets)
        if transfer is not None:
            assert isinstance(self._options, AdaptingOptions)
            logs = {"source_loss": float(loss.detach()), "transfer_loss": float(transfer.detach()), **logs}
            loss = loss + self._options.trade_off * transfer
        return StepOutput(loss, outputs, source.targets, logs)

    def _both(self, source: torch.Tensor, target: torch.Tensor) -> Both:
        """Features behind the bottleneck ``[N, width]`` and outputs ``[N, C]``: in one batch, where statistics are
        shared.
        """
        if self._statistics is not None:
            with self._statistics.in_place(self._classifier):
                one = self._pass(source)
            return (*one, *self._pass(target))
        features, outputs = self._pass(torch.cat((source, target)))
        count = len(source)
        return features[:count], outputs[:count], features[count:], outputs[count:]

    def _pass(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features: torch.Tensor = self._head.bottleneck(self._classifier.backbone(inputs))
        return features, self._head.classify(features)

    def _groups(self) -> Iterator[ParameterGroup]:
        o, parameters = self._options, dict(self._model.named_parameters())
        inner = [name for name in parameters if name.startswith("classifier.backbone.")]
        own = set(inner)
        outer = [name for name in parameters if name not in own]
        yield from decayed("head", outer, parameters, o.learning_rate, o.weight_decay)
        yield from decayed("backbone", inner, parameters, o.learning_rate * o.backbone_rate, o.weight_decay)


class AdaBN(SourceOnly):
    """Afterwards the statistics of every batch norm are taken from the target, in one pass."""

    def phases(self, context: MethodContext) -> list[Phase]:
        learning = super().phases(context)
        stream = self._stream(context, "target", augmentation="none")
        differing = "infomax" if learning[0].criterion != "infomax" else "snd"  # a criterion for one epoch
        taking = Phase(
            name="statistics",
            title="Statistics of the target",
            epochs=1,
            groups=(),
            streams=(stream,),
            batch_norm="stats",
            criterion=differing,
        )
        return [*learning, taking]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        if state.phase.name != "statistics":
            return super().step(batch, state)
        if state.step == 0:
            forget(self._classifier)
        with averaging(self._classifier):
            outputs = self._classifier(batch["target"].inputs)
        return StepOutput(outputs.new_zeros(()))

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        if phase.name == "statistics" and not norms(self._context.backbone):
            yield Message(
                text=f"The backbone '{self._context.descriptor.id}' has no batch norm: only the statistics of the "
                "bottleneck behind it are the target's now."
            )
        return (yield from super().validate(phase, tools))


class _Adapting(SourceOnly):
    def _streams(self, context: MethodContext) -> tuple[Stream, ...]:
        return self._stream(context, "source"), self._stream(context, "target")

    def _separate_statistics(self) -> SourceStatistics | None:
        assert isinstance(self._options, AdaptingOptions)
        return SourceStatistics(self._classifier) if self._options.batch_norm == "domain" else None


class MCC(_Adapting):
    def _title(self) -> str:
        return "Learning from the source, confusing no classes on the target"

    def _transfer(self, found: Both, state: StepState, logs: dict[str, float]) -> torch.Tensor:
        assert isinstance(self._options, MCCOptions)
        return losses.class_confusion(found[3].float(), self._options.temperature)


class DANN(_Adapting):
    def _title(self) -> str:
        return "Learning from the source, against a discriminator of the domains"

    def _parts(self) -> dict[str, nn.Module]:
        assert isinstance(self._options, DANNOptions)
        self._discriminator = discriminator(self._options.bottleneck, self._options.discriminator)
        return {"discriminator": self._discriminator}

    def _transfer(self, found: Both, state: StepState, logs: dict[str, float]) -> torch.Tensor:
        source, _, target, _ = found
        return self._told_apart(torch.cat((source, target)), len(source), state, logs)

    def _told_apart(self, seen: torch.Tensor, count: int, state: StepState, logs: dict[str, float]) -> torch.Tensor:
        """The loss of the discriminator, whose gradient is reversed; ``count`` rows of ``seen`` are the source's."""
        coefficient = losses.reversal(state.step, state.steps)
        told = self._discriminator(losses.reverse_gradient(seen, coefficient)).float()
        one, other = told[:count], told[count:]
        logs["domain_accuracy"] = float(losses.domain_accuracy(one.detach(), other.detach()))
        return losses.domain_loss(one, other)


class MDD(_Adapting):
    deep = True

    def _title(self) -> str:
        return "Learning from the source, against a second classifier"

    def _parts(self) -> dict[str, nn.Module]:
        self._adversary = classifier(self._options.bottleneck, self._context.objective.outputs, hidden=True)
        return {"adversary": self._adversary}

    def _transfer(self, found: Both, state: StepState, logs: dict[str, float]) -> torch.Tensor:
        assert isinstance(self._options, MDDOptions)
        coefficient = losses.reversal(state.step, state.steps, self._options.reversal)
        source, own, target, other = found
        features = losses.reverse_gradient(torch.cat((source, target)), coefficient)
        told = self._adversary(features).float()
        count = len(source)
        return losses.margin_disparity(own.float(), told[:count], other.float(), told[count:], self._options.margin)
