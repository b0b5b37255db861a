"""Masked autoencoder for vision transformers of torchvision's kind, written around them: no parameter of theirs gets
another name.
"""

from typing import Any

import torch
from torch import nn

from tlstudio.api import BackboneDescriptor, TrainingError
from tlstudio_builtins.methods.pretraining_losses import masked_error

_PARTS = ("conv_proj", "class_token", "encoder.pos_embedding", "encoder.layers", "encoder.ln")


def check_transformer(backbone: nn.Module, descriptor: BackboneDescriptor) -> None:
    """Raises ``TrainingError`` where patches cannot be left out of what the backbone sees."""
    if not all(_has(backbone, part) for part in _PARTS):
        raise TrainingError(
            f"'{descriptor.title}' cannot be pre-trained by a masked autoencoder: only a plain vision transformer can "
            "leave out the hidden patches. Choose ViT-B/16 or ViT tiny, or the denoising autoencoder, which hides "
            "parts of the picture from any network."
        )


def patches_of(x: torch.Tensor, side: int) -> torch.Tensor:
    """Pictures ``[N, 3, H, W]``, H and W multiples of ``side``, to ``[N, L, 3 · side²]``, row by row."""
    count, channels, height, width = x.shape
    rows, columns = height // side, width // side
    cut = x.reshape(count, channels, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(count, rows * columns, channels * side * side)


def draw_mask(count: int, patches: int, share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Which patches are seen, int64 ``[N, V]`` in ascending order, and the mask ``[N, L]``, 1 for hidden; exactly
    ``round(share · L)`` are hidden, at least one and at most all but one.
    """
    hidden = min(patches - 1, max(1, round(share * patches)))
    order = torch.rand(count, patches, generator=generator).argsort(1)
    seen = order[:, hidden:].sort(1).values
    mask = torch.ones(count, patches).scatter_(1, seen, 0.0)
    return seen, mask


class MaskedDecoder(nn.Module):
    """A small transformer from the seen patches' codes to the pixels of all ``patches`` of ``side`` pixels."""

    def __init__(self, features: int, patches: int, side: int, width: int, depth: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(features, width)
        self.missing = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, patches + 1, width))
        nn.init.normal_(self.missing, std=0.02)
        nn.init.normal_(self.places, std=0.02)
        heads = next(count for count in range(max(1, width // 64), 0, -1) if width % count == 0)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.pixels = nn.Linear(width, 3 * side * side)

    def forward(self, codes: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """``codes [N, 1 + V, F]``, the class token first, and which patches they are of, to ``[N, L, 3 · side²]``."""
        narrow = self.narrow(codes)
        count, width = len(narrow), narrow.shape[-1]
        whole = self.missing.to(narrow.dtype).expand(count, self.places.shape[1] - 1, width)
        whole = whole.scatter(1, seen.unsqueeze(-1).expand(-1, -1, width), narrow[:, 1:])
        x = torch.cat([narrow[:, :1], whole], dim=1) + self.places
        for block in self.blocks:
            x = block(x)
        pixels: torch.Tensor = self.pixels(self.norm(x[:, 1:]))
        return pixels


class MaskedAutoencoder:
    """The error of what the decoder makes of the patches that it was not shown. Holds no parameters of its own."""

    def __init__(self, backbone: nn.Module, decoder: nn.Module, share: float) -> None:
        parts: Any = backbone
        self._backbone, self._decoder, self._share = parts, decoder, share
        self.side = int(parts.conv_proj.kernel_size[0])
        self.patches = int(parts.encoder.pos_embedding.shape[1]) - 1

    def encode(self, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Codes of the class token and of the ``seen`` patches alone, ``[N, 1 + V, F]``."""
        b = self._backbone
        tokens = b.conv_proj(x).flatten(2).transpose(1, 2) + b.encoder.pos_embedding[:, 1:]
        kept = tokens.gather(1, seen.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
        first = (b.class_token + b.encoder.pos_embedding[:, :1]).expand(len(x), -1, -1)
        codes: torch.Tensor = b.encoder.ln(b.encoder.layers(b.encoder.dropout(torch.cat([first, kept], dim=1))))
        return codes

    def errors(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """For each picture, ``[N]``; ``generator`` (CPU) draws what is hidden."""
        seen, mask = draw_mask(len(x), self.patches, self._share, generator)
        predicted = self._decoder(self.encode(x, seen.to(x.device)), seen.to(x.device))
        return masked_error(predicted, patches_of(x, self.side), mask.to(x.device))


class HeldOutError(nn.Module):
    """Pictures to the masked error of each, ``[N, 1]``, always the same patches of a batch being hidden."""

    def __init__(self, backbone: nn.Module, decoder: nn.Module, share: float) -> None:
        super().__init__()
        self.backbone, self.decoder, self._share = backbone, decoder, share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = MaskedAutoencoder(self.backbone, self.decoder, self._share)
        return found.errors(x, torch.Generator().manual_seed(0)).unsqueeze(1)


def _has(module: nn.Module, path: str) -> bool:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
        if found is None:
            return False
    return True
