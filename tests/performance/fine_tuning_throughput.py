"""Fine-tuning throughput against two hand-written loops, on the same pictures, in one run.

    python tests/performance/fine_tuning_throughput.py FOLDER [--rounds 5] [--backbone mobilenet_v2]

FOLDER holds class folders of pictures. (a) The application's loop against a bare loop with the same precision, memory
format, loader and batch size: the ratio says what its events, seeding and averaging cost. (b) Against the loop of
tutorials: float32, contiguous, one torchvision ``ImageFolder``. Rounds alternate, the median of the ratios counts.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

from tlstudio.api import MethodContext, Stream, TaskInfo
from tlstudio.api.descriptors import DatasetProfile
from tlstudio.control import Control
from tlstudio.project import SplitData
from tlstudio.registry import Registry
from tlstudio.training import runtime
from tlstudio.training.loop import PhaseLoop
from tlstudio.training.progress import Best, Clock
from tlstudio.training.sources import SampleSource
from tlstudio.training.spec import RuntimePreferences
from tlstudio.training.subject import Subject

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbone", default="mobilenet_v2")
    arguments = parser.parse_args()
    classes = sorted(p.name for p in arguments.folder.iterdir() if p.is_dir())
    files = [(str(f), i) for i, c in enumerate(classes) for f in sorted((arguments.folder / c).iterdir())]
    files = files[: len(files) // BATCH * BATCH]
    split = SplitData(
        paths=[f for f, _ in files],
        labels=[i for _, i in files],
        hashes=[""] * len(files),
        item_ids=[0] * len(files),
        values=[classes[i] for _, i in files],
    )
    ours, bare, tutorial = _loops(arguments.backbone, classes, split, arguments.folder)
    for loop in (ours, bare, tutorial):
        loop(0)  # warm-up: caches, thread pools, compiled kernels
    print(f"{len(files)} pictures, batch {BATCH}, {torch.get_num_threads()} threads, images/s")
    print(f"{'round':>5} {'ours':>8} {'bare':>8} {'tutorial':>9} {'ours/bare':>10} {'ours/tutorial':>14}")
    against_bare, against_tutorial = [], []
    for number in range(1, arguments.rounds + 1):
        speeds = [len(files) / loop(number) for loop in (ours, bare, tutorial)]
        against_bare.append(speeds[0] / speeds[1])
        against_tutorial.append(speeds[0] / speeds[2])
        print(
            f"{number:>5} {speeds[0]:>8.1f} {speeds[1]:>8.1f} {speeds[2]:>9.1f} "
            f"{against_bare[-1]:>10.3f} {against_tutorial[-1]:>14.2f}"
        )
    print(
        f"median: ours/bare {statistics.median(against_bare):.3f} (goal 0.97), "
        f"ours/tutorial {statistics.median(against_tutorial):.2f} (goal 2)"
    )


def _loops(backbone: str, classes: list[str], split: SplitData, folder: Path):  # type: ignore[no-untyped-def]
    registry = Registry.discover(safe_mode=True)
    descriptor, chosen = registry.backbone(backbone), registry.method("fine-tuning")
    preprocessing = descriptor.weights[0].preprocessing
    profile = DatasetProfile(
        items=len(split.paths),
        train_items=len(split.paths),
        val_items=0,
        test_items=0,
        classes=len(classes),
        smallest_class=1,
        largest_class=1,
    )
    info = TaskInfo(class_names=tuple(classes), class_counts=(1,) * len(classes))
    task, modality = registry.task("classification"), registry.modality("image")
    subject = Subject(task=task, modality=modality, info=info, preprocessing=preprocessing)
    method = chosen.load()()
    network = descriptor.load()()
    context = MethodContext(
        backbone=network,
        descriptor=descriptor,
        preprocessing=preprocessing,
        options=chosen.options(batch_size=BATCH, stages="one", epochs=1, augmentation="light", batch_norm="train"),
        class_names=tuple(classes),
        class_counts=(1,) * len(classes),
        task="classification",
        profile=profile,
        seed=0,
        objective=subject.make_objective({}),
    )
    model = method.build(context)
    (phase,) = method.phases(context)
    chosen_runtime = runtime.choose(
        RuntimePreferences(),
        network,
        example=subject.example,
        crop=preprocessing.crop,
        gflops=descriptor.gflops,
        training=True,
        name=backbone,
    )
    print(chosen_runtime.reason)
    chosen_runtime.place(model)

    def ours(number: int) -> float:
        clock = Clock(total_steps=1)
        source = SampleSource(split, folder, phase.streams[0], subject, chosen_runtime, seed=number)
        loop = PhaseLoop(
            method,
            model,
            phase,
            {"train": source},
            objective=context.objective,
            runtime=chosen_runtime,
            seed=number,
            clock=clock,
            best=Best(),
            validate=_nothing,
            rank=lambda values: (0.0, 0.0),
            control=Control(),
            boundary=lambda: iter(()),
        )
        started = time.perf_counter()
        for _ in loop.run():
            pass
        return time.perf_counter() - started

    return (
        ours,
        _bare(descriptor, classes, split, subject, chosen_runtime),
        _tutorial(descriptor, classes, folder),
    )


def _nothing():  # type: ignore[no-untyped-def]
    """No validation: the bare loop has none either."""
    return {}
    yield


def _bare(descriptor, classes, split, subject: Subject, chosen: runtime.Runtime):  # type: ignore[no-untyped-def]
    """The least that a person would write with the same loader, precision and memory format."""
    model = nn.Sequential(descriptor.load()(), nn.Linear(descriptor.feature_dim, len(classes)))
    chosen.place(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run(number: int) -> float:
        stream = Stream(augmentation="light", batch_size=BATCH)
        source = SampleSource(split, Path(), stream, subject, chosen, seed=number)
        model.train()
        started = time.perf_counter()
        for _, batch in source.epoch(0):
            optimizer.zero_grad(set_to_none=True)
            with chosen.autocast():
                loss = F.cross_entropy(model(batch.inputs), batch.targets)
            loss.backward()
            optimizer.step()
        return time.perf_counter() - started

    return run


def _tutorial(descriptor, classes: list[str], folder: Path):  # type: ignore[no-untyped-def]
    """The loop of tutorials: ImageFolder, ToTensor, Normalize, float32, Adam."""
    p = descriptor.weights[0].preprocessing
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(p.crop, scale=(0.35, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(p.mean, p.std),
        ]
    )
    data = torchvision.datasets.ImageFolder(str(folder), transform)
    count = len(data) // BATCH * BATCH
    model = nn.Sequential(descriptor.load()(), nn.Linear(descriptor.feature_dim, len(classes)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run(number: int) -> float:
        subset = torch.utils.data.Subset(data, torch.randperm(len(data))[:count].tolist())
        loader = torch.utils.data.DataLoader(subset, batch_size=BATCH)
        model.train()
        started = time.perf_counter()
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            loss.item()
        return time.perf_counter() - started

    return run


if __name__ == "__main__":
    main()
