"""Validation during a run, and the final scores of its best model."""

import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import TrainingError
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.data.loading import SampleBatch
from tlstudio.project import SplitData
from tlstudio.training.predict import NotNumbers, predict_samples
from tlstudio.training.reading import confusions, make_reading
from tlstudio.training.runtime import Runtime
from tlstudio.training.scores import Scores, check_width
from tlstudio.training.sides import Side
from tlstudio.training.subject import Subject

PIXEL_BATCH = 4  # pictures at once, where every pixel gets an answer


@dataclasses.dataclass(frozen=True)
class Collected:
    """What a model says of a split. ``outputs``: float32 ``[N, K]``, or where targets are masks ``[N, C, C]``, the
    pixels of each picture by (truth, prediction); ``targets`` as the task encodes them; ``kept``: positions in the
    split; ``loss``: the plain one, where it could not be computed from these.
    """

    outputs: torch.Tensor
    targets: torch.Tensor
    kept: list[int]
    loss: float | None = None


def outputs_of_split(
    model: nn.Module,
    split: SplitData,
    subject: Subject,
    root: Path,
    runtime: Runtime | None = None,
    batch_size: int = 32,
    control: Control | None = None,
) -> Generator[Event, None, Collected]:
    objective = subject.make_objective({})
    losses: list[torch.Tensor] = []

    def reduce(outputs: torch.Tensor, batch: SampleBatch) -> torch.Tensor:
        assert batch.masks is not None
        check_width(outputs, objective)
        masks = batch.masks.to(outputs.device).long()
        losses.append(objective.plain_loss(outputs, masks) * len(masks))
        return confusions(outputs, masks)

    outputs, kept = yield from predict_samples(
        model,
        split.paths,
        subject,
        make_reading(subject, split, root),
        control=control,
        batch_size=min(batch_size, PIXEL_BATCH) if subject.pixels else batch_size,
        runtime=runtime,
        reduce=reduce if subject.pixels else None,
    )
    targets = subject.targets_of(split)[torch.tensor(kept, dtype=torch.int64)]
    loss = float(torch.stack(losses).sum()) / len(kept) if losses else None
    return Collected(torch.from_numpy(outputs), targets, kept, loss)


def outputs_of_features(model: nn.Module, features: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Outputs of a ``Classifier``'s head on cached features ``[N, D]``. Raises ``NotNumbers``."""
    head: nn.Module = model.head  # type: ignore[assignment]  # promised by Method.predictor for feature streams
    head.eval()
    with torch.inference_mode():
        rows: torch.Tensor = head(features.to(device)).float().cpu()
    if not torch.isfinite(rows).all():
        raise NotNumbers("The head answers with what is no number (NaN or infinite); train with a lower learning rate.")
    return rows


Values = dict[str, float]
Validate = Callable[[], Generator[Event, None, Values]]
Rank = Callable[[Values], tuple[float, float] | None]


def validator(
    module: Callable[[], nn.Module],
    side: Side,
    features: "tuple[torch.Tensor, torch.Tensor] | None",
    runtime: Runtime,
    scores: Scores,
    batch_size: int = 32,
) -> Validate:
    """What a phase runs after each epoch: values named ``val_...``; nothing where there is no validation split."""

    def validate() -> Generator[Event, None, Values]:
        split = side.manifest.splits["val"]
        if not split.paths:
            return {}
        model = module()
        if features is not None:
            found = Collected(outputs_of_features(model, features[0], runtime.device), features[1], [])
        else:
            found = yield from outputs_of_split(model, split, side.subject, side.manifest.root, runtime, batch_size)
        values = scores.compute(found.outputs, found.targets, found.loss)
        return {f"val_{name}": value for name, value in values.items()}

    return validate


def rank_by(scores: Scores, criterion: str = "") -> Rank:
    """By the metric that was chosen (``None`` where it is not there); or by the value that ``criterion`` names, and,
    since labels may have no say there, by nothing else: of equals the first stays.
    """

    def rank(values: Values) -> tuple[float, float] | None:
        own = {name.removeprefix("val_"): v for name, v in values.items() if name.startswith("val_")}
        return scores.rank(own) if "loss" in own else None

    def rank_by_criterion(values: Values) -> tuple[float, float]:
        name = criterion.removeprefix("-")
        if name not in values:
            raise TrainingError(f"The value '{name}' is to choose the best epoch, and the method does not tell it.")
        return (-values[name] if criterion.startswith("-") else values[name]), 0.0

    return rank_by_criterion if criterion else rank


def as_results(splits: dict[str, dict[str, Any]], subject: Subject, note: str) -> dict[str, Any]:
    """The content of ``results.json``."""
    return {
        "schema_version": 1,
        "task": subject.task.id,
        "class_names": list(subject.info.class_names),
        "note": note,
        "splits": splits,
    }
