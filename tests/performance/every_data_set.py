"""One table over real data of every kind: import, what the doctor finds, both methods over several seeds, a baseline.

    python tests/performance/every_data_set.py SHARED_DATA [--seeds 3] [--epochs 4] [--only sms] [--out t.json]

Each seed has a split of its own. The figure is the metric that chooses the model, on the test split: mean over the
seeds, their standard deviation, and of the first seed the 95 % interval. Baselines look at the same splits: the
majority class or the mean of the training split, logistic regression (ridge) on raw features, Otsu's threshold for
membranes.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio import places, runs
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.control import Control
from tlstudio.data import decoding, masks
from tlstudio.project import Manifest, Project
from tlstudio.registry import Registry
from tlstudio.worker import events_of

CASES: dict[str, dict[str, Any]] = {
    "trashnet": {"source": "trashnet", "backbone": "mobilenet_v2:shared"},
    "sign_digits": {"source": "sign_digits", "backbone": "mobilenet_v2:shared"},
    "mnist_t10k": {"source": "mnist_t10k", "backbone": "glyphnet"},
    "bccd red cells (CSV)": {
        "source": "bccd/labels.csv", "backbone": "mobilenet_v2:shared", "task": "regression", "format": "csv",
        "options": {"number_columns": "red_cells"},
    },
    "bccd kinds (CSV)": {
        "source": "bccd/labels.csv", "backbone": "mobilenet_v2:shared", "task": "multilabel", "format": "csv",
        "options": {"label_columns": "kinds", "separator": "|"},
    },
    "bccd kinds (VOC)": {
        "source": "bccd", "backbone": "mobilenet_v2:shared", "task": "multilabel", "format": "voc",
    },
    "em_membrane": {"source": "em_membrane", "backbone": "mobilenet_v2:shared"},
    "fsdd_wav": {"source": "fsdd_wav", "backbone": "glyphnet", "group_by": r"\d_([a-z]+)_\d"},
    "sms": {"source": "text/SMSSpamCollection.tsv", "backbone": "text-ngrams"},
}  # fmt: skip


def result(events: Iterable[Event]) -> dict[str, Any]:
    *_, last = events
    if isinstance(last, Failed):
        raise SystemExit(last.sentence + "\n" + last.traceback)
    assert isinstance(last, Finished)
    return last.result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    wanted = [name for name in CASES if not arguments.only or name.split()[0] in arguments.only.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TLSTUDIO_HOME", str(Path(folder) / "home"))
        weights = arguments.shared / "weights" / "mobilenet_v2_tvkeys.pth"
        result(
            events_of("import-weights", {"backbone": "mobilenet_v2", "file": str(weights), "name": "shared"}, Control())
        )
        rows = [measure(name, arguments, Path(folder)) for name in wanted]
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(
        f"\n{'data':22} {'metric':18} {'feature extraction':28} {'fine-tuning':28} {'trivial':16} {'raw features':16}"
    )
    for row in rows:
        cells = [cell(row[key]) for key in ("feature-extraction", "fine-tuning", "trivial", "raw")]
        print(f"{row['name']:22} {row['metric']:18} {cells[0]:28} {cells[1]:28} {cells[2]:16} {cells[3]:16}")


def cell(values: list[Any]) -> str:
    if not values:
        return "–"
    numbers = [v[0] if isinstance(v, list) else v for v in values]
    text = f"{statistics.mean(numbers):.3f}"
    if len(numbers) > 1:
        text += f" ± {statistics.stdev(numbers):.3f}"
    return text + (f" [{values[0][1]:.3f}, {values[0][2]:.3f}]" if isinstance(values[0], list) else "")


def measure(name: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    case = dict(CASES[name])
    backbone, source = case.pop("backbone"), arguments.shared / case.pop("source")
    row: dict[str, Any] = {"name": name, "feature-extraction": [], "fine-tuning": [], "trivial": [], "raw": []}
    registry = Registry.discover(safe_mode=True)
    for seed in range(arguments.seeds):
        path = folder / f"{name.split()[0]}-{len(os.listdir(folder))}.tlproj"
        Project.create(path).close()
        asked = {"project": str(path), "source": str(source), "name": "data", "seed": seed, **case}
        asked.setdefault("splits", "0.7,0.15,0.15")
        started = time.monotonic()
        imported = result(events_of("import-data", asked, Control()))
        if seed == 0:
            say(f"== {name}: {imported['items']:,} items, {imported['task']}, {imported['splits']}, left out "
                f"{imported['skipped']}, {time.monotonic() - started:.1f} s. {imported['split_note']}")  # fmt: skip
            report = result(events_of("doctor", {"project": str(path), "dataset": "data", "quick": True}, Control()))
            for finding in report["findings"]:
                say(f"   {finding['severity']}: {finding['sentence']}")
        with Project.open(path) as project:
            for method in ("feature-extraction", "fine-tuning"):
                options = {} if method == "feature-extraction" else {"epochs": arguments.epochs}
                if imported["task"] == "segmentation":
                    options = {"epochs": 4 * arguments.epochs}
                run = runs.create_run(
                    project, registry, dataset="data", backbone=backbone, method=method, seed=seed, options=options
                )
                started = time.monotonic()
                metrics = result(events_of("train", {"run_dir": str(run.dir)}, Control()))["metrics"]["test"]
                metric = run.select_by
                row["metric"] = metric
                row[method].append([metrics[metric], metrics[f"{metric}_low"], metrics[f"{metric}_high"]])
                say(f"   seed {seed} {method}: test {metric} {metrics[metric]:.3f}, {time.monotonic() - started:.0f} s")
            saved = json.loads((run.dir / "results.json").read_text(encoding="utf-8"))["splits"]["test"]
            row["trivial"].append(saved["baseline"][metric])
            raw = raw_baseline(project.manifest("data"), metric)
            row["raw"] += [] if raw is None else [raw]
            say(f"   seed {seed} trivial {row['trivial'][-1]:.3f}, raw features {'–' if raw is None else f'{raw:.3f}'}")
    return row


def say(text: str) -> None:
    print(text, flush=True, file=sys.stderr)


# --- baselines -----------------------------------------------------------------------------------------------------


def raw_baseline(manifest: Manifest, metric: str) -> float | None:
    """Logistic regression or ridge on raw features; Otsu's threshold for masks."""
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, mean_absolute_error
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    train, test = manifest.splits["train"], manifest.splits["test"]
    if manifest.task == "segmentation":
        return otsu(manifest)
    scale: Callable[[], Any] = MaxAbsScaler if manifest.modality == "text" else StandardScaler
    x, z = raw_features(manifest.modality, train.paths, test.paths)
    if manifest.task == "classification":
        balanced = metric == "balanced_accuracy"
        strength = 10 if manifest.modality == "text" else 0.1
        model = LogisticRegression(C=strength, max_iter=1000, class_weight="balanced" if balanced else None)
        found = make_pipeline(scale(), model).fit(x, train.values).predict(z)
        return float((balanced_accuracy_score if balanced else accuracy_score)(test.values, found))
    y, truth = (np.array([json.loads(v) for v in part.values], dtype=object) for part in (train, test))
    if manifest.task == "regression":
        made = make_pipeline(scale(), RidgeCV(np.logspace(0, 5, 11))).fit(x, np.array(y.tolist(), float))
        return float(mean_absolute_error(np.array(truth.tolist(), float), made.predict(z)))
    rows = [
        np.array([[name in json.loads(v) for name in manifest.class_names] for v in part.values], int)
        for part in (train, test)
    ]
    made = make_pipeline(scale(), OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=1000))).fit(x, rows[0])
    return float(f1_score(rows[1], made.predict(z), average="macro", zero_division=0))


def raw_features(modality: str, train: list[str], test: list[str]) -> tuple[Any, Any]:
    if modality == "text":
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, max_features=20_000)
        texts = [[places.read_bytes(p).decode("utf-8", "replace") for p in part] for part in (train, test)]
        return words.fit_transform(texts[0]), words.transform(texts[1])
    if modality == "audio":
        return tuple(np.stack([sound_means(p) for p in part]) for part in (train, test))
    return tuple(np.stack([tiny(p) for p in part]) for part in (train, test))


def tiny(place: str) -> np.ndarray:
    """Grey pixels, 24 x 24."""
    from PIL import Image

    return np.asarray(Image.fromarray(decoding.read_rgb(place)).convert("L").resize((24, 24))).reshape(-1) / 255


def sound_means(place: str) -> np.ndarray:
    """Mean and spread of 40 bands of the logarithmic spectrum."""
    import io

    import soundfile

    samples, _ = soundfile.read(io.BytesIO(places.read_bytes(place)), always_2d=True)
    samples = np.pad(samples.mean(1), (0, 512))
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::128] * np.hanning(512)
    bands = np.log(np.abs(np.fft.rfft(frames))[:, 1:241].reshape(len(frames), 40, 6).mean(2) + 1e-4)
    return np.concatenate([bands.mean(0), bands.std(0)])


def otsu(manifest: Manifest) -> float:
    """The threshold of the training pictures' grey values; mean IoU of the two classes on the test split."""
    pixels = manifest.encoding.get("pixels", ())
    grey = {name: [decoding.read_rgb(p).mean(2) for p in manifest.splits[name].paths] for name in ("train", "test")}
    shares = np.bincount(np.concatenate([g.reshape(-1) for g in grey["train"]]).astype(int), minlength=256).astype(
        float
    )
    shares /= shares.sum()
    weight, mean = shares.cumsum(), (shares * np.arange(256)).cumsum()
    with np.errstate(all="ignore"):
        threshold = int(np.nanargmax((mean[-1] * weight - mean) ** 2 / (weight * (1 - weight))))
    found = []
    for flipped in (False, True):  # which side of it is the second class is decided on the training masks
        score = {}
        for name in ("train", "test"):
            reader, counts = masks.MaskReader(manifest.splits[name].values, manifest.root, pixels), np.zeros((2, 2))
            for position, picture in enumerate(grey[name]):
                np.add.at(counts, (reader.read(position), ((picture > threshold) != flipped).astype(int)), 1)
            both = np.diag(counts)
            score[name] = float((both / (counts.sum(0) + counts.sum(1) - both)).mean())
        found.append((score["train"], score["test"]))
    return max(found)[1]


if __name__ == "__main__":
    main()
