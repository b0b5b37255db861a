"""What contrastive pre-training remembers of batches before this one."""

import torch
from torch import nn
from torch.nn import functional as F


class Memory(nn.Module):
    """The last ``size`` projections, one of each picture that passed, first in, first out (as in He et al.: Momentum
    Contrast for Unsupervised Visual Representation Learning. CVPR 2020, section 3.2, but without a second encoder).
    All of it are buffers, so that a checkpoint holds it.
    """

    rows: torch.Tensor
    pictures: torch.Tensor
    written: torch.Tensor

    def __init__(self, size: int, projection: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, projection))
        self.register_buffer("pictures", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    def others(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Projections of length 1, ``[M, D]``, and which of them, bool ``[N, M]``, are not of the picture itself: where
        pictures are few the memory holds the anchor's own from an epoch ago, and that is no negative.
        """
        filled = min(int(self.written), len(self.rows))
        return self.rows[:filled].clone(), self.pictures[None, :filled] != pictures[:, None]

    @torch.no_grad()
    def add(self, projected: torch.Tensor, pictures: torch.Tensor) -> None:
        """``projected [N, D]``: the oldest make place for them."""
        size = len(self.rows)
        places = (self.written + torch.arange(len(pictures), device=self.rows.device))[-size:] % size
        self.rows[places] = F.normalize(projected.float(), dim=1)[-size:]
        self.pictures[places] = pictures[-size:]
        self.written += len(pictures)
