"""Domain adaptation on digits: labelled source, unlabelled target; accuracy on the target's test split, over seeds.

    python tests/performance/domain_adaptation.py SHARED_DATA [--seeds 3] [--epochs 14] [--only mnist,printed]
        [--methods source-only,mcc] [--backbone tiny] [--source 1000] [--out rows.json]

``mnist``: handwritten digits of MNIST (20 × 20 pixels in 28 × 28) to those of scikit-learn (8 × 8, enlarged to the
same box: other writers and pens, smoothed). ``printed``: digits in the fonts of this machine to MNIST; left out where
there are too few fonts. The network (``tiny``: three convolutions with batch norm) has random weights, so that nothing
but the source has taught it. ``oracle``: fine-tuning of the source-only network with the target's labels. Beside the
accuracy on test stands that on the target's validation split at the epoch that each criterion would have chosen, at
the last epoch, and at the best one (which only the target's labels could choose).
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from tlstudio import runs
from tlstudio.api import BackboneDescriptor, Stage, hookimpl
from tlstudio.api.events import EpochDone, Event, Failed, Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

METHODS = ("source-only", "adabn", "mcc", "dann", "mdd", "oracle")
FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts")
SIDE, FEWEST_FONTS = 28, 12
CRITERIA = {"source": ("source_accuracy", 1), "infomax": ("infomax", 1), "snd": ("snd", 1), "entropy": ("entropy", -1)}


class Tiny(nn.Module):
    """Pictures ``[N, 3, 28, 28]`` to 512 features."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = _block(3, 16, 5), _block(16, 32, 3), _block(32, 32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(self.three(self.two(self.one(x))), 1)


def _block(inputs: int, outputs: int, size: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, 2, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


@hookimpl
def tlstudio_backbones() -> list[BackboneDescriptor]:
    return [
        BackboneDescriptor(
            id="tiny", title="Tiny", description="Three convolutions.", factory=f"{__name__}:Tiny", family="Tiny",
            parameters=15_000, gflops=0.0008, input_size=28, feature_dim=512, levels=(), flip_safe=False,
            stages=tuple(Stage(name=name, modules=(name,)) for name in ("one", "two", "three")),
        )
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--only", default="mnist,printed")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--options", default="{}", help="JSON, for every method but the oracle")
    parser.add_argument("--backbone", default="tiny")
    parser.add_argument("--source", type=int, default=1000, help="samples of the source")
    parser.add_argument("--target", type=int, default=1000, help="samples of the target")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TLSTUDIO_HOME", str(Path(folder) / "home"))
        for pair in arguments.only.split(","):
            path = _project(Path(folder), pair, arguments)
            if path is None:
                print(f"{pair}: this machine has too few fonts; left out.")
                continue
            for seed in range(arguments.first, arguments.first + arguments.seeds):
                rows += _runs(path, pair, seed, arguments)
                if arguments.out:
                    arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    _table(rows)


def _table(rows: list[dict[str, Any]]) -> None:
    columns = ["test", *CRITERIA, "last", "best", "in_source"]
    print(
        "\n| pair | method | test accuracy | "
        + " | ".join(f"val by {name}" for name in columns[1:-1])
        + " | source val | s |"
    )
    print("|" + "---|" * (len(columns) + 3))
    for pair, method in dict.fromkeys((row["pair"], row["method"]) for row in rows):
        own = [row for row in rows if (row["pair"], row["method"]) == (pair, method)]
        cells = [_cell([row[name] for row in own if name in row]) for name in columns]
        seconds = statistics.mean(row["seconds"] for row in own)
        print(f"| {pair} | {method} | " + " | ".join(cells) + f" | {seconds:.0f} |")


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{spread}"


def _runs(path: Path, pair: str, seed: int, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    registry = Registry.discover(safe_mode=True)
    registry.register("domain-adaptation-benchmark", sys.modules[__name__])
    common: dict[str, Any] = {
        "epochs": arguments.epochs,
        "augmentation": "characters",
        "backbone_rate": 1.0,
        "learning_rate": 0.03,
    }
    first = 0
    with Project.open(path) as project:
        for method in arguments.methods.split(","):
            request: dict[str, Any] = {"method": method, "source": "source", "weights_id": "none"}
            options = {**common, **json.loads(arguments.options)}
            if method == "oracle":
                request = {"method": "fine-tuning", "weights_id": f"run:{first}"}
                options = {**common, "learning_rate": 1e-3, "batch_norm": "train", "batch_size": 32}
            run = runs.create_run(
                project,
                registry,
                dataset="target",
                backbone=arguments.backbone,
                options=options,
                seed=seed,
                runtime=RuntimePreferences(beside=True, workers=0),
                **request,
            )
            first = run.id if method == "source-only" else first
            row = {"pair": pair, "method": method, "seed": seed}
            row |= _train(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
            project.update_run(run.id, state="finished", model=f"runs/{run.id}/model.safetensors")
            print(json.dumps(row), file=sys.stderr, flush=True)
            yield row


def _train(events: Iterable[Event]) -> dict[str, Any]:
    """Test accuracy; and of the epochs the validation accuracy that each criterion, the last, or the best one has."""
    started, epochs = time.monotonic(), []
    for event in events:
        if isinstance(event, EpochDone):
            epochs.append(event.metrics)
        if isinstance(event, Failed):
            raise SystemExit(event.sentence + "\n" + event.traceback)
    assert isinstance(event, Finished)
    found: dict[str, float] = {
        "test": event.result["metrics"]["test"]["accuracy"],
        "seconds": round(time.monotonic() - started, 1),
    }
    shown = [values for values in epochs if "infomax" in values]
    for name, (key, sign) in CRITERIA.items():
        if shown:
            found["in_source"] = max(values["source_accuracy"] for values in shown)
            found[name] = max(shown, key=lambda values: sign * values[key])["val_accuracy"]
    validated = [values["val_accuracy"] for values in epochs if "val_accuracy" in values]
    return {**found, "last": validated[-1], "best": max(validated)}


def _project(folder: Path, pair: str, arguments: argparse.Namespace) -> Path | None:
    digits = _printed(arguments.source) if pair == "printed" else _mnist(arguments.shared, arguments.source)
    if digits is None:
        return None
    _save(folder / pair / "source", *digits)
    target = _mnist(arguments.shared, arguments.target, last=True) if pair == "printed" else _scikit(arguments.target)
    _save(folder / pair / "target", *target)
    path = folder / f"{pair}.tlproj"
    Project.create(path).close()
    for name in ("source", "target"):
        asked = {"project": str(path), "source": str(folder / pair / name), "name": name}
        for event in events_of("import-data", asked, Control()):
            if isinstance(event, Failed):
                raise SystemExit(event.sentence + "\n" + event.traceback)
    return path


def _save(folder: Path, pictures: np.ndarray, labels: np.ndarray) -> None:
    """White on black, ``[N, H, W]`` uint8, into a folder for each class."""
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / str(label) / f"{number:05}.png")


def _mnist(shared: Path, count: int, last: bool = False) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(shared / "mnist_t10k" / "t10k-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, SIDE, SIDE)
    with gzip.open(shared / "mnist_t10k" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    chosen = slice(-count, None) if last else slice(count)
    return pictures[chosen], labels[chosen]


def _scikit(count: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pictures = []
    for image in (loaded.images[:count] * 255 / 16).round().astype(np.uint8):
        square = Image.new("L", (SIDE, SIDE))
        square.paste(Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR), (4, 4))
        pictures.append(np.asarray(square))
    return np.stack(pictures), loaded.target[:count]


def _printed(count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Digits in every font that has them, each a little moved, turned and scaled."""
    fonts = []
    for path in sorted(p for folder in FONTS for p in Path(folder).rglob("*") if p.suffix.lower() in (".ttf", ".otf")):
        try:
            font = ImageFont.truetype(str(path), 40)
        except OSError:
            continue
        if len({bytes(font.getmask(digit)) for digit in "0123456789\U0010fffd"}) == 11:
            fonts.append(font)
    if len(fonts) < FEWEST_FONTS:
        return None
    random = np.random.default_rng(0)
    pictures, labels = [], []
    for number in range(count):
        font, digit = fonts[int(random.integers(len(fonts)))], number % 10
        page = Image.new("L", (64, 64))
        ImageDraw.Draw(page).text((32, 32), str(digit), fill=255, font=font, anchor="mm")
        page = page.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR)
        box = page.getbbox() or (0, 0, 64, 64)
        page, side = page.crop(box), random.uniform(17, 23)
        factor = side / max(page.size)
        page = page.resize((max(2, round(page.width * factor)), max(2, round(page.height * factor))))
        square = Image.new("L", (SIDE, SIDE))
        square.paste(page, ((SIDE - page.width) // 2, (SIDE - page.height) // 2))
        pictures.append(np.asarray(square))
        labels.append(digit)
    return np.stack(pictures), np.array(labels)


if __name__ == "__main__":
    main()
