"""About how long a run will take: from earlier runs of the same backbone, or roughly from its size."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.options import matters

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Run

TRAINING_COST = 3.0  # a step forwards and backwards, in forward passes
CPU_RATE = 18.0  # 1e9 multiply-adds a second and core, forwards: measured on ordinary x86 servers in bfloat16
GPU_RATE = 4000.0
FIXED_COST = 0.35  # 1e9 multiply-adds' worth of memory traffic a picture, which counts in small networks
STARTING = 10.0  # seconds for the worker to begin and to measure the precision
DECODING = 0.006  # seconds a picture and core
ON_FEATURES = ("feature-extraction", "knn")  # one pass, whatever their options say of epochs of the head


@dataclasses.dataclass(frozen=True)
class Estimate:
    """``seconds`` for one run; ``source`` says what it rests on, ``rough`` that nothing was measured yet."""

    headline: str
    seconds: float
    rough: bool
    source: str

    def sentence(self, runs: int = 1) -> str:
        times = f"{runs} runs, " if runs > 1 else ""
        word = "roughly" if self.rough else "about"
        return f"{times}{word} {duration(self.seconds * runs)} here, {self.source}"


def estimate(
    dataset: "DatasetInfo",
    backbone: BackboneDescriptor,
    method: MethodDescriptor,
    options: Mapping[str, Any],
    earlier: Iterable["Run"] = (),
    device: str = "auto",
    noun: str = "pictures",
) -> Estimate:
    """What training will do and how long it may take. ``options`` as they stand in the form; ``noun``: what samples are
    called.
    """
    train, val = dataset.split_counts.get("train", 0), dataset.split_counts.get("val", 0)
    items = sum(dataset.split_counts.values())
    epochs = epochs_of(method, options)
    forward, source = _measured(backbone, method, earlier)
    rough = forward is None
    if forward is None:
        cores = max(1, os.cpu_count() or 1)
        rate = GPU_RATE if device.startswith("cuda") else CPU_RATE * cores
        forward = 1.0 / ((backbone.gflops + FIXED_COST) / rate + DECODING / cores)
        source = "judged from the network's size alone"
    on_features = method.id.replace("_", "-") in ON_FEATURES
    seconds = STARTING + items / forward
    if epochs and not on_features:
        seconds += epochs * (train * TRAINING_COST + val) / forward
    checked = f", validated on {_count(val)}" if val else ", without validation"
    if epochs and not on_features:
        headline = f"{epochs} epoch{'s' if epochs != 1 else ''} on {_count(train)} {noun}{checked}"
    else:
        headline = f"One pass over {_count(items)} {noun}, then the head{checked}"
    return Estimate(headline, seconds, rough, source)


def epochs_of(method: MethodDescriptor, options: Mapping[str, Any]) -> int:
    """Passes over the training data that these options ask for, in all phases but those of the head alone, which see
    features; 0 where they mean none.
    """
    total = 0
    for name, field in method.options.model_fields.items():
        value = options.get(name, field.default)
        if (
            "epochs" not in name
            or name.startswith("head")
            or isinstance(value, bool)
            or not isinstance(value, int | float)
        ):
            continue
        if matters(method.options, name, options):
            total += int(value)
    return total


def _measured(
    backbone: BackboneDescriptor, method: MethodDescriptor, earlier: Iterable["Run"]
) -> tuple[float | None, str]:
    """Forward passes a second in the latest run of the same backbone, the same method's first."""
    runs = [
        run for run in earlier if run.backbone == backbone.id and run.images_per_second > 0 and run.state == "finished"
    ]
    if not runs:
        return None, ""
    best = max(runs, key=lambda run: (run.method == method.id, run.id))
    factor = 1.0 if best.method.replace("_", "-") in ON_FEATURES else TRAINING_COST
    return best.images_per_second * factor, f"going by run {best.id}"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def duration(seconds: float) -> str:
    """A length of time as people say it: 40 s, 6 minutes, 2 h 10 min."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds / 10) * 10:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} minutes"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def clock(seconds: float) -> str:
    """A length of time for a table or a countdown: 0:09, 5:48, 2:10:05."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
