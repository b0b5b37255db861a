"""CAM transfer: a target network's probabilities decide where a source network's maps are looked at, and the class is
told from that region.

Stages: A the source network on its own data (where given), B the target network, cross-fitted, C gates and classifier
on cached maps and out-of-fold probabilities, D everything together (where wanted). Two traps are closed by the way it
is built. The classifier pools the un-gated maps, so that probabilities reach it by way of the region alone. And the
attention learns from probabilities of networks that never saw the sample, as it will meet them later.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import Batch, MethodContext, Outputs, Phase, StepOutput, StepState, Stream, Tools
from tlstudio.api.controls import Controls, Look
from tlstudio.api.events import Event
from tlstudio_builtins.methods import cam_controls, cam_losses, cam_stages
from tlstudio_builtins.methods.cam_computing import Computing
from tlstudio_builtins.methods.cam_networks import TargetNetwork
from tlstudio_builtins.methods.cam_options import CamOptions
from tlstudio_builtins.methods.cam_parts import CamParts
from tlstudio_builtins.methods.distillation_losses import soft_cross_entropy

_OWN = 0.3  # weight of the target network's own answer in stage D
_SOFT = 0.5  # weight of the source network's softened answer, where it knows the same classes
_TEMPERATURE = 4.0  # of both answers there


class CamTransfer:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, CamOptions)
        self._context, self._options = context, context.options
        self._parts = CamParts(context, self._options)
        self._predictor = self._parts.predictor()
        self._computing = Computing(context, self._options, self._parts, self._predictor)
        return self._parts

    def phases(self, context: MethodContext) -> list[Phase]:
        return cam_stages.stages(context, self._options, self._parts)

    def predictor(self) -> nn.Module:
        return self._predictor

    # --- stages that learn -----------------------------------------------------------------------------------

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        name, train = state.phase.name, batch["train"]
        if name == "source":
            return self._source_step(train)
        if name == "student":
            assert self._parts.student is not None
            with torch.no_grad():
                wanted = self._parts.maps()(train.inputs)
            return StepOutput(cam_losses.mimicry(self._parts.student(train.inputs), wanted))
        if name == "attention":
            return self._attention_step(train, state)
        if name == "joint":
            return self._joint_step(batch)
        if name == "target":
            return self._target_step(train, self._parts.target, self._options.folds)
        fold = int(name.removeprefix("fold-"))
        self._computing.unseen.note(fold, train.indices)
        network: TargetNetwork = self._parts.folds[fold]  # type: ignore[assignment]  # each of them is one
        return self._target_step(train, network, fold)

    def _source_step(self, train: Batch) -> StepOutput:
        assert self._context.source is not None
        outputs = self._parts.source(train.inputs)
        return StepOutput(self._context.source.objective.loss(outputs, train.targets), outputs, train.targets)

    def _target_step(self, train: Batch, network: TargetNetwork, number: int) -> StepOutput:
        """Stage B; ``number`` of the projector that compares its maps with the source network's."""
        objective, o = self._context.objective, self._options
        if not len(self._parts.projectors):
            outputs = network(train.inputs)
            loss = cam_losses.smoothed(objective, outputs, train.targets, o.smoothing, self._context.task)
            return StepOutput(loss, outputs, train.targets)
        found: list[torch.Tensor] = []
        middle = network.backbone.get_submodule(self._parts.middle())
        hook = middle.register_forward_hook(lambda _module, _inputs, output: found.append(output))
        try:
            outputs = network(train.inputs)
        finally:
            hook.remove()
        loss = cam_losses.smoothed(objective, outputs, train.targets, o.smoothing, self._context.task)
        with torch.no_grad():
            wanted = self._parts.scale(self._parts.maps()(train.inputs))
        own = found[0].float()
        if train.inputs.ndim == 5:
            own = own.reshape(-1, train.inputs.shape[1], *own.shape[1:]).mean(1)
        hints = F.mse_loss(
            self._parts.projectors[number](F.adaptive_avg_pool2d(own, wanted.shape[-2:])).float(), wanted
        )
        loss = loss + o.hint_weight * hints
        source = self._context.source
        if source is not None and o.source_epochs and set(source.class_names) == set(self._context.class_names):
            order = [source.class_names.index(name) for name in self._context.class_names]
            with torch.no_grad():
                known = self._parts.source(train.inputs)[:, order]
            loss = loss + _SOFT * soft_cross_entropy(outputs.float(), known.float(), _TEMPERATURE)
        return StepOutput(loss, outputs, train.targets, {"hints": float(hints.detach())})

    def _attention_step(self, train: Batch, state: StepState) -> StepOutput:
        """Stage C, on a batch of cached rows."""
        maps, p = self._computing.taken_apart(train.inputs)
        wanted = None
        if self._parts.scale.paired:  # the class that is looked for is drawn from p, never from the label
            drawn = torch.multinomial(p.cpu(), 1, generator=state.generator).squeeze(1)
            wanted = F.one_hot(drawn, p.shape[1]).to(p)
        looked = self._predictor.look(maps, p, wanted)
        terms, outputs = cam_losses.attention_terms(
            partial(self._predictor.answer, maps), looked, train.targets, self._context.objective, self._context.task
        )
        logs = {name: float(value.detach()) for name, value in terms.items()}
        return StepOutput(cam_losses.attention_loss(terms, self._options), outputs, train.targets, logs)

    def _joint_step(self, batch: dict[str, Batch]) -> StepOutput:
        """Stage D: ``L_s + λ (CE(h(z), y) + .3 CE(u, y))``. z is led by the out-of-fold p here too, since the target
        network has seen these samples by now.
        """
        train, objective, o = batch["train"], self._context.objective, self._options
        p = self._computing.unseen.of(train.indices.cpu())
        known = torch.isfinite(p).all(1)
        p = torch.where(known[:, None], p, torch.full_like(p, 1 / p.shape[1])).to(train.inputs.device)
        maps = self._predictor.source_maps(train.inputs)
        looked = self._predictor.look(maps, p)
        outputs = self._predictor.answer(maps, looked)
        own = self._parts.target(train.inputs)
        loss = objective.loss(outputs, train.targets) + _OWN * objective.loss(own, train.targets)
        loss = o.trade_off * loss
        if "source" in batch and self._context.source is not None:
            source = batch["source"]
            of_source = self._context.source.objective.loss(self._parts.source(source.inputs), source.targets)
            return StepOutput(loss + of_source, outputs, train.targets, {"source": float(of_source.detach())})
        return StepOutput(loss, outputs, train.targets)

    # --- what is computed between them -----------------------------------------------------------------------

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        if phase.name == "maps":
            yield from self._computing.maps(tools)
        elif phase.name == "probabilities":
            yield from self._computing.probabilities(tools)
        elif phase.name == "probe":
            yield from self._computing.probe(tools)

    def rows(self, stream: Stream, tools: Tools) -> Generator[Event, None, Outputs]:
        return (yield from self._computing.rows(tools))

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        yield from ()
        return self._computing.judge(tools) if phase.name == "attention" else {}

    def controls(self, look: Look) -> Generator[Event, None, Controls]:
        return (yield from cam_controls.controls(self._predictor, self._parts.probe, self._context, look))

    # --- what a checkpoint holds beside the networks -----------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return self._computing.unseen.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._computing.unseen.load_state_dict(state)
