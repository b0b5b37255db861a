"""Every method on real data, side by side on one frozen split: the table of methods in docs/benchmarks.md.

    python tests/performance/every_method.py SHARED_DATA [--only "sign_digits,mnist 10"] [--seeds 0,1,2] [--epochs 6]
        [--out methods.json] [--write docs/benchmarks.md]

Each case is one project with one split (seed 0); methods are trained by ``tlstudio compare`` with each seed, which
decides about order, augmentation, random weights and which items keep their labels. The figure is the test metric that
chooses the model: mean over seeds, their standard deviation, and the 95 % interval of the mean over the choice of the
test items; the verdict is against the best of the table (paired, Holm-corrected). A case that is in ``--out`` already
is not run again. ``--write`` puts the tables between two marks of the file.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- methods: made by tests/performance/every_method.py -->", "<!-- methods: end -->"
PLAIN = ("feature-extraction", "fine-tuning", "bias-tuning", "lora", "l2-sp", "delta")
FEW = ("feature-extraction", "fine-tuning", "self-training", "fixmatch", "flexmatch")
SHIFTED = ("source-only", "adabn", "mcc", "dann", "cdan", "mdd")
PUPILS = ("distillation", "distillation-dkd", "distillation-dist", "distillation-hints", "distillation-attention")
FROM_SCRATCH = {"learning_rate": 3e-3, "epochs": 25}
AS_LONG = {"epochs": 75, "patience": 0, "batch_norm": "train", "stages": "one"}  # 525 steps, as the pupils' 500
# Variants are trained one by one, with each seed: "teacher" and "of" name the method whose run of the same seed they
# take, "soup" that whose runs of all seeds.
CASES: dict[str, dict[str, Any]] = {
    "sign_digits": {
        "data": "sign_digits", "backbone": "glyphnet", "methods": PLAIN,
        "variants": (
            {"method": "feature-extraction", "options": {"head": "knn"}},
            {"method": "feature-extraction", "options": {"levels": "last 3"}},
            {"method": "feature-extraction", "options": {"views": 4}},
            {"method": "fine-tuning", "options": {"sam": 0.05}},
            {"method": "fine-tuning", "options": {"unfreezing": "gradual"}},
            {"method": "adversarial-fine-tuning"},
            {"method": "wise-ft", "of": "fine-tuning"},
            {"method": "model-soup", "soup": "fine-tuning"},
        ),
    },
    "hands into a tenth of the size, 10 labels a class": {
        "data": "sign_digits", "backbone": "glyphnet", "methods": ("fine-tuning",),
        "more": ["--labels-per-class", "10"],
        "variants": (
            {"method": "fine-tuning", "backbone": "resnet8", "options": {**FROM_SCRATCH, **AS_LONG}},
            *(
                {"method": method, "backbone": "resnet8", "options": FROM_SCRATCH, "teacher": "fine-tuning"}
                for method in PUPILS
            ),
        ),
    },
    "trashnet": {"data": "trashnet", "backbone": "mobilenet_v2:shared", "methods": PLAIN},
    "mnist, 10 labels a class": {
        "data": "mnist_t10k", "backbone": "glyphnet", "methods": FEW, "more": ["--labels-per-class", "10"],
        "items": 2000,
    },
    "mnist to digits": {
        "data": "digits", "source": "mnist_t10k", "items": 2000, "backbone": "glyphnet",
        "methods": (*SHIFTED, "feature-extraction", "fine-tuning", "joint"),
    },
    "spoken digits, speakers apart": {
        "data": "fsdd_wav", "backbone": "glyphnet", "import": ["--group-by", r"\d_([a-z]+)_\d"],
        "methods": ("feature-extraction", "fine-tuning", "bias-tuning", "lora", "l2-sp"),
    },
    "red cells": {
        "data": "bccd/labels.csv", "backbone": "mobilenet_v2:shared",
        "import": ["--task", "regression", "--set", "number_columns=red_cells"],
        "methods": ("feature-extraction", "fine-tuning", "lora"),
    },
    "membranes": {
        "data": "em_membrane", "backbone": "mobilenet_v2:shared",
        "methods": ("feature-extraction", "fine-tuning", "lora"),
    },
    "messages": {
        "data": "text/SMSSpamCollection.tsv", "backbone": "text-cnn", "methods": ("feature-extraction", "fine-tuning"),
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("methods.json"))
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    found: dict[str, Any] = json.loads(chosen.out.read_text(encoding="utf-8")) if chosen.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TLSTUDIO_HOME", str(Path(folder) / "home"))
        weights = chosen.shared / "weights" / "mobilenet_v2_tvkeys.pth"
        run("weights", "import", "mobilenet_v2", weights, "--name", "shared")
        wanted = [name.strip() for name in chosen.only.split(",") if name.strip()]
        for name, case in CASES.items():
            if name in found or (wanted and not any(name.startswith(start) for start in wanted)):
                continue
            started = time.monotonic()
            found[name] = measure(name, case, chosen, Path(folder))
            found[name]["seconds"] = round(time.monotonic() - started)
            chosen.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
            print(as_markdown(name, found[name]), flush=True)
    if chosen.write:
        write(chosen.write, found)


def run(*words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "tlstudio", *(str(word) for word in words), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(name: str, case: dict[str, Any], chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    project = folder / f"{name.replace(' ', '-').replace(',', '')}.tlproj"
    run("project", "create", project)
    inputs = list(case.get("more", ()))
    for role in ("data", "source"):
        if place := case.get(role):
            source = make_digits(folder / "digits") if place == "digits" else chosen.shared / place
            if place == "mnist_t10k" and case.get("items"):
                source = some_digits(source, folder / f"mnist-{case['items']}", case["items"])
            how = case.get("import", []) if role == "data" else []
            run("data", "import", project, source, "--name", role, "--splits", "0.7,0.15,0.15", *how)
    if "source" in case:
        inputs += ["--source-dataset", "source"]
    if "weights" in case:
        inputs += ["--weights", case["weights"]]
    timed = {method["id"] for method in run("methods")["methods"] if "epochs" in method["options"]}
    sets = [f"--set={method}.epochs={chosen.epochs}" for method in case["methods"] if method in timed]
    answer = run(
        "compare", project, "--dataset", "data", "--backbone", case["backbone"], "--methods", ",".join(case["methods"]),
        "--seeds", chosen.seeds, *sets, *inputs,
    )  # fmt: skip
    if "variants" in case:
        usual = {one["run"]: (one["method"], one["seed"]) for one in run("runs", project)["runs"]}
        for variant in case["variants"]:
            options = {"epochs": chosen.epochs} if variant["method"] in timed else {}
            train_variant(project, variant, {**options, **variant.get("options", {})}, case, usual, chosen, inputs)
        answer = run("compare", project, *(one["run"] for one in run("runs", project)["runs"]))
    compared: dict[str, Any] = answer["comparison"]
    return compared


def train_variant(
    project: Path, variant: dict[str, Any], options: dict[str, Any], case: dict[str, Any],
    usual: dict[int, tuple[str, int]], chosen: argparse.Namespace, inputs: list[str],
) -> None:  # fmt: skip
    """Its runs: one for each seed, of a soup one in all."""
    backbone = variant.get("backbone", case["backbone"])
    words = ["--dataset", "data", "--backbone", backbone, "--method", variant["method"], *inputs]
    words += [] if backbone == case["backbone"] else ["--weights", "none"]
    words += [f"--set={name}={value}" for name, value in options.items()]
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    if "soup" in variant:
        earlier = [str(run_id) for run_id, (method, _) in usual.items() if method == variant["soup"]]
        run("train", project, *words, "--from-run", ",".join(earlier))
        return
    for seed in seeds:
        more = ["--seed", str(seed)]
        for role, flag, prefix in (("of", "--from-run", ""), ("teacher", "--teacher", "run:")):
            if role in variant:
                (earlier_id,) = (run_id for run_id, known in usual.items() if known == (variant[role], seed))
                more += [flag, f"{prefix}{earlier_id}"]
        run("train", project, *words, *more)


def make_digits(folder: Path) -> Path:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, as pictures in folders."""
    from PIL import Image
    from sklearn.datasets import load_digits

    if not folder.exists():
        bunch = load_digits()
        for number, (picture, label) in enumerate(zip(bunch.images, bunch.target, strict=True)):
            place = folder / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray((picture * 255 / 16).astype("uint8")).resize((28, 28)).save(place / f"{number:04}.png")
    return folder


def some_digits(source: Path, folder: Path, count: int) -> Path:
    """The first ``count`` digits of MNIST's test set, as pictures in folders."""
    import numpy as np
    from PIL import Image

    if not folder.exists():
        files = (next(source.glob(f"*{kind}*.gz")) for kind in ("images", "labels"))
        images, labels = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
        for number in range(count):
            place = folder / str(labels[8 + number])
            place.mkdir(parents=True, exist_ok=True)
            pixels = images[16 + 784 * number : 16 + 784 * (number + 1)].reshape(28, 28)
            Image.fromarray(pixels).save(place / f"{number:05}.png")
    return folder


def as_markdown(name: str, case: dict[str, Any]) -> str:
    """A heading, a table and what the comparison says."""
    rows = [
        "| method | test | sd | 95 % interval | against the best | training | trained / all |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in case["methods"]:
        if row["value"] is None:
            rows.append(f"| {row['title']} | – | | | {'; '.join(row['problems'])[:120]} | | |")
            continue
        spread = "" if row["spread"] is None else f"{row['spread']:.3f}"
        size = f"{row['trained']:,} / {row['parameters']:,}" if row["parameters"] else ""
        rows.append(
            f"| {row['title']} | {row['value']:.3f} | {spread} | {row['low']:.3f} to {row['high']:.3f} "
            f"| {row['verdict']} | {row['seconds']:.0f} s | {size} |"
        )
    seeds = max((len(row["seeds"]) for row in case["methods"]), default=0)
    what = f"{case['metric']} on {case['items']} test items, {seeds} seeds, {case.get('seconds', 0)} s in all."
    head = f"### {name}\n\n{what}"
    return "\n".join([head, "", *rows, "", *case["sentences"], ""])


def write(file: Path, found: dict[str, Any]) -> None:
    text = file.read_text(encoding="utf-8")
    body = "\n".join(as_markdown(name, case) for name, case in found.items())
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Methods side by side\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    file.write_text(f"{before}{BEGIN}\n\n{body}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
