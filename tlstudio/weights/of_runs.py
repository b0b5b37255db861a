"""Weights ``run:7``: the backbone of a finished run of the project, for other runs to begin from.

They are the tensors ``backbone.*`` of that run's model. Nothing is copied: as long as the run's folder is there, so are
its weights, wherever the project lies.
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from tlstudio.project import Project, Run

PREFIX = "run:"
PART = "backbone."  # of the model's names
CARD_FILE = "backbone_card.json"  # what a method of pre-training says of the backbone that it made
MODEL_FILE, DESCRIPTION_FILE = "model.safetensors", "model.json"
_ID = re.compile(r"run:\s*(\d{1,9})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class RunWeights:
    """The backbone of a run. ``id``: ``run:7``; ``dataset``: what it learnt from; ``card``: what its method says of it,
    empty where it says nothing.
    """

    id: str
    run: int
    backbone: str
    title: str
    dataset: str
    path: Path
    preprocessing: Preprocessing
    card: dict[str, Any]


def run_number(weights_id: str) -> int | None:
    """7 for ``run:7``; ``None`` for anything that names no run."""
    found = _ID.fullmatch(weights_id.strip())
    return int(found.group(1)) if found else None


def of_run(descriptor: BackboneDescriptor | None, weights_id: str, project: "Project | None") -> RunWeights:
    """Finds the backbone of a run. ``descriptor``: the one that is to take the weights, ``None`` for any.

    Raises ``UsageError`` where the run does not exist, is not finished, or trained another backbone; ``WeightsError``
    where its model is gone or cannot be read.
    """
    number = run_number(weights_id)
    if number is None:
        raise UsageError(f"'{weights_id}' names no run; weights of a run are written run:7.")
    if project is None:
        raise UsageError(
            f"'{PREFIX}{number}' are weights of a run, which only a project has; choose other weights here."
        )
    run = project.run(number)
    if descriptor is not None and run.backbone != descriptor.id:
        raise UsageError(
            f"Run {number} trained the backbone '{run.backbone}', and its weights fit no other; '{descriptor.id}' "
            f"cannot take them. Choose '{run.backbone}', or a run of '{descriptor.id}'."
        )
    if run.state != "finished":
        raise UsageError(
            f"Run {number} is {run.state}, and only a finished one has weights to begin from. Let it finish, or choose "
            "another."
        )
    return _read(run)


def of_project(project: "Project") -> list[RunWeights]:
    """Those of every finished run that left a model, the newest first. Opens no model and hashes nothing."""
    found = []
    for run in reversed(project.runs()):
        if run.state == "finished":
            try:
                found.append(_read(run))
            except WeightsError:  # it can be trained no further, and is no choice
                continue
    return found


def card_of(run_dir: Path) -> dict[str, Any]:
    """What a run says of the backbone that it has pre-trained; empty where it says nothing."""
    try:
        known = json.loads((run_dir / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _read(run: "Run") -> RunWeights:
    path = run.dir / MODEL_FILE
    if not path.is_file():
        raise WeightsError(f"Run {run.id} has left no model in {run.dir}; choose other weights.")
    try:
        values = dict(json.loads((run.dir / DESCRIPTION_FILE).read_text(encoding="utf-8"))["preprocessing"])
        preset = Preprocessing(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"What run {run.id} says of its model in {run.dir / DESCRIPTION_FILE} cannot be read ({error}); choose "
            "other weights."
        ) from error
    card = card_of(run.dir)
    how, source = card.get("objective"), card.get("source")
    learnt_from = source.get("dataset") if isinstance(source, dict) else None
    dataset = learnt_from if isinstance(learnt_from, str) else run.dataset
    return RunWeights(
        id=f"{PREFIX}{run.id}",
        run=run.id,
        backbone=run.backbone,
        title=f"run {run.id}: {how if isinstance(how, str) and how else run.method} on {dataset} ({run.backbone})",
        dataset=dataset,
        path=path,
        preprocessing=preset,
        card=card,
    )
