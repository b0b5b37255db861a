"""Adversarial fine-tuning: the network learns on pictures that are attacked while it learns."""

import contextlib
import dataclasses
from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import nn

from tlstudio.api import Batch, MethodContext, Phase, StepOutput, StepState, Tools
from tlstudio.robustness.attacks import InPixels, cross_entropy, pgd
from tlstudio_builtins.methods.adversarial_options import AdversarialOptions
from tlstudio_builtins.methods.fine_tuning import FineTuning

ROBUST = "robust_accuracy"


class AdversarialFineTuning(FineTuning):
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, AdversarialOptions)
        self._options = context.options
        return super().build(context)

    def phases(self, context: MethodContext) -> list[Phase]:
        criterion = ROBUST if self._options.chosen_by == "robust" else ""
        return [p if p.name == "head" else dataclasses.replace(p, criterion=criterion) for p in super().phases(context)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        if state.phase.name == "head":
            return super().step(batch, state)
        train, objective = batch["train"], self._context.objective
        o, place = self._options, self._in_pixels(train.inputs.device)
        pixels = place.pixels_of(train.inputs)
        trades = o.defence == "trades"
        with in_eval_mode(self.network):
            with torch.no_grad():
                reference = place(pixels).float() if trades else train.targets
            attacked = pgd(
                place,
                pixels,
                reference,
                o.eps / 255,
                steps=o.attack_steps,
                generator=state.generator,
                loss=divergence if trades else cross_entropy,
            )
        both = self.network(torch.cat([train.inputs, (attacked - place.mean) / place.std]))
        outputs, moved = both.chunk(2)
        clean = objective.loss(outputs, train.targets)
        if trades:
            second = divergence(moved.float(), outputs.float()).mean()
            loss = clean + o.beta * second
        else:
            second = objective.loss(moved, train.targets)
            loss = 0.5 * clean + 0.5 * second
        logs = {"loss, as they are": float(clean.detach()), "loss, attacked": float(second.detach())}
        return StepOutput(loss, outputs, train.targets, logs)

    def validate(self, phase: Phase, tools: Tools) -> Generator[Any, None, dict[str, float]]:
        """Accuracy of the validation split under PGD with the same ε and number of steps."""
        if phase.name == "head" or self._options.chosen_by != "robust":
            return {}
        place = self._in_pixels(tools.device)
        module = Attacked(place, self._options.eps / 255, self._options.attack_steps)
        found = yield from tools.outputs(module, "val")
        return {ROBUST: tools.score(found)["accuracy"]} if len(found.targets) else {ROBUST: 0.0}

    def _in_pixels(self, device: torch.device) -> InPixels:
        preprocessing = self._context.preprocessing
        return InPixels(self.network, preprocessing.mean, preprocessing.std).to(device)


class Attacked(nn.Module):
    """Normalised inputs to the outputs of their attacked versions. Each is attacked away from what the network says
    of it, so that no labels are needed: what was wrong already may as well stay so.
    """

    def __init__(self, network: InPixels, eps: float, steps: int) -> None:
        super().__init__()
        self.network, self._eps, self._steps = network, eps, steps

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False):
            pixels = self.network.pixels_of(inputs.clone())
            with torch.no_grad():
                answers = self.network(pixels)
            attacked = pgd(self.network, pixels, answers.argmax(1), self._eps, steps=self._steps, fool=True)
            wrong: torch.Tensor = self.network(attacked).detach()
        return wrong


def divergence(outputs: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """``KL(softmax(reference) ‖ softmax(outputs))`` of each sample, ``[N]`` (Zhang et al. 2019, equation 3)."""
    log_p, log_q = reference.log_softmax(1), outputs.log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


@contextlib.contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Inside, every part of ``module`` is in eval mode; outside as it was."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
