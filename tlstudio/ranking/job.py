"""The job ``rank``: features of the training split by each backbone, and how well they tell the labels."""

import time
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import StudioError, UsageError, WeightsError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.api.phases import SolveData
from tlstudio.comparing.metrics import Shown
from tlstudio.comparing.sums import sums_of
from tlstudio.control import Control
from tlstudio.project import DatasetInfo, Project
from tlstudio.ranking import scores
from tlstudio.ranking.store import Ranked, Ranking
from tlstudio.registry import Registry
from tlstudio.runs import select_by
from tlstudio.training import embedding
from tlstudio.training.sides import parts_of, take
from tlstudio.training.subject import Subject, of_manifest
from tlstudio.weights import ResolvedWeights, heads

FOLDS, SEED = 5, 0
MOST = 5_000  # training items that are looked at
_NEIGHBOURS, _TEMPERATURE = 20, 0.1
_FEWEST = 10
_ONE_CLASS = "LEEP and NCE need one class for each item."
_LEARNT = "It has learnt from this data set already, perhaps with its labels: its figures flatter it."


def rank_job(
    control: Control, project: str, dataset: str, backbones: Sequence[str] = ()
) -> Generator[Event, None, dict[str, Any]]:
    """Ranks ``backbones`` (ids, perhaps with weights; empty: all whose weights are on this machine) and keeps the
    ranking in the project's cache. Test and validation items are not looked at.

    One that cannot be used is told and left out. Raises ``UsageError`` where nothing can be ranked.
    """
    with Project.open(project) as opened:
        registry = Registry.discover()
        info = opened.dataset(dataset)
        if registry.task(info.task).label == "mask":
            raise UsageError("Backbones are ranked by one label for each sample; masks are not supported yet.")
        names = list(backbones) or [
            f"{choice.backbone.id}:{choice.weights.id}"
            for choice in embedding.choices(registry, info.modality)
            if choice.trained
        ]
        if not names:
            raise UsageError(f"There is no pretrained backbone for {info.modality} on this machine. Download some.")
        metric = Shown.of(registry, select_by(registry.task(info.task), info))
        rows, left_out, items = [], [], 0
        for done, name in enumerate(names):
            control.raise_if_stopped()
            yield Progress(done=done, total=len(names), unit="backbones", text="Ranking")
            try:
                row, items = yield from _rank(control, opened, registry, info, name, metric.id)
            except StudioError as error:
                left_out.append(f"{name}: {error}")
                yield Message(level="warning", text=left_out[-1])
                continue
            rows.append(row)
        yield Progress(done=len(names), total=len(names), unit="backbones", text="Ranking")
        if not rows:
            raise UsageError(" ".join(left_out))
        sign = 1.0 if metric.higher_is_better else -1.0
        rows.sort(key=lambda row: -sign * (row.probe if row.probe is not None else -sign * np.inf))
        ranking = Ranking(
            dataset=dataset,
            revision=info.revision,
            metric=metric.id,
            higher_is_better=metric.higher_is_better,
            items=items,
            folds=FOLDS,
            rows=tuple(rows),
            left_out=tuple(left_out),
        )
        ranking.save(opened.path)
    return ranking.model_dump()


def _rank(
    control: Control, project: Project, registry: Registry, info: DatasetInfo, name: str, metric: str
) -> Generator[Event, None, tuple[Ranked, int]]:
    began = time.perf_counter()
    found = yield from embedding.embed(control, registry, project, info.name, name)
    manifest = project.manifest(info.name)
    descriptor = registry.backbone(found.backbone)
    choice = embedding.choose(registry, info.modality, name, project=project)
    what = of_manifest(manifest, registry, descriptor, choice.weights.preprocessing)
    row_of = {item: row for row, item in enumerate(found.item_ids)}
    train = manifest.splits["train"]
    kept = [position for position, item in enumerate(train.item_ids) if item in row_of]
    kept = kept[:: max(1, -(-len(kept) // MOST))]
    if len(kept) < _FEWEST:
        raise UsageError(f"{len(kept)} training items are too few to rank backbones; {_FEWEST} are needed.")
    split = take(train, kept)
    features = found.matrix[[row_of[item] for item in split.item_ids]]
    task = registry.task(info.task)
    targets = what.targets_of(split).numpy()
    spread = np.eye(len(info.class_names))[targets] if task.label == "class" else targets.astype(np.float64)
    parts = np.array(parts_of(split, FOLDS, SEED))
    probe = [_probe(what, features, targets, parts, fold, metric) for fold in range(FOLDS)]
    near = [_near(what, features, spread, targets, parts, fold, metric) for fold in range(FOLDS)]
    ready = scores.prepared(features)
    scale = np.where(spread.std(0) > 0, spread.std(0), 1) if task.label == "value" else 1.0
    evidence = scores.log_evidence(ready, (spread - spread.mean(0)) / scale)
    classes = task.label == "class"
    source, no_source = _source(descriptor, choice.weights, features) if classes else (None, _ONE_CLASS)
    ranked = Ranked(
        backbone=found.backbone,
        weights=found.weights,
        title=descriptor.title,
        probe=_mean(probe),
        probe_sd=_deviation(probe),
        neighbours=_mean(near),
        neighbours_sd=_deviation(near),
        logme=float(evidence.mean()),
        h_score=scores.h_score(ready, targets) if classes else None,
        transrate=scores.transrate(ready, targets) if classes else None,
        leep=None if source is None else scores.leep(source, targets),
        nce=None if source is None else scores.nce(source.argmax(1), targets),
        source_classes=0 if source is None else source.shape[1],
        no_source=no_source,
        caution=_LEARNT if found.weights.startswith("run:") and choice.weights.trained_on == info.name else "",
        dimension=features.shape[1],
        seconds=round(time.perf_counter() - began, 2),
    )
    return ranked, len(kept)


def _source(
    descriptor: BackboneDescriptor, weights: ResolvedWeights, features: np.ndarray
) -> tuple[np.ndarray | None, str]:
    """Probabilities ``[N, Z]`` of the classes that the backbone was trained on, or the reason why there are none."""
    try:
        head = heads.of(descriptor, weights)
    except WeightsError as error:
        return None, str(error)
    logits = torch.from_numpy(features).double() @ head.weight.T + head.bias
    return logits.softmax(1).numpy(), ""


def _probe(
    what: Subject, features: np.ndarray, targets: np.ndarray, parts: np.ndarray, fold: int, metric: str
) -> float:
    """The task's own linear head, fitted on three parts with its L2 chosen on a fourth, scored on the fifth."""
    held, chosen = parts == fold, parts == (fold + 1) % FOLDS
    fit = ~held & ~chosen
    objective = what.make_objective({"imbalance": "auto", "items": int(fit.sum())})
    head = objective.head(features.shape[1])
    rows, labels = torch.from_numpy(features), torch.from_numpy(targets)
    data = SolveData(train=(rows[fit], labels[fit]), val=(rows[chosen], labels[chosen]), seed=SEED)
    state = None
    for report in objective.solve(head, data, 0.0, "natural"):
        if report.get("best"):
            state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    if state is not None:
        head.load_state_dict(state)
    with torch.inference_mode():
        outputs = head(rows[held]).numpy()
    return _score(what, outputs, targets[held], metric)


def _near(
    what: Subject,
    features: np.ndarray,
    spread: np.ndarray,
    targets: np.ndarray,
    parts: np.ndarray,
    fold: int,
    metric: str,
) -> float:
    held = parts == fold
    means = scores.neighbours(features[~held], spread[~held], features[held], _NEIGHBOURS, _TEMPERATURE)
    if what.task.id == "multilabel":
        means = np.log(np.clip(means, 1e-6, 1) / np.clip(1 - means, 1e-6, 1))
    return _score(what, means, targets[held], metric)


def _score(what: Subject, outputs: np.ndarray, targets: np.ndarray, metric: str) -> float:
    sums = sums_of(metric, what.task.id, outputs, targets) if len(targets) else None
    return float("nan") if sums is None else sums.value


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _deviation(values: Sequence[float]) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.std(finite, ddof=1)) if len(finite) > 1 else None
