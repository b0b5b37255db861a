"""A metric that keeps what it was given until it is asked."""

import torch
from torchmetrics import Metric


class Keeping(Metric):
    """``outputs`` and ``targets``: as in :class:`tlstudio.api.Metric`; ``size``: classes, or numbers."""

    higher_is_better = True
    full_state_update = False
    outputs: list[torch.Tensor]
    targets: list[torch.Tensor]

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.add_state("outputs", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.outputs.append(outputs.detach().float())
        self.targets.append(targets.detach())

    def compute(self) -> torch.Tensor:
        raise NotImplementedError
