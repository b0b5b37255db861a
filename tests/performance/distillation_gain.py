"""What a teacher brings: a small student with and without MobileNetV2 as its teacher, under the same schedule.

    python tests/performance/distillation_gain.py FOLDER [FOLDER ...] --weights FILE.pth [--seeds 0 1 2]
        [--labels-per-class 10] [--student resnet8] [--rows alone labelled pool dkd] [--out gain.json]

For each folder of class folders and each seed (which decides the split, which labels are kept, and everything random):
the teacher is MobileNetV2, fine-tuned on the labels that the student has (``--teacher-epochs 0``: with a fitted head
alone). The student begins with random weights and is trained by the labels alone (fine-tuning in one stage), and once
for each row of ``ROWS`` with the teacher. Steps, rate, batch, augmentation and averaging are the same for all of them;
an epoch over the pool (what ``--labels-per-class`` leaves over) is longer, so that those that leave it out are given as
many more. A step with the pool sees a batch of it beside the labelled one. Models are chosen on validation; figures are
of the test split, or with ``--validation`` of the validation split, which is the one to choose options by. The gain's
interval is of a paired bootstrap of the test items within each seed (95 %), which says nothing of the spread over
seeds; that stands beside it. ``--out`` is written after every run, and what it holds is not run again; the projects
lie beside it. ``--teacher-size``: pixels a side, where 224 is too slow.
"""

import argparse
import dataclasses
import json
import math
import os
import statistics
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio import runs
from tlstudio.api import hookimpl
from tlstudio.api.events import Event, Failed, Finished
from tlstudio.control import Control
from tlstudio.evaluation import load_predictions
from tlstudio.event_log import EventLog
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of

RESAMPLES = 10_000
Record = dict[str, Any]
ROWS: dict[str, tuple[str, Record]] = {
    "alone": ("fine-tuning", {"stages": "one", "stage_decay": 1.0}),
    "labelled": ("distillation", {"unlabelled": "leave"}),
    "pool": ("distillation", {}),
    "dkd": ("distillation-dkd", {}),
    "dist": ("distillation-dist", {}),
    "hints": ("distillation", {"features": "hints"}),
    "attention": ("distillation", {"features": "attention"}),
}
TITLES = {"alone": "labels alone", "labelled": "KD, labelled samples", "pool": "KD", "dkd": "DKD", "dist": "DIST",
          "hints": "KD and hints", "attention": "KD and attention"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--student", default="resnet8")
    parser.add_argument("--rows", nargs="+", default=["alone", "labelled", "pool"], choices=list(ROWS))
    parser.add_argument("--labels-per-class", type=int, default=0)
    parser.add_argument("--splits", default="0.7,0.15,0.15")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=60, help="over the pool, where there is one")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--augmentation", default="light")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for the student, where the row knows it")
    parser.add_argument("--label", default="", help="of the rows with these options")
    parser.add_argument("--teacher-epochs", type=int, default=15)
    parser.add_argument("--teacher-rate", type=float, default=1e-3)
    parser.add_argument("--teacher-size", type=int, default=224)
    parser.add_argument("--validation", action="store_true", help="figures of the validation split")
    parser.add_argument("--out", type=Path, default=Path("distillation_gain.json"))
    given = parser.parse_args()
    known: list[Record] = json.loads(given.out.read_text(encoding="utf-8")) if given.out.is_file() else []
    registry = Registry.discover(safe_mode=True)
    teacher = _sized(registry, given.teacher_size)
    keep = Path(str(given.out.absolute()) + ".projects")  # teachers are trained once
    os.environ["TLSTUDIO_HOME"] = str(keep / "home")
    if not keep.is_dir():
        keep.mkdir(parents=True)
        weights = {"backbone": teacher, "file": str(given.weights.absolute()), "name": "measured"}
        _result(events_of("import-weights", {**weights, "registry": registry}, Control()))
    for folder in given.folders:
        for seed in given.seeds:
            _seed(registry, teacher, keep, folder.absolute(), seed, given, known)
    print(_table(known))


def _sized(registry: Registry, size: int) -> str:
    """MobileNetV2 for inputs of another size; its id."""
    usual = registry.backbone("mobilenet_v2")
    if size == usual.input_size:
        return usual.id
    other = dataclasses.replace(usual, id=f"{usual.id}_{size}", input_size=size, weights=())
    module = types.ModuleType("sized")
    module.tlstudio_backbones = hookimpl(lambda: [other])  # type: ignore[attr-defined]
    registry.register("sized", module)
    return other.id


def _seed(
    registry: Registry, teacher: str, keep: Path, folder: Path, seed: int, given: argparse.Namespace,
    known: list[Record],
) -> None:  # fmt: skip
    """All runs of one data set and seed that are not known yet."""
    setting = f"{folder.name}, {given.labels_per_class or 'all'} labels a class, {given.augmentation}"
    rows = {row: TITLES[row] + (f" ({given.label})" if given.label and row != "alone" else "") for row in given.rows}
    done = {r["row"] for r in known if (r["setting"], r["seed"], r["student"]) == (setting, seed, given.student)}
    rows = {row: title for row, title in rows.items() if title not in done}
    if not rows:
        return
    name = f"{folder.name} {given.labels_per_class} {seed}"
    path = keep / f"{name}.tlproj"
    fresh = not path.is_dir()
    with Project.create(path) if fresh else Project.open(path) as project:
        if fresh:
            what = {"project": str(path), "source": str(folder), "name": name, "seed": seed, "splits": given.splits}
            _result(events_of("import-data", what, Control()))
            how: Record = {"epochs": given.teacher_epochs, "learning_rate": given.teacher_rate, "patience": 0}
            if given.teacher_size < 224:  # other statistics than those it was pretrained with
                how["batch_norm"] = "train"
            kind = "fine-tuning" if given.teacher_epochs else "feature-extraction"
            record = _train(
                project, registry, given, name, seed, teacher, kind, how if given.teacher_epochs else {}, "measured"
            )
            (path / "teacher.json").write_text(json.dumps(record), encoding="utf-8")
        taught = json.loads((path / "teacher.json").read_text(encoding="utf-8"))
        items = len(project.manifest(name).splits["train"].paths)
        labelled = min(items, given.labels_per_class * len(project.manifest(name).class_names) or items)
        longest = max(labelled, items - labelled)
        more = math.ceil(longest / given.batch) / math.ceil(labelled / given.batch)
        for row, title in rows.items():
            method, options = ROWS[row]
            fields = registry.method(method).options.model_fields
            asked = dict(entry.split("=", 1) for entry in given.set)
            schedule: Record = {
                "epochs": round(given.epochs * (more if row in ("alone", "labelled") else 1)),
                "learning_rate": given.rate, "batch_size": given.batch, "patience": 0,
                "augmentation": given.augmentation, "batch_norm": "train",
            }  # fmt: skip
            options = {**schedule, **options, **{k: v for k, v in asked.items() if k in fields}}
            from_run = "" if row == "alone" else f"run:{taught['run']}"
            record = _train(project, registry, given, name, seed, given.student, method, options, "none", from_run)
            record.update(setting=setting, row=title, student=given.student, options=options, teacher=taught)
            known.append(record)
            given.out.write_text(json.dumps(known, indent=1), encoding="utf-8")


def _train(
    project: Project, registry: Registry, given: argparse.Namespace, dataset: str, seed: int, backbone: str,
    method: str, options: Record, weights: str, teacher: str = "",
) -> Record:  # fmt: skip
    run = runs.create_run(
        project, registry, dataset=dataset, backbone=backbone, method=method, options=options, weights_id=weights,
        teacher=teacher, seed=seed, labels_per_class=given.labels_per_class,
        runtime=RuntimePreferences(device="cpu", precision="float32", beside=True, workers=0),
    )  # fmt: skip
    control = Control()
    with EventLog(run.dir, control) as log:  # what makes it a finished run, that can teach
        result = _result(_kept(events_of("train", {"run_dir": str(run.dir), "registry": registry}, control), log))
    split = "val" if given.validation else "test"
    answers = load_predictions(run.dir, split)
    right = (answers["outputs"].argmax(1) == answers["targets"]).astype(int)
    seconds = result["seconds"]["total"]
    print(f"{dataset:20} {backbone:18} {method:20} {split} {100 * right.mean():5.1f} %  {seconds:6.1f} s", flush=True)
    return {
        "run": run.id, "seed": seed, "method": method, "seconds": seconds, "accuracy": float(right.mean()),
        "right": dict(zip(map(str, answers["item_ids"].tolist()), right.tolist(), strict=True)),
    }  # fmt: skip


def _table(known: list[Record]) -> str:
    lines = [
        "| data | student | trained by | seeds | teacher, % | student, % (sd) | gain, points | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((r["setting"], r["student"], r["row"]) for r in known):
        setting, student, row = key
        mine = [r for r in known if (r["setting"], r["student"], r["row"]) == key]
        alone = {r["seed"]: r for r in known if (r["setting"], r["student"], r["method"]) == (*key[:2], "fine-tuning")}
        values = [100 * r["accuracy"] for r in mine]
        spread = f" ({statistics.stdev(values):.1f})" if len(values) > 1 else ""
        taught = statistics.mean(100 * r["teacher"]["accuracy"] for r in mine)
        pairs = [(alone[r["seed"]]["right"], r["right"]) for r in mine if r["seed"] in alone]
        gain = interval = ""
        if pairs and row != TITLES["alone"]:
            mean, low, high = _gain(pairs)
            gain, interval = f"{mean:+.1f}", f"{low:+.1f} to {high:+.1f}"
        lines.append(
            f"| {setting} | {student} | {row} | {', '.join(str(r['seed']) for r in mine)} | {taught:.1f} | "
            f"{statistics.mean(values):.1f}{spread} | {gain} | {interval} |"
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


def _kept(events: Iterable[Event], log: EventLog) -> Iterator[Event]:
    for event in events:
        log.write(event)
        yield event


def _result(events: Iterable[Event]) -> dict[str, Any]:
    *_, last = events
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)
    return last.result


if __name__ == "__main__":
    main()
