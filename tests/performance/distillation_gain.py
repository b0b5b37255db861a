"""What a teacher brings: a small student with and without MobileNetV2 as its teacher, under the same schedule.

    python tests/performance/distillation_gain.py FOLDER [FOLDER ...] --weights FILE.pth [--seeds 3]
        [--student mobilenet_v1_025] [--methods distillation distillation-dkd] [--out gain.json]

For each folder of class folders and each seed (which decides the split, 70/15/15, and everything random): the teacher
is MobileNetV2, fine-tuned (``--teacher-epochs 0``: with a fitted head alone); the student begins with random weights
and is trained by the labels alone (fine-tuning in one stage), and once by each method with the teacher. Epochs, rate,
batch, augmentation and averaging are the same for all of them; the model is chosen on validation; figures are of the
test split. The gain's interval is of a paired bootstrap of the test items within each seed (95 %), which says nothing
of the spread over seeds; that stands beside it. ``--out`` is written after every run, and what it holds already is not
run again.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio import jobs, runs
from tlstudio.api.events import Failed, Finished
from tlstudio.evaluation import load_predictions
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences

TEACHER, RESAMPLES = "mobilenet_v2", 10_000
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--student", default="mobilenet_v1_025")
    parser.add_argument("--methods", nargs="+", default=["distillation"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--augmentation", default="light")
    parser.add_argument("--teacher-epochs", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("distillation_gain.json"))
    arguments = parser.parse_args()
    known: list[Record] = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.is_file() else []
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TLSTUDIO_HOME"] = temporary + "/home"
        weights = {"backbone": TEACHER, "file": str(arguments.weights.absolute()), "name": "measured"}
        _result(jobs.start("import-weights", weights))
        with Project.create(Path(temporary) / "p.tlproj") as project:
            for folder in arguments.folders:
                for seed in range(arguments.seeds):
                    known += _seed(project, folder.absolute(), seed, arguments, known)
    print(_table(known))


def _seed(project: Project, folder: Path, seed: int, given: argparse.Namespace, known: list[Record]) -> list[Record]:
    """All runs of one data set and seed that are not known yet."""
    done = {r["method"] for r in known if (r["data"], r["seed"], r["student"]) == (folder.name, seed, given.student)}
    methods = [m for m in ("fine-tuning", *given.methods) if m not in done]
    if not methods:
        return []
    name = f"{folder.name} {seed}"
    _result(
        jobs.start("import-data", {"project": str(project.path), "source": str(folder), "name": name, "seed": seed})
    )
    found: list[Record] = []
    schedule = {
        "epochs": given.epochs, "learning_rate": given.rate, "batch_size": given.batch, "patience": 0,
        "augmentation": given.augmentation, "batch_norm": "train", "stages": "one",
    }  # fmt: skip
    how, kind = {"epochs": given.teacher_epochs}, "fine-tuning"
    if not given.teacher_epochs:
        how, kind = {}, "feature-extraction"
    taught = _train(project, name, seed, TEACHER, kind, how, "measured")
    for method in methods:
        alone = method == "fine-tuning"
        options = {**schedule, "stage_decay": 1.0} if alone else schedule
        teacher = "" if alone else f"run:{taught['run']}"
        record = _train(project, name, seed, given.student, method, options, "none", teacher)
        record.update(data=folder.name, student=given.student, schedule=schedule, teacher=taught)
        found.append(record)
        given.out.write_text(json.dumps([*known, *found], indent=1), encoding="utf-8")
    return found


def _train(
    project: Project, dataset: str, seed: int, backbone: str, method: str, options: Record, weights: str,
    teacher: str = "",
) -> Record:  # fmt: skip
    registry = Registry.discover(safe_mode=True)
    run = runs.create_run(
        project, registry, dataset=dataset, backbone=backbone, method=method, options=options, weights_id=weights,
        teacher=teacher, seed=seed, runtime=RuntimePreferences(beside=True),
    )  # fmt: skip
    result = _result(jobs.start_run(project, run.id, registry))
    answers = load_predictions(run.dir, "test")
    right = (answers["outputs"].argmax(1) == answers["targets"]).astype(int)
    seconds = result["seconds"]["total"]
    print(f"{dataset:16} {backbone:18} {method:22} test {100 * right.mean():5.1f} %  {seconds:7.1f} s", flush=True)
    return {
        "run": run.id, "seed": seed, "method": method, "seconds": seconds, "accuracy": float(right.mean()),
        "right": dict(zip(map(str, answers["item_ids"].tolist()), right.tolist(), strict=True)),
    }  # fmt: skip


def _table(known: list[Record]) -> str:
    lines = [
        "| data | student | method | seeds | teacher, % | student, % (sd) | gain, points | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups = sorted({(r["data"], r["student"], r["method"]) for r in known})
    for data, student, method in groups:
        mine = [r for r in known if (r["data"], r["student"], r["method"]) == (data, student, method)]
        alone = {
            r["seed"]: r for r in known if (r["data"], r["student"], r["method"]) == (data, student, "fine-tuning")
        }
        values = [100 * r["accuracy"] for r in mine]
        spread = f" ({statistics.stdev(values):.1f})" if len(values) > 1 else ""
        taught = statistics.mean(100 * r["teacher"]["accuracy"] for r in mine)
        pairs = [(alone[r["seed"]]["right"], r["right"]) for r in mine if r["seed"] in alone]
        gain = interval = "" if method == "fine-tuning" or not pairs else "?"
        if gain:
            mean, low, high = _gain(pairs)
            gain, interval = f"{mean:+.1f}", f"{low:+.1f} to {high:+.1f}"
        shown = "labels alone" if method == "fine-tuning" else method
        lines.append(
            f"| {data} | {student} | {shown} | {len(values)} | {taught:.1f} | {statistics.mean(values):.1f}"
            f"{spread} | {gain} | {interval} |"
        )
    return "\n".join(lines)


def _gain(pairs: list[tuple[dict[str, int], dict[str, int]]]) -> tuple[float, float, float]:
    """Mean over seeds of the difference in percentage points, and its interval: items drawn anew within each seed."""
    random = np.random.default_rng(0)
    drawn, means = np.zeros(RESAMPLES), []
    for without, with_teacher in pairs:
        difference = np.array([100.0 * (with_teacher[item] - right) for item, right in without.items()])
        means.append(float(difference.mean()))
        picks = random.integers(len(difference), size=(RESAMPLES, len(difference)))
        drawn += difference[picks].mean(1) / len(pairs)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(np.mean(means)), float(low), float(high)


def _result(job: jobs.Job) -> dict[str, Any]:
    *_, last = job
    if isinstance(last, Failed):
        raise SystemExit(last.sentence)
    assert isinstance(last, Finished)
    return last.result


if __name__ == "__main__":
    main()
