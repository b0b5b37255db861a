"""Feature extraction with twenty epochs of head training against one bare forward pass over the same pictures.

    python tests/performance/feature_extraction.py FOLDER [--pictures 1200] [--backbone mobilenet_v2]

FOLDER holds class folders of pictures; they are re-cropped at random until there are enough. The whole run counts:
weights, the measured choice of precision, features, the head, validation, test scores with intervals, the model file.
The bare pass decodes, resizes and forwards the same pictures with the same precision and memory format.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tlstudio import runs
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.data.loading import Reading, SampleLoader
from tlstudio.data.transforms import EvaluationTransform, Normalizer, decode
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import runtime
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="mobilenet_v2")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.setdefault("TLSTUDIO_HOME", temporary + "/home")
        source = Path(temporary) / "pictures"
        _enlarge(arguments.folder, source, arguments.pictures)
        with Project.create(Path(temporary) / "p.tlproj") as project:
            where = {"project": str(project.path), "source": str(source), "name": "data"}
            _result("import-data", where)
            registry = Registry.discover(safe_mode=True)
            run = runs.create_run(
                project,
                registry,
                dataset="data",
                backbone=arguments.backbone,
                method="feature-extraction",
                weights_id="none",
                options={"head": "linear", "epochs": 20, "patience": 0},
            )
            ratios = []
            for number in range(1, arguments.rounds + 1):
                shutil.rmtree(project.path / "cache" / "features")
                before = _bare(project, registry, arguments.backbone)
                started = time.perf_counter()
                result = _result("train", {"run_dir": str(project.run_dir(run.id))})
                whole = time.perf_counter() - started
                bare = (before + _bare(project, registry, arguments.backbone)) / 2
                ratios.append(whole / bare)
                print(
                    f"round {number}: bare forward pass {bare:.2f} s (mean of one before and one after), feature "
                    f"extraction with 20 head epochs {whole:.2f} s, everything included; ratio {ratios[-1]:.3f}"
                )
    print(f"{arguments.pictures} pictures, {arguments.backbone}; result {result['metrics']['val']['accuracy']:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f} (goal: at most 1.25)")


def _result(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    for event in events_of(name, arguments, Control()):
        if isinstance(event, Failed):
            raise SystemExit(event.sentence + "\n" + event.traceback)
        if isinstance(event, Finished):
            return event.result
    raise SystemExit("no result")


def _bare(project: Project, registry: Registry, backbone: str) -> float:
    descriptor = registry.backbone(backbone)
    preprocessing = descriptor.weights[0].preprocessing
    network = descriptor.load()()
    chosen = runtime.choose(
        RuntimePreferences(),
        network,
        example=lambda batch: torch.zeros(batch, 3, preprocessing.crop, preprocessing.crop),
        crop=preprocessing.crop,
        gflops=descriptor.gflops,
        training=False,
        name=descriptor.id,
    )
    chosen.place(network).eval()
    paths = [path for split in project.manifest("data").splits.values() for path in split.paths]
    normalize = Normalizer(preprocessing, chosen.device, chosen.memory_format)
    loader = SampleLoader(
        paths, Reading(decode, EvaluationTransform(preprocessing)), batch_size=32, workers=chosen.workers
    )
    started = time.perf_counter()
    with torch.inference_mode(), chosen.autocast():
        for batch in loader.epoch(0):
            network(normalize(batch.inputs))
    return time.perf_counter() - started


def _enlarge(folder: Path, target: Path, count: int) -> None:
    random = np.random.default_rng(0)
    files = sorted(f for c in folder.iterdir() if c.is_dir() for f in c.iterdir())
    for number in range(count):
        file = files[number % len(files)]
        with Image.open(file) as image:
            width, height = image.size
            x, y = random.integers(width // 8 + 1), random.integers(height // 8 + 1)
            cropped = image.convert("RGB").crop((int(x), int(y), int(x) + 7 * width // 8, int(y) + 7 * height // 8))
        place = target / file.parent.name
        place.mkdir(parents=True, exist_ok=True)
        cropped.save(place / f"{number:05d}.jpg", quality=90)


if __name__ == "__main__":
    main()
