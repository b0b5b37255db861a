"""What a model file says of itself."""

import datetime
import math
from typing import TYPE_CHECKING

import tlstudio
from tlstudio.api.exporter import ModelCard
from tlstudio.project import Run

if TYPE_CHECKING:
    from tlstudio.training.restore import LoadedModel


def make_card(run: Run, loaded: "LoadedModel") -> ModelCard:
    """``rebuild`` holds what ``tlstudio.training.restore.rebuild`` needs, with the run's specification as ``spec``."""
    spec, subject = loaded.spec, loaded.subject
    return ModelCard(
        class_names=subject.info.class_names,
        preprocessing=subject.preprocessing,
        backbone=spec.backbone,
        weights=spec.weights,
        method=spec.method,
        task=subject.task.id,
        dataset=spec.dataset,
        metrics={
            split: {name: float(value) for name, value in values.items() if math.isfinite(value)}
            for split, values in run.metrics.items()
        },
        plugins=dict(spec.plugins),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tlstudio_version=tlstudio.__version__,
        modality=subject.modality.id,
        parameters=dict(subject.parameters),
        # Where the project lies on this machine is nobody else's business.
        rebuild={**loaded.rebuild, "spec": spec.model_copy(update={"project": ""}).model_dump(mode="json")},
    )
