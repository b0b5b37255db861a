"""The head of the nearest neighbours: the training samples that are most like a sample vote on what it is.

Votes weigh exp(cosine / τ), as in Wu et al.: Unsupervised Feature Learning via Non-Parametric Instance Discrimination,
CVPR 2018, section 3.4; k = 20 and τ = 0.1 are what self-supervised features are usually compared with.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import SolveData, TrainingError
from tlstudio.seeding import permutation

CANDIDATES = (1, 3, 5, 10, 20, 50, 100, 200)
_USUAL = 20  # neighbours, without validation samples
_SPREAD = 0.01  # of the votes, over all classes, so that none is impossible
_BLOCK = 256  # samples that are compared with all remembered ones at once
Kind = Literal["classes", "labels", "numbers"]
KINDS: dict[str, Kind] = {"classification": "classes", "multilabel": "labels", "regression": "numbers"}


class KNNHead(nn.Module):
    """Features ``[N, D]`` to outputs ``[N, K]``: logarithms of the shares of the votes (``classes``), log-odds of them
    (``labels``), or the weighted mean of the neighbours' numbers (``numbers``).

    ``bank``: remembered features of length 1, ``[M, D]``; ``answers``: what each stands for, ``[M, K]``; ``ranks``:
    ones, as many as neighbours vote (its length is their number). All are buffers, so that a model file holds them; a
    head of any size takes them from there.
    """

    bank: torch.Tensor
    answers: torch.Tensor
    ranks: torch.Tensor
    temperature: torch.Tensor

    def __init__(self, features: int, outputs: int, kind: Kind, temperature: float = 0.1) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("bank", F.normalize(torch.ones(1, features), dim=1))
        self.register_buffer("answers", torch.full((1, outputs), 0.0 if kind == "numbers" else 1.0 / outputs))
        self.register_buffer("ranks", torch.ones(1))
        self.register_buffer("temperature", torch.tensor(temperature))

    @property
    def neighbours(self) -> int:
        return len(self.ranks)

    def remember(self, features: torch.Tensor, answers: torch.Tensor) -> None:
        """``features [M, D]``, ``answers [M, K]``: of each class (label) a weight, or numbers."""
        self.bank = F.normalize(features.float(), dim=1)
        self.answers = answers.float()

    def choose(self, neighbours: int) -> None:
        self.ranks = torch.ones(neighbours, device=self.bank.device)

    def nearest(self, x: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and rows of the ``count`` most similar ones, ``[N, count]`` each, the most similar first."""
        similar = F.normalize(x.float(), dim=1) @ self.bank.T
        cosines, rows = similar.topk(count, dim=1)
        return cosines, rows

    def vote(self, cosines: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """``[N, K]`` from what :meth:`nearest` gives."""
        weights = F.softmax(cosines / self.temperature, dim=1)
        votes = (weights.unsqueeze(2) * self.answers[rows]).sum(1)
        if self.kind == "numbers":
            return votes
        if self.kind == "labels":
            return torch.logit((1 - _SPREAD) * votes + _SPREAD / 2)
        shares = votes / votes.sum(1, keepdim=True)
        return ((1 - _SPREAD) * shares + _SPREAD / shares.shape[1]).log()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.compiler.is_compiling() or len(x) <= _BLOCK:
            return self.vote(*self.nearest(x, self.neighbours))
        return torch.cat([self.vote(*self.nearest(part, self.neighbours)) for part in torch.split(x, _BLOCK)])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("bank", "answers", "ranks"):
            stored = state_dict.get(prefix + name)
            own = getattr(self, name)
            if stored is not None and stored.ndim == own.ndim and stored.shape[1:] == own.shape[1:]:
                setattr(self, name, torch.empty(stored.shape, dtype=own.dtype, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def make_head(task: str, features: int, outputs: int, temperature: float) -> KNNHead:
    """Raises ``TrainingError`` for a task whose answers cannot be voted on."""
    if task not in KINDS:
        raise TrainingError(f"Nearest neighbours cannot vote on the task '{task}'. Choose another head.")
    return KNNHead(features, outputs, KINDS[task], temperature)


def fit(
    head: KNNHead,
    data: SolveData,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    neighbours: int = 0,
    most: int = 50_000,
    class_weights: Sequence[float] = (),
) -> Iterator[dict[str, Any]]:
    """Remembers at most ``most`` training samples and tries ``CANDIDATES`` (``neighbours`` 0) on validation.

    Yields ``neighbours, val_loss`` and for classes ``val_accuracy`` (with ``class_weights``: the mean over the
    classes), ``best``; ``head`` holds the best so far. Classes are judged by their accuracy, then the loss; the others
    by ``loss`` (outputs, targets), which is the plain one. ``class_weights``: of the votes for each class.
    """
    features, targets = data.train
    if not len(features):
        raise TrainingError("There is no training sample that could be remembered.")
    if len(features) > most:
        rows = torch.tensor(permutation(len(features), data.seed, "remembered")[:most]).sort().values
        features, targets = features[rows], targets[rows]
    head.remember(features, _answers(head, targets, class_weights))
    here, truth = data.val
    candidates = [neighbours] if neighbours else list(CANDIDATES) if len(truth) else [_USUAL]
    candidates = list(dict.fromkeys(min(count, len(features)) for count in candidates))
    if not len(truth):
        head.choose(candidates[0])
        yield {"neighbours": candidates[0], "best": True}
        return
    found = [head.nearest(part, candidates[-1]) for part in torch.split(here, _BLOCK)]
    best = (float("inf"), float("inf"))
    for count in candidates:
        outputs = torch.cat([head.vote(cosines[:, :count], rows[:, :count]) for cosines, rows in found])
        values = {"neighbours": float(count), "val_loss": float(loss(outputs, truth))}
        if head.kind == "classes":
            values["val_accuracy"] = _accuracy(outputs, truth, mean_of_classes=bool(class_weights))
        rank = (1 - values.get("val_accuracy", 1.0), values["val_loss"])
        if better := rank < best:
            best = rank
            head.choose(count)
        yield {**values, "best": better}


def _answers(head: KNNHead, targets: torch.Tensor, class_weights: Sequence[float]) -> torch.Tensor:
    if head.kind != "classes":
        return targets.float()
    classes = head.answers.shape[1]
    rows = F.one_hot(targets, classes).float()
    return rows * torch.tensor(class_weights) if class_weights else rows


def _accuracy(outputs: torch.Tensor, truth: torch.Tensor, mean_of_classes: bool) -> float:
    right = (outputs.argmax(1) == truth).float()
    if not mean_of_classes:
        return float(right.mean())
    return float(torch.stack([right[truth == one].mean() for one in torch.unique(truth)]).mean())
