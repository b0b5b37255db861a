"""Two other attention layers for CAM transfer: gates and a map of places that look at the sample too (CMRAN), and
gates for both networks at once (MMTM). Symbols are those of ``cam_attention``.
"""

import torch
from torch import nn

from tlstudio_builtins.methods import cam_losses
from tlstudio_builtins.methods.cam_attention import Attention, ChannelMap, Looked

_HIDDEN = 32  # units at least
_RATIO = 4  # of MMTM: its joint layer has 2 (C + K) / 4 units


def attention(kind: str, outputs: int, channels: int, task: str) -> nn.Module:
    """``kind``: as in the options. The module is called with F, p, prototypes and wanted, and gives ``Looked``."""
    if kind == "channel+spatial":
        return GuidedAttention(outputs, channels)
    return SymmetricAttention(outputs, channels, task) if kind == "symmetric" else Attention(outputs, channels)


class GuidedAttention(nn.Module):
    """Audio-guided attention of CMRAN (Xu et al., Cross-Modal Relation-Aware Networks, ACM MM 2020, section 3.2), with
    the probabilities in the place of the sound::

        e = mean_ij relu(U_a p) · relu(U_v F_ij),  a = 1 + σ(U_c relu(U_b e))
        s_ij = tanh(u_s (relu(V_a p) · relu(V_v (a · F_ij)))),  m = softmax_ij(s)

    Gates lie between 1 and 2. At the beginning U_c and u_s are 0: every gate is 1.5, and all places are looked at
    evenly. As |s| ≤ 1, no place gets more than e² = 7.4 times the attention of another.
    """

    neutral = 1.5

    def __init__(self, outputs: int, channels: int) -> None:
        super().__init__()
        hidden = max(_HIDDEN, channels // 4)
        self.ask, self.see = nn.Linear(outputs, hidden), nn.Linear(channels, hidden)
        self.narrow = nn.Linear(hidden, max(_HIDDEN, hidden // 2))
        self.gate = nn.Linear(self.narrow.out_features, channels)
        self.ask_where, self.see_where = nn.Linear(outputs, hidden), nn.Linear(channels, hidden)
        self.place = nn.Linear(hidden, 1, bias=False)
        for layer in (self.gate, self.place):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        maps: torch.Tensor,
        p: torch.Tensor,
        prototypes: torch.Tensor | None = None,
        wanted: torch.Tensor | None = None,
    ) -> Looked:
        """Has no use for ``prototypes`` and ``wanted``."""
        p, seen = p.detach(), maps.flatten(2).transpose(1, 2)
        both = (torch.relu(self.ask(p))[:, None] * torch.relu(self.see(seen))).mean(1)
        gates = 1 + torch.sigmoid(self.gate(torch.relu(self.narrow(both))).float())
        asked = torch.relu(self.ask_where(p))[:, None] * torch.relu(self.see_where(gates[:, None] * seen))
        share = torch.tanh(self.place(asked).float()).squeeze(2).softmax(1).reshape(-1, *maps.shape[2:])
        return Looked(gates, share, share, neutral=self.neutral)


class JointGates(nn.Module):
    """``z = relu(W [S_F; p] + b)``, ``a = 2 σ(W_F z + b_F)``, ``b = 2 σ(W_p z + b_p)``, with S_F ``[N, C]`` the
    squeezed maps: MMTM (Joze et al., CVPR 2020, section 3.2). All gates are 1 at the beginning.
    """

    def __init__(self, outputs: int, channels: int) -> None:
        super().__init__()
        self.joint = nn.Linear(channels + outputs, max(1, 2 * (channels + outputs) // _RATIO))
        self.of_maps = nn.Linear(self.joint.out_features, channels)
        self.of_p = nn.Linear(self.joint.out_features, outputs)
        for layer in (self.of_maps, self.of_p):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, squeezed: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``[N, C]`` and ``[N, K]``."""
        both = torch.relu(self.joint(torch.cat([squeezed, p], 1)))
        return 2 * torch.sigmoid(self.of_maps(both).float()), 2 * torch.sigmoid(self.of_p(both).float())


class SymmetricAttention(ChannelMap):
    """MMTM between F and p. Both streams are gated and both answer: ``h(z) + b · log p``, z pooled from the gated maps.
    At the beginning, with h = 0, that is the answer of the target network.

    The second stream is p, not maps of the target network: those of its cross-fitted likes have channels that mean
    something else in each of them, and only what they say of a sample can be compared.
    """

    def __init__(self, outputs: int, channels: int, task: str) -> None:
        super().__init__(channels)
        self.gates = JointGates(outputs, channels)
        self._task = task

    def forward(
        self,
        maps: torch.Tensor,
        p: torch.Tensor,
        prototypes: torch.Tensor | None = None,
        wanted: torch.Tensor | None = None,
    ) -> Looked:
        p = p.detach()
        gates, own = self.gates(maps.mean(dim=(2, 3)), p)
        looked = self.through(gates, maps, p, prototypes, wanted)
        return looked._replace(own=own * cam_losses.log_of(p, self._task))
