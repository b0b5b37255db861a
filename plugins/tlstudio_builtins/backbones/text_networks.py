"""Networks for texts: int64 ``[N, L]``, bytes of UTF-8 plus 1 and zeros behind shorter texts, to features.

Both learn from the texts at hand alone; neither has published weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Buckets and initial weight of n-grams of 1, 2, 3 and 4 bytes, of words, and of pairs of words.
KINDS: tuple[tuple[int, float], ...] = ((256, 2.0), (896, 1.5), (2048, 1.0), (2048, 1.0), (2048, 1.0), (896, 1.0))
NGRAM_FEATURES = 1024
CNN_WIDTHS, CNN_CHANNELS = (3, 5, 7, 9), 128
CNN_FEATURES = len(CNN_WIDTHS) * CNN_CHANNELS

_SEED = 20_210_917
_PRIME = 2**31 - 1  # products of what lies below it and of _STEP stay below 2 ** 63
_STEP = 1_000_003


class TextNGrams(nn.Module):
    """A bag of hashed n-grams: the sum of their vectors, each as often as the logarithm of its count.

    The vectors start as random directions from a seed of the network's own, so that an untrained network keeps the
    similarities of texts as a bag of n-grams has them (Johnson and Lindenstrauss 1984); trained, it is fastText
    (Joulin et al. 2016). Letters of ASCII are taken as small ones.
    """

    feature_dim = NGRAM_FEATURES

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(_SEED)
        scale = torch.cat([torch.full((buckets, 1), weight) for buckets, weight in KINDS])
        self.table = nn.Parameter(torch.randn(len(scale), NGRAM_FEATURES, generator=generator) * scale)

    def forward(self, x: Tensor) -> Tensor:
        """int64 ``[N, L]`` to ``[N, 1024]``, of length 32 (a mean square of 1), or 0 for an empty text."""
        buckets, present = _buckets(_small(x))
        counts = torch.zeros(x.shape[0], self.table.shape[0], device=x.device)
        counts = counts.scatter_add(1, buckets, present.to(counts.dtype))
        often = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0.0)
        features: Tensor = F.normalize(often @ self.table, dim=1) * NGRAM_FEATURES**0.5
        return features


def _buckets(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the table for every n-gram of ``x [N, L]``, and which of them there are: ``[N, M]`` each."""
    length = x.shape[1]
    found: list[tuple[Tensor, Tensor]] = []
    h, ahead = torch.zeros_like(x), F.pad(x, (0, 3))
    for n in range(4):
        last = ahead[:, n : n + length]
        h = (h * _STEP + last) % _PRIME
        found.append((h, last > 0))
    words = _words(x)
    found.append((words, words > 0))
    first, second = words[:, :-1], words[:, 1:]
    found.append(((first * _STEP + second) % _PRIME, (first > 0) & (second > 0)))
    rows, offset = [], 0
    for (h, _), (buckets, _) in zip(found, KINDS, strict=True):
        rows.append((h * 7919 + 104_729) % _PRIME % buckets + offset)
        offset += buckets
    return torch.cat(rows, dim=1), torch.cat([present for _, present in found], dim=1)


def _words(x: Tensor) -> Tensor:
    """Hashes of the words of ``x [N, L]`` in their order, zeros behind them: ``[N, L]``."""
    length, byte = x.shape[1], x - 1
    digit, letter = (byte >= 48) & (byte <= 57), (byte >= 97) & (byte <= 122)
    inside = digit | letter | (byte >= 128) | (byte == 39)  # 39: an apostrophe
    begins = inside & ~F.pad(inside, (1, 0))[:, :length]
    number = torch.where(inside, begins.to(torch.int64).cumsum(1), 0)  # from 1 on; 0 takes what is in no word
    place = torch.arange(length, device=x.device).expand_as(x)
    slots = x.new_zeros(x.shape[0], length + 1)
    start = slots.scatter(1, torch.where(begins, number, 0), place).gather(1, number)
    # A word's hash is the sum of a pseudo-random number for each pair of a byte and its place in the word.
    mixed = ((place - start + 1) * 257 + x) * _STEP % _PRIME
    for _ in range(2):
        mixed = (mixed * mixed + 104_729) % _PRIME
    return slots.scatter_add(1, number, torch.where(inside, mixed, 0))[:, 1:] % _PRIME


def _small(x: Tensor) -> Tensor:
    return x + 32 * ((x > ord("A")) & (x <= ord("Z") + 1)).to(x.dtype)


class TextCNN(nn.Module):
    """Bytes to vectors, a convolution over three of them, then convolutions of several widths, and the strongest
    answer of each channel anywhere in the text (Kim 2014; Zhang et al. 2015).
    """

    feature_dim = CNN_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.bytes = nn.Embedding(257, 64, padding_idx=0)
        self.letters = nn.Sequential(nn.Conv1d(64, CNN_CHANNELS, 3, padding=1), nn.ReLU())
        self.phrases = nn.ModuleList(
            nn.Conv1d(CNN_CHANNELS, CNN_CHANNELS, width, padding=width // 2) for width in CNN_WIDTHS
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # made with a bias

    def forward(self, x: Tensor) -> Tensor:
        """int64 ``[N, L]`` to ``[N, 512]``, 0 and above."""
        written = (x > 0).unsqueeze(1)
        z = self.letters(self.bytes(x).transpose(1, 2)) * written
        return torch.cat([(F.relu(phrase(z)) * written).amax(2) for phrase in self.phrases], dim=1)


def text_ngrams() -> TextNGrams:
    """The same network each time."""
    return TextNGrams()


def text_cnn() -> TextCNN:
    """The network with random weights."""
    return TextCNN()
