"""What pre-training is worth: vote of the neighbours and linear probe after each objective, against random weights.

    python tests/performance/pretraining_value.py FOLDER [--backbone resnet8] [--epochs 50] [--seeds 0,1,2]
    python tests/performance/pretraining_value.py FOLDER_WITH_MNIST_IDX_FILES --most 2000

FOLDER has one folder of pictures for each class, or MNIST's idx files. The seed decides the split (70/15/15), the
random weights and everything else. Nothing but the probe and the vote uses labels, except pre-training with labels
itself. ``--labels-per-class N``: only so many training labels are left to them; the rest is the split 'unlabelled'.
"""

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlstudio import jobs, runs
from tlstudio.api.events import Failed, Finished
from tlstudio.project import Project
from tlstudio.registry import Registry

OBJECTIVES = ("simclr", "autoencoder", "gan", "supervised")
Row = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="resnet8")
    parser.add_argument("--objectives", nargs="*", default=OBJECTIVES)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=0, help="0: the objective's own")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--most", type=int, default=0, help="pictures at most, of each class as many")
    parser.add_argument("--labels-per-class", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], help="options of every objective, NAME=VALUE")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TLSTUDIO_HOME"] = f"{temporary}/home"
        source = _pictures(a.folder.absolute(), Path(temporary) / "pictures", a.most)
        registry = Registry.discover(safe_mode=True)
        rows: dict[str, Row] = {}
        with Project.create(Path(temporary) / "p.tlproj") as project:
            for seed in (int(number) for number in a.seeds.split(",")):
                name = f"seed {seed}"
                _result(
                    jobs.start(
                        "import-data", {"project": str(project.path), "source": str(source), "name": name, "seed": seed}
                    )
                )
                _one_seed(project, registry, name, seed, a, rows)
    print(f"\n{a.folder.name}, {a.backbone}, {a.epochs} epochs, seeds {a.seeds}: mean and standard deviation in %")
    for label, row in rows.items():
        print(f"{label:24} " + "  ".join(f"{what} {_spread(values)}" for what, values in row.items()))


def _one_seed(
    project: Project, registry: Registry, dataset: str, seed: int, a: argparse.Namespace, rows: dict[str, Row]
) -> None:
    request: dict[str, Any] = {
        "dataset": dataset, "backbone": a.backbone, "weights_id": "none", "seed": seed,
        "labels_per_class": a.labels_per_class,
    }  # fmt: skip
    run = runs.create_run(project, registry, method="feature-extraction", **request)
    random_test = _result(jobs.start_run(project, run.id, registry))["metrics"]["test"]["accuracy"]
    first = True
    for objective in a.objectives:
        options: dict[str, Any] = {"epochs": a.epochs, "compare": first}
        if a.batch_size:
            options["batch_size"] = a.batch_size
        options |= dict(entry.split("=", 1) for entry in a.set)
        run = runs.create_run(project, registry, method=f"pretrain-{objective}", options=options, **request)
        began = time.perf_counter()
        result = _result(jobs.start_run(project, run.id, registry))
        card = json.loads((run.dir / "backbone_card.json").read_text(encoding="utf-8"))
        if first:
            _add(rows, "random weights", card["random"], random_test)
        first = False
        _add(rows, objective, card, result["metrics"]["test"]["accuracy"])
        print(
            f"seed {seed} {objective:12} knn {100 * card['knn_accuracy']:5.1f}  probe val "
            f"{100 * card['probe_accuracy']:5.1f}  test {100 * result['metrics']['test']['accuracy']:5.1f} %  "
            f"epoch {result['best_epoch']}  {time.perf_counter() - began:6.0f} s",
            flush=True,
        )


def _add(rows: dict[str, Row], label: str, card: dict[str, float], test: float) -> None:
    row = rows.setdefault(label, {"knn val": [], "probe val": [], "probe test": []})
    for what, value in zip(row, (card["knn_accuracy"], card["probe_accuracy"], test), strict=True):
        row[what].append(100 * value)


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):5.1f} ± {statistics.stdev(values) if len(values) > 1 else 0.0:4.1f}"


def _pictures(folder: Path, made: Path, most: int) -> Path:
    """The folder itself, or one with ``most`` of its pictures, as many of each class."""
    images = sorted(folder.glob("*images*idx3*"))
    if not images:
        return folder
    pixels, labels = _idx(images[0]), _idx(next(iter(sorted(folder.glob("*labels*idx1*")))))
    each = most // len(set(labels.tolist())) if most else len(labels)
    for label in sorted(set(labels.tolist())):
        (made / str(label)).mkdir(parents=True)
        for position in np.flatnonzero(labels == label)[:each]:
            Image.fromarray(pixels[position]).save(made / str(label) / f"{position}.png")
    return made


def _idx(path: Path) -> np.ndarray:
    content = path.read_bytes()
    data = gzip.decompress(content) if path.suffix == ".gz" else content
    sides = [int.from_bytes(data[4 + 4 * k : 8 + 4 * k], "big") for k in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(sides)).reshape(sides)


def _result(job: jobs.Job) -> dict[str, Any]:
    *_, last = job
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)
    return last.result


if __name__ == "__main__":
    main()
