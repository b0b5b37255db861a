"""DELTA (Li et al., ICLR 2019, sections 3.2 and 3.3): fine-tuning whose feature maps stay near the pretrained ones,
most of all in the channels that matter; the weights are held by L2-SP.
"""

import copy
import dataclasses
from typing import Any

import torch
from torch import nn

from tlstudio.api import Batch, MethodContext, Phase, StepOutput, StepState, TrainingError
from tlstudio.training.modules import recorded
from tlstudio_builtins.methods import delta_maps
from tlstudio_builtins.methods.common import COARSEST
from tlstudio_builtins.methods.delta_options import Features
from tlstudio_builtins.methods.l2_sp import L2SP


class Parts(nn.Module):
    """What is trained, and the frozen pretrained backbone."""

    def __init__(self, network: nn.Module, start: nn.Module) -> None:
        super().__init__()
        self.network, self.start = network, start


class Delta(L2SP):
    at = "network."
    _increase: dict[str, torch.Tensor]  # of the loss without each channel, by level: the mean over
    _tried: int  # samples

    def phases(self, context: MethodContext) -> list[Phase]:
        *first, last = super().phases(context)
        if self._features.attention == "even" or context.objective.pixels:
            return [*first, last]
        head = [phase for phase in first if phase.name == "head"]
        title = f"Channel attention on {self._features.attention_samples} samples"
        stream = dataclasses.replace(self._stream(context), augmentation="none")
        trying = Phase(name="attention", title=title, epochs=1, groups=(), streams=(stream,), predicts="-")
        return [*head, trying, *first[len(head) :], last]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        if state.phase.name == "attention":
            device = batch["train"].inputs.device
            with torch.autocast(device.type, enabled=False):  # the differences are small
                self._try_channels(batch["train"])
            return StepOutput(torch.zeros((), device=device))
        if state.phase.name == "head":
            return super().step(batch, state)
        with recorded(self.parts.network.backbone, self._levels, delta_maps.channels_first) as self._maps:  # type: ignore[arg-type]
            return super().step(batch, state)

    def state_dict(self) -> dict[str, Any]:
        return {**self._increase, "tried": self._tried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._increase = {name: state[name] for name in self._increase}
        self._tried = int(state["tried"])

    def _around(self, network: nn.Module, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, Features)
        self._features = context.options
        levels = [level for level in context.descriptor.levels if level.stride <= COARSEST]
        if not levels:
            raise TrainingError(
                f"The backbone '{context.descriptor.id}' names no feature levels, and DELTA holds their maps. Choose "
                "another backbone, or L2-SP."
            )
        self._levels = levels[-self._features.levels :]
        start = copy.deepcopy(context.backbone).requires_grad_(False)
        self.parts = Parts(network, start)
        self._increase = {level.name: torch.zeros(level.channels) for level in self._levels}
        self._tried = 0
        return self.parts

    def _terms(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad(), recorded(self.parts.start, self._levels, delta_maps.channels_first) as start:
            self.parts.start(inputs)
        total = torch.zeros((), device=inputs.device)
        for level in self._levels:
            attention = delta_maps.attention_of(self._increase[level.name].to(inputs.device))
            total = total + delta_maps.distance(self._maps[level.name], start[level.name], attention)
        return {"distance of feature maps": self._features.feature_strength * total, **super()._terms(inputs)}

    def _try_channels(self, train: Batch) -> None:
        """Adds to the mean increases what these samples say, until there are enough of them."""
        done = self._tried
        count = min(len(train.targets), self._features.attention_samples - done)
        if count <= 0:
            return
        objective, targets = self._context.objective, train.targets[:count]
        found = {
            level.name: delta_maps.increases(
                self.parts.network,
                self.parts.network.backbone,  # type: ignore[arg-type]  # both kinds have one
                level,
                train.inputs[:count],
                lambda outputs: objective.plain_loss(outputs, targets),
                level.channels,
            )
            for level in self._levels
        }
        for name, increase in found.items():
            self._increase[name] = self._increase[name].lerp(increase.cpu(), count / (done + count))
        self._tried += count
