"""Few labels and a pool without any: what self-training, FixMatch and FlexMatch add to learning from the labels alone.

    python tests/performance/few_labels.py FOLDER [--labels-per-class 4] [--items 4000] [--seeds 3] [--only ID,ID]

FOLDER holds MNIST's idx files, or class folders of pictures. One split (60 % for training, 10 % validation, 30 % test,
seed 0) of at most ``--items`` pictures; the seed decides which training pictures keep their labels and all that is
random in the run. Prints a table in Markdown: accuracy on the test split, mean and standard deviation over the seeds.
"""

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlstudio import runs
from tlstudio.api.events import Event, Failed, Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

Row = tuple[str, dict[str, Any], bool]  # method, options, whether it knows every label
ROWS: dict[str, Row] = {
    "feature extraction": ("feature-extraction", {}, False),
    "fine-tuning": ("fine-tuning", {}, False),
    "fine-tuning of 40 epochs": (
        "fine-tuning",
        {"epochs": 40, "patience": 0},
        False,
    ),  # about as many steps as FixMatch
    "self-training of the head": ("self-training", {"train": "head", "rounds": 5}, False),
    "self-training": ("self-training", {}, False),
    "FixMatch": ("fixmatch", {}, False),
    "FlexMatch": ("flexmatch", {}, False),
    "fine-tuning with all labels": ("fine-tuning", {}, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels-per-class", type=int, default=4)
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=0, help="of FixMatch and FlexMatch; 0: as they are")
    parser.add_argument("--backbone", default="glyphnet")
    parser.add_argument("--only", default="", help="rows, separated by commas")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE, for every row that knows the option")
    parser.add_argument("--tell", action="store_true", help="print what the runs say")
    asked = parser.parse_args()
    wanted = [name.strip() for name in asked.only.split(",") if name.strip()] or list(ROWS)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TLSTUDIO_HOME"] = f"{temporary}/home"
        source = _smaller(asked.folder, Path(temporary) / "data", asked.items)
        registry = Registry.discover(safe_mode=True)
        with Project.create(Path(temporary) / "p.tlproj") as project:
            where = {"project": str(project.path), "source": str(source), "name": "few", "splits": "0.6,0.1,0.3"}
            counts = _result(events_of("import-data", where, Control()))["splits"]
            shares = ", ".join(f"{split} {count:,}" for split, count in counts.items())
            print(
                f"{asked.folder.name}: {shares}; {asked.labels_per_class} labels a class, {asked.backbone}\n",
                flush=True,
            )
            print("| method | test accuracy, % | each seed | seconds |\n|---|---|---|---|", flush=True)
            for name in wanted:
                scores, seconds = [], []
                for seed in range(asked.seeds):
                    began = time.monotonic()
                    scores.append(100 * _train(project, registry, name, seed, asked))
                    seconds.append(time.monotonic() - began)
                    sys.stderr.write(f"{name}, seed {seed}: {scores[-1]:.1f} % in {seconds[-1]:.0f} s\n")
                spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
                each = ", ".join(f"{score:.1f}" for score in scores)
                mean, took = statistics.mean(scores), statistics.mean(seconds)
                print(f"| {name} | {mean:.1f} ± {spread:.1f} | {each} | {took:.0f} |", flush=True)


def _train(project: Project, registry: Registry, name: str, seed: int, asked: argparse.Namespace) -> float:
    method, options, whole = ROWS[name]
    known = registry.method(method).options.model_fields
    options = dict(options)
    if asked.epochs and method in ("fixmatch", "flexmatch"):
        options["epochs"] = asked.epochs
    for setting in asked.set:
        key, _, value = setting.partition("=")
        if key in known:
            options[key] = value
    run = runs.create_run(
        project, registry, dataset="few", backbone=asked.backbone, method=method, options=options, seed=seed,
        labels_per_class=0 if whole else asked.labels_per_class,
        runtime=RuntimePreferences(device="cpu", precision="float32", beside=True, workers=0),
    )  # fmt: skip
    events = events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control())
    accuracy: float = _result(events, tell=asked.tell)["metrics"]["test"]["accuracy"]
    return accuracy


def _result(events: Iterable[Event], tell: bool = False) -> dict[str, Any]:
    last: Event | None = None
    for last in events:
        if tell and isinstance(last, Message):
            print("   ", last.text, flush=True)
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)
    return last.result


def _smaller(folder: Path, out: Path, items: int) -> Path:
    """Class folders with at most so many pictures, spread evenly over the classes."""
    found = _idx(folder, out) if list(folder.glob("*idx3-ubyte*")) else {
        path.name: sorted(path.iterdir()) for path in sorted(folder.iterdir()) if path.is_dir()
    }  # fmt: skip
    each = items // len(found)
    for label, files in found.items():
        (out / "used" / label).mkdir(parents=True)
        chosen = np.random.default_rng(0).permutation(len(files))[:each]
        for position in sorted(chosen.tolist()):
            os.symlink(files[position].absolute(), out / "used" / label / files[position].name)
    return out / "used"


def _idx(folder: Path, out: Path) -> dict[str, list[Path]]:
    (images,), (labels,) = (sorted(folder.glob(f"*{kind}-ubyte*")) for kind in ("idx3", "idx1"))
    pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    digits = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)
    found: dict[str, list[Path]] = {str(digit): [] for digit in range(10)}
    (out / "all").mkdir(parents=True)
    for number, (picture, digit) in enumerate(zip(pixels, digits, strict=True)):
        path = out / "all" / f"{number:05}.png"
        Image.fromarray(picture).save(path)
        found[str(digit)].append(path)
    return found


if __name__ == "__main__":
    main()
