"""Features of several levels of a backbone, side by side."""

import re
from collections.abc import Sequence

import torch
from torch import nn

from tlstudio.api import BackboneDescriptor, FeatureLevel, TrainingError
from tlstudio.training.modules import recorded

OUTPUT = "output"
"""The name of what the backbone gives at its end."""


class MultiLevel(nn.Module):
    """Inputs to ``[N, feature_dim]``: each level's mean over its places, in the order of ``levels``, and with
    ``own`` (how many there are) the network's own features behind them.

    ``feature_key`` says to the cache which features these are. Levels of films are averaged over the frames, too.
    """

    def __init__(self, network: nn.Module, levels: Sequence[FeatureLevel], own: int = 0) -> None:
        super().__init__()
        self.network = network
        self._levels, self._own = tuple(levels), own
        self.feature_dim = sum(level.channels for level in levels) + own
        names = [level.name for level in levels] + [OUTPUT] * bool(own)
        self.feature_key = f"levels:{'+'.join(names)}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with recorded(self.network, self._levels) as found:
            end = self.network(x)
        parts = [_of_sample(pooled(found[level.name], level, x), x) for level in self._levels]
        return torch.cat([*parts, end] if self._own else parts, 1)


def _of_sample(rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Of films, whose frames are rows of their own, the mean over the frames: ``[N, C]``."""
    return rows.reshape(x.shape[0], -1, rows.shape[1]).mean(1)


class LevelClassifier(nn.Module):
    """As ``tlstudio.training.modules.Classifier``, on several levels. Not one of its kind, since it is made again by
    its method, which knows the levels.
    """

    def __init__(self, backbone: MultiLevel, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.head(self.backbone(x))
        return outputs


def pooled(output: torch.Tensor, level: FeatureLevel, x: torch.Tensor) -> torch.Tensor:
    """``[N, C]``: the mean over the places of a level's output; of tokens, those that stand for places of ``x``."""
    if level.layout == "nhwc":
        return output.mean((1, 2))
    if level.layout == "tokens":
        places = (x.shape[-2] // level.stride) * (x.shape[-1] // level.stride)
        return output[:, -places:].mean(1)
    return output.mean((2, 3))


def chosen(descriptor: BackboneDescriptor, text: str) -> tuple[tuple[FeatureLevel, ...], bool]:
    """The levels that ``text`` names, and whether the backbone's own features are wanted; nothing for no text.

    ``stage2, stage4, output``; ``all``; ``last 3``. Raises ``TrainingError`` for a name that the backbone has not.
    """
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    if not wanted or wanted == [OUTPUT]:
        return (), False
    known = {level.name: level for level in descriptor.levels}
    if not known:
        raise TrainingError(
            f"The backbone '{descriptor.id}' names no feature levels, and 'levels' asks for '{text}'. Leave it empty, "
            "or choose another backbone."
        )
    if last := re.fullmatch(r"last[ -](\d+)", wanted[0]) if len(wanted) == 1 else None:
        count = int(last[1])
        if not 1 <= count <= len(known):
            raise TrainingError(f"'levels' asks for the last {count}; the backbone '{descriptor.id}' has {len(known)}.")
        return tuple(known.values())[-count:], False
    if wanted == ["all"]:
        return tuple(known.values()), False
    unknown = [name for name in wanted if name not in known and name != OUTPUT]
    if unknown:
        raise TrainingError(
            f"The backbone '{descriptor.id}' has no feature level '{unknown[0]}', which 'levels' asks for. It has: "
            f"{', '.join(known)}, {OUTPUT}."
        )
    return tuple(known[name] for name in dict.fromkeys(wanted) if name in known), OUTPUT in wanted
