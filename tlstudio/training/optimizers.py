"""Optimizers with parameters known by name, so that their state outlives a process."""

from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.phases import Phase
from tlstudio.training.batch_norm import freeze_all_but
from tlstudio.training.tensors import Tensors


class NamedOptimizer:
    """The phase's optimizer over its parameter groups; ``names`` follows the order of the groups' parameters.

    Where the phase has no groups, nothing is trained.
    """

    def __init__(self, model: nn.Module, phase: Phase) -> None:
        self.model = model
        wanted = {name for group in phase.groups for name in group.parameters}
        chosen = set(freeze_all_but(model, wanted, phase.batch_norm))
        parameters = dict(model.named_parameters())
        if unknown := wanted - parameters.keys():
            raise TrainingError(f"The phase '{phase.name}' names parameters that do not exist: {sorted(unknown)[:3]}.")
        groups: list[dict[str, Any]] = []
        self._rates: list[float] = []
        self._growths: list[tuple[float, float]] = []
        self._named: dict[str, nn.Parameter] = {}
        for group in phase.groups:
            members = {name: parameters[name] for name in group.parameters if name in chosen}
            if members:
                groups.append({"params": list(members.values()), "lr": group.lr, "weight_decay": group.weight_decay})
                self._rates.append(group.lr)
                self._growths.append((group.growth, group.most))
                self._named.update(members)
        if phase.groups and not groups:
            raise TrainingError(f"The phase '{phase.name}' has nothing to train.")
        kind = phase.optimizer
        made = groups or [{"params": [nn.Parameter(torch.zeros(()))], "lr": 0.0}]  # torch allows no empty ones
        self._rates, self._growths = self._rates or [0.0], self._growths or [(1.0, 1.0)]
        nesterov = kind.nesterov and kind.momentum > 0
        self._optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(made, lr=self._rates[0], momentum=kind.momentum, nesterov=nesterov)
            if kind.kind == "sgd"
            else torch.optim.AdamW(made, lr=self._rates[0], betas=kind.betas)
        )

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self._named.values())

    @property
    def names(self) -> set[str]:
        return set(self._named)

    @property
    def lr(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def set_factor(self, factor: float, epoch: int = 0) -> None:
        """``epoch``: of the phase, from 0; it matters where a group's rate grows."""
        for group, rate, (growth, most) in zip(self._optimizer.param_groups, self._rates, self._growths, strict=True):
            grown = 1.0 if growth == 1 else min(growth ** min(epoch, 1000), most)
            group["lr"] = rate * factor * grown

    def step(self) -> None:
        self._optimizer.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)

    def save_memory(self) -> None:
        """One tensor at a time instead of all at once: the same update, with less memory for what lies between."""
        for group in self._optimizer.param_groups:
            group["foreach"] = False

    def tensors(self) -> Tensors:
        """Its state, by ``parameter|key``."""
        return {
            f"{name}|{key}": value
            for name, parameter in self._named.items()
            for key, value in self._optimizer.state.get(parameter, {}).items()
            if isinstance(value, torch.Tensor)
        }

    def put_back(self, tensors: Tensors) -> None:
        """Memory formats become those of the parameters, as the optimizer would have made them."""
        for joined, tensor in tensors.items():
            name, _, key = joined.rpartition("|")
            parameter = self._named[name]
            if tensor.shape == parameter.shape and key != "step":
                own = torch.empty_like(parameter, memory_format=torch.preserve_format).requires_grad_(False)
                own.copy_(tensor)
            else:
                own = tensor.clone()  # a step counter stays on the CPU, where the optimizer made it
            self._optimizer.state[parameter][key] = own
