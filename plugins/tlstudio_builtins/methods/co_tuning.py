"""Co-Tuning (You et al., NeurIPS 2020): fine-tuning in which the classifier that the pretrained weights came with goes
on learning, too, from what its classes have to do with those of the target.
"""

import dataclasses
from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import nn

from tlstudio.api import Batch, MethodContext, ParameterGroup, Phase, StepOutput, StepState, Tools, TrainingError
from tlstudio.api.events import Event, Message
from tlstudio_builtins.methods import co_tuning_relationship as relations
from tlstudio_builtins.methods.co_tuning_options import CoTuningOptions
from tlstudio_builtins.methods.fine_tuning import FineTuning
from tlstudio_builtins.methods.layers import decayed

_PARTS = 5  # one of which is held out where there is no validation split


class Source(nn.Module):
    """The source's classifier, and the relationship ``p(y_s | y_t)``, ``[C, K]``; its rows sum to 1."""

    relationship: torch.Tensor

    def __init__(self, head: nn.Linear, classes: int) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("relationship", torch.full((classes, head.out_features), 1 / head.out_features))


class Parts(nn.Module):
    """What comes out of it, and what only training needs."""

    def __init__(self, network: nn.Module, source: Source) -> None:
        super().__init__()
        self.network, self.source = network, source


class CoTuning(FineTuning):
    """Adds ``λ`` times the cross-entropy of the source's head against the relationship's row of each sample's class."""

    at = "network."

    def phases(self, context: MethodContext) -> list[Phase]:
        title = f"What {self.source.head.out_features:,} source classes say of {len(context.class_names)}"
        learning = Phase(
            name="relationship", title=title, epochs=1, groups=(), streams=(), compute=True, predicts="-"
        )  # fmt: skip
        return [learning, *super().phases(context)]

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        o, classes = self._options, len(self._context.class_names)
        found = yield from tools.features("train")
        train = self._logits(found.rows), found.targets
        if self._context.profile.val_items:
            other = yield from tools.features("val")
            fit, held = train, (self._logits(other.rows), other.targets)
        else:
            apart = torch.tensor(tools.parts("train", _PARTS))[found.indices] == 0
            apart &= not bool(apart.all())  # one group holds everything
            fit, held = (train[0][~apart], train[1][~apart]), (train[0][apart], train[1][apart])
        temperature = o.temperature or relations.best_temperature(fit, held, classes)
        if o.relationship == "reverse":
            relationship = relations.reverse(fit, held, classes, temperature)
        else:
            relationship = relations.direct(*train, classes, temperature)
        self.source.relationship.copy_(relationship)
        perplexity = float((-(relationship * relationship.clamp_min(1e-300).log()).sum(1)).exp().mean())
        yield Message(
            text=f"A class here is like {perplexity:.1f} of the {relationship.shape[1]:,} source classes on average "
            f"(temperature {temperature:.2f})."
        )
        yield {"temperature": temperature, "source_classes_per_class": perplexity}

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        if state.phase.name == "head":
            return super().step(batch, state)
        train, objective = batch["train"], self._context.objective
        mixed = self._mixed(train, state)
        features = self.network.backbone(train.inputs if mixed is None else mixed.inputs)
        outputs = self.network.head(features)
        loss, wanted = objective.loss(outputs, train.targets), self.source.relationship[train.targets]
        if mixed is not None:
            loss = mixed.share * loss + (1 - mixed.share) * objective.loss(outputs, mixed.partners)
            wanted = wanted.lerp(self.source.relationship[mixed.partners], 1 - mixed.share)
        second = relations.source_loss(self.source.head(features), wanted)
        logs = {"loss, source classes": float(second.detach())}
        total = loss + self._options.source_strength * second
        return StepOutput(total, None if mixed else outputs, None if mixed else train.targets, logs)

    def _around(self, network: nn.Module, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, CoTuningOptions)
        self._options = context.options
        if context.source_head is None:
            raise TrainingError(
                "Co-Tuning needs the classifier that the backbone's weights came with, and there is none. Choose other "
                "weights, or fine-tuning."
            )
        self.source = Source(context.source_head, len(context.class_names))
        return Parts(network, self.source)

    def _groups(self, context: MethodContext, trained: int, biases: bool) -> Iterator[ParameterGroup]:
        """The source's head learns as fast as the backbone's last stage."""
        yield from super()._groups(context, trained, biases)
        names = [f"source.head.{name}" for name, _ in self.source.head.named_parameters()]
        rate = self._training.learning_rate * self._options.backbone_rate
        parameters, growth = dict(self.root.named_parameters()), self._options.backbone_growth
        for group in decayed("source head", names, parameters, rate, self._training.weight_decay):
            yield dataclasses.replace(group, growth=growth, most=max(1.0, 1.0 / self._options.backbone_rate))

    def _logits(self, features: torch.Tensor) -> torch.Tensor:
        """Of the source's classes, as the pretrained network says, float32 ``[N, K]`` on the CPU."""
        head = self.source.head
        with torch.no_grad():
            return features @ head.weight.cpu().T + head.bias.cpu()
