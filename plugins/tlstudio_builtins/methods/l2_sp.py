"""L2-SP (Li, Grandvalet, Davoine, ICML 2018, section 3): fine-tuning that is held near the pretrained weights."""

import torch
from torch import nn

from tlstudio.api import MethodContext
from tlstudio_builtins.methods.fine_tuning import FineTuning
from tlstudio_builtins.methods.l2_sp_options import Start


class L2SP(FineTuning):
    """Adds ``μ/2 ‖θ - θ₀‖²`` over what learns of the backbone, and ``β/2 ‖W‖²`` over the head's weights."""

    def build(self, context: MethodContext) -> nn.Module:
        root = super().build(context)
        self.start = StartingPoint(self.network.backbone)
        return root

    def _terms(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        o = self._context.options
        assert isinstance(o, Start)
        weights = [p for p in self.network.head.parameters() if p.ndim > 1]
        return {
            "distance from the start": 0.5 * o.backbone_strength * self.start.squared_distance(),
            "size of the head": 0.5 * o.head_strength * sum((w.square().sum() for w in weights), torch.zeros(())),
        }


class StartingPoint:
    """A module's weights as they are now. They are what ``build`` is given, and so no checkpoint need hold them."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._start = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}

    def squared_distance(self) -> torch.Tensor:
        """``‖θ - θ₀‖²`` over the parameters that learn now, a scalar."""
        total = torch.zeros((), device=next(iter(self._module.parameters())).device)
        for name, parameter in self._module.named_parameters():
            if parameter.requires_grad:
                if self._start[name].device != parameter.device:
                    self._start[name] = self._start[name].to(parameter.device)
                total = total + (parameter - self._start[name]).square().sum()
        return total
