"""What heads, levels, views, interpolation, soups and several views at test time are worth, on a folder of pictures.

    python tests/performance/weight_space.py FOLDER --backbone glyphnet [--weights FILE.pth] [--seeds 3] [--epochs 12]

FOLDER holds a folder for each class. Two thirds of the pictures are the data set (split 70/15/15, seed 0); the others,
darker, with less contrast and noise, are the shifted data, whose validation split holds 80 % of them. Every figure says
its split. Single runs differ by chance: read them with the number of pictures beside them.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlstudio import jobs, runs
from tlstudio.api.events import Failed, Finished
from tlstudio.project import Project
from tlstudio.registry import Registry

FROZEN: tuple[dict[str, Any], ...] = (
    {}, {"head": "knn"}, {"levels": "last 3"}, {"levels": "last 3", "head": "knn"}, {"views": 4},
)  # fmt: skip


def result(events: Any) -> dict[str, Any]:
    *_, last = events
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished), last
    return last.result


def divide(folder: Path, target: Path) -> None:
    """Writes ``signs``-like folders ``own`` and ``shifted`` below ``target``."""
    random = np.random.default_rng(0)
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in place.iterdir() if path.is_file())
        for rank, number in enumerate(random.permutation(len(files))):
            name = "own" if rank < 2 * len(files) // 3 else "shifted"
            pixels = np.asarray(Image.open(files[number]).convert("RGB"), np.float64)
            if name == "shifted":
                pixels = 128 + (pixels - 128) * 0.55 - 25 + random.normal(0, 22, pixels.shape)
            (target / name / place.name).mkdir(parents=True, exist_ok=True)
            made = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            made.save(target / name / place.name / f"{files[number].stem}.png")


class Bench:
    def __init__(self, project: Project, registry: Registry, backbone: str, weights: str) -> None:
        self._project, self._registry = project, registry
        self._common = {"dataset": "own", "backbone": backbone, "weights_id": weights}

    def train(self, method: str, options: dict[str, Any], **more: Any) -> int:
        run = runs.create_run(self._project, self._registry, method=method, options=options, **self._common, **more)
        metrics = result(jobs.start_run(self._project, run.id, self._registry))["metrics"]
        figures = "  ".join(f"{split} {100 * metrics[split]['accuracy']:5.1f} %" for split in ("val", "test"))
        print(f"run {run.id:2} {method:18} {figures}  {options} {more}", flush=True)
        return run.id

    def look_again(self, run: int) -> None:
        for split in ("val", "test"):
            found = []
            for views in (1, 6):
                asked = {"project": str(self._project.path), "run": run, "split": split, "views": views}
                found.append(100 * result(jobs.start("evaluate", asked))["metrics"]["accuracy"])
            print(f"run {run:2} {split}: 1 view {found[0]:.1f} %, 6 views {found[1]:.1f} %", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="glyphnet")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TLSTUDIO_HOME"] = temporary + "/home"
        home = Path(temporary)
        divide(arguments.folder, home)
        if arguments.weights:
            asked = {"backbone": arguments.backbone, "file": str(arguments.weights.absolute()), "name": "measured"}
            result(jobs.start("import-weights", asked))
        registry = Registry.discover(safe_mode=True)
        with Project.create(home / "p.tlproj") as project:
            for name, splits in (("own", {}), ("shifted", {"splits": "15/80/5"})):
                where = {"project": str(project.path), "source": str(home / name), "name": name}
                result(jobs.start("import-data", {**where, **splits}))
            bench = Bench(project, registry, arguments.backbone, "measured" if arguments.weights else "")
            for options in FROZEN:
                bench.train("feature-extraction", options)
            for policy in ("frozen", "train"):
                options = {"epochs": arguments.epochs, "patience": 0, "batch_norm": policy}
                tuned = [bench.train("fine-tuning", options, seed=seed) for seed in range(arguments.seeds)]
                wise = bench.train("wise-ft", {}, runs=(tuned[0],), source="shifted")
                print((project.run_dir(wise) / "weights_curve.json").read_text(encoding="utf-8"))
                for recipe in ("uniform", "greedy"):
                    bench.train("model-soup", {"recipe": recipe}, runs=tuple(tuned))
                for run in tuned:
                    bench.look_again(run)


if __name__ == "__main__":
    main()
