"""Validation during a run, and the final scores of its best model."""

from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import nn

from tlstudio.api.backbone import Preprocessing
from tlstudio.api.events import Event
from tlstudio.api.method import Method
from tlstudio.control import Control
from tlstudio.project import SplitData
from tlstudio.training.predict import predict_files
from tlstudio.training.runtime import Runtime
from tlstudio.training.scores import Scores

Logits = tuple[torch.Tensor, torch.Tensor, list[int]]  # logits [N, C], targets [N], positions in the split


def logits_of_split(
    model: nn.Module,
    split: SplitData,
    preprocessing: Preprocessing,
    runtime: Runtime,
    batch_size: int,
    control: Control | None = None,
) -> Generator[Event, None, Logits]:
    logits, kept = yield from predict_files(
        model, split.paths, preprocessing, control=control, batch_size=batch_size, runtime=runtime
    )
    targets = torch.tensor([split.labels[position] for position in kept], dtype=torch.int64)
    return torch.from_numpy(logits), targets, kept


def logits_of_features(model: nn.Module, features: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Logits of a ``Classifier``'s head on cached features ``[N, D]``."""
    head: nn.Module = model.head  # type: ignore[assignment]  # promised by Method.predictor for feature streams
    head.eval()
    with torch.inference_mode():
        rows: torch.Tensor = head(features.to(device)).float().cpu()
    return rows


def validator(
    method: Method,
    split: SplitData,
    features: "tuple[torch.Tensor, torch.Tensor] | None",
    preprocessing: Preprocessing,
    runtime: Runtime,
    scores: Scores,
    batch_size: int,
) -> Callable[[], Generator[Event, None, dict[str, float]]]:
    """What a phase runs after each epoch: values named ``val_...``; nothing where there is no validation split."""

    def validate() -> Generator[Event, None, dict[str, float]]:
        if not split.labels:
            return {}
        model = method.predictor()
        if features is not None:
            logits, targets = logits_of_features(model, features[0], runtime.device), features[1]
        else:
            logits, targets, _ = yield from logits_of_split(model, split, preprocessing, runtime, batch_size)
        return {f"val_{name}": value for name, value in scores.compute(logits, targets).items()}

    return validate


def rank_by(scores: Scores) -> Callable[[dict[str, float]], tuple[float, float]]:
    def rank(values: dict[str, float]) -> tuple[float, float]:
        return scores.rank({name.removeprefix("val_"): v for name, v in values.items() if name.startswith("val_")})

    return rank


def as_results(splits: dict[str, dict[str, Any]], class_names: tuple[str, ...], note: str) -> dict[str, Any]:
    """The content of ``results.json``."""
    return {"schema_version": 1, "class_names": list(class_names), "note": note, "splits": splits}
