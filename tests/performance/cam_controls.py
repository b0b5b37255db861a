"""CAM transfer on real data, with its whole table of controls.

    python tests/performance/cam_controls.py SHARED_DATA [--case written-to-spoken] [--seeds 3] [--set folds=4]
        [--set attention=symmetric] [--project KEEP.tlproj] [--out t.json]

Cases: ``written-to-spoken`` (unpaired: mnist_t10k to spoken digits as mel spectrograms), ``signs-to-spoken`` and
``spoken-to-signs`` (class-paired, both ways between pictures of hands and spoken digits), ``edges`` (instance-paired:
pictures of hands, whose Sobel edges the target network sees), ``missing`` (missing-modality: likewise, and the maps are
those of a student of the edges), ``kinds`` (several labels: which blood cells a picture holds), ``messages`` (the first
1,200 texts).

Speakers are kept apart, so that validation and test hold voices that nobody was trained on. The backbone is the one
that comes with the application. Each seed has a split of its own, whose test part is looked at once. ``--set`` changes
options, and makes a table of its own in ``--out``; a seed that is there already is not run again.
"""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tlstudio import runs
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.evaluation.controls import paired_interval
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events

SPOKEN = {"source": "fsdd_wav", "group_by": r"\d_([a-z]+)_\d"}
SIGNS = {"source": "sign_digits"}
CASES: dict[str, dict[str, Any]] = {
    "written-to-spoken": {"target": SPOKEN, "source": {"source": "mnist_t10k"}, "options": {"source_epochs": 1}},
    "signs-to-spoken": {"target": SPOKEN, "source": SIGNS, "options": {"variant": "class-paired"}},
    "spoken-to-signs": {"target": SIGNS, "source": SPOKEN, "options": {"variant": "class-paired"}},
    "edges": {"target": SIGNS, "options": {"variant": "instance-paired"}},
    "missing": {"target": SIGNS, "options": {"variant": "missing-modality"}},
    "kinds": {
        "target": {
            "source": "bccd/labels.csv", "task": "multilabel", "format": "csv",
            "options": {"label_columns": "kinds", "separator": "|"},
        },
        "options": {"target_epochs": 10, "folds": 2},
    },
    "messages": {
        "target": {"source": "text/SMSSpamCollection.tsv"}, "items": 1200, "backbone": "text-cnn",
        "options": {"target_epochs": 5, "attention_epochs": 10, "folds": 2},
    },
}  # fmt: skip


def result(events: Any) -> dict[str, Any]:
    *_, last = events
    if isinstance(last, Failed):
        raise SystemExit(last.sentence + "\n" + last.traceback)
    assert isinstance(last, Finished)
    return last.result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--case", choices=list(CASES), default="written-to-spoken")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="Option of the method.")
    parser.add_argument("--no-source", action="store_true", help="The backbone's weights as they are.")
    parser.add_argument("--project", type=Path, help="Where to keep the project; default: nowhere.")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    known: dict[str, Any] = (
        json.loads(given.out.read_text(encoding="utf-8")) if given.out and given.out.exists() else {}
    )
    tables: dict[str, Any] = known.setdefault(
        " ".join([given.case, *given.set, *(["--no-source"] if given.no_source else [])]), {}
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TLSTUDIO_HOME", str(Path(folder) / "home"))
        path = given.project or Path(folder) / "cam.tlproj"
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            if str(seed) not in tables:
                tables[str(seed)] = measure(path, seed, given)
                if given.out:
                    given.out.write_text(json.dumps(known, indent=1), encoding="utf-8")
    for split in ("val", "test"):
        show(split, list(tables.values()))


def measure(path: Path, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    case = CASES[given.case]
    wanted = {f"target-{seed}": case["target"]}
    if "source" in case and not given.no_source:
        wanted["source"] = case["source"]
    if not path.exists():
        Project.create(path).close()
    with Project.open(path) as project:
        known = {info.name for info in project.datasets()}
    for name, data in wanted.items():
        if name not in known:
            place = given.shared / data["source"]
            if "items" in case:
                place = first_lines(place, path.with_name(f"{path.stem}-{place.name}"), case["items"])
            own = {"seed": seed} if name != "source" else {}
            arguments = {**data, "project": str(path), "source": str(place), "name": name, **own}
            result(events_of("import-data", arguments, Control()))
    started = time.perf_counter()
    with Project.open(path) as project:
        run = runs.create_run(
            project,
            Registry.discover(),
            dataset=f"target-{seed}",
            backbone=case.get("backbone", "glyphnet"),
            method="cam-transfer",
            options=case["options"] | dict(setting.split("=", 1) for setting in given.set),
            source="source" if "source" in wanted else "",
            seed=seed,
            runtime=RuntimePreferences(device="cpu", workers=0, beside=True),
        )
        counts = project.dataset(f"target-{seed}").split_counts
    result(run_events(run.dir, Control()))
    controls = json.loads((run.dir / "controls.json").read_text(encoding="utf-8"))["splits"]
    return {"seed": seed, "counts": counts, "seconds": round(time.perf_counter() - started, 1), "splits": controls}


def first_lines(source: Path, place: Path, count: int) -> Path:
    with source.open(encoding="utf-8", newline="") as lines:
        place.write_text("".join(itertools.islice(lines, count)), encoding="utf-8", newline="")
    return place


def show(split: str, tables: list[dict[str, Any]]) -> None:
    """The metric: mean of the seeds, their standard deviation, and of each seed with its 95 % interval; the margin: in
    right answers, of all seeds' items together.
    """
    first = tables[0]["splits"][split]
    samples = ", ".join(str(t["splits"][split]["n"]) for t in tables)
    print(f"\n{split}: {first['metric']}, {samples} samples, seeds {', '.join(str(t['seed']) for t in tables)}")
    print(f"{'':36} {'mean ± spread':>14} {'of each seed (95 %)':60} the model minus it, points (95 %)")
    for number, row in enumerate(first["rows"]):
        rows = [t["splits"][split]["rows"][number] for t in tables]
        values = [r["value"] for r in rows]
        spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
        each = " ".join(
            f"{100 * r['value']:.1f} ({100 * r['value_low']:.0f}-{100 * r['value_high']:.0f})" for r in rows
        )
        counts = [t["splits"][split]["n"] for t in tables]
        margin = together(rows, counts) if "difference" in row else ""
        print(f"{row['title']:36} {100 * statistics.mean(values):8.1f}{spread:6} {each:60} {margin}")
    for table in tables:
        found = table["splits"][split]
        print(f"seed {table['seed']} ({table['seconds']} s): {found['sentence']}")
        faithful = ", ".join(f"{name} {value:.3g}" for name, value in found["values"]["faithfulness"].items())
        print(f"  flips {found['values']['flips']}, T {found['values']['temperature']:.2f}, {faithful}")


def together(rows: list[dict[str, Any]], counts: list[int]) -> str:
    """The margin over all seeds' items; by their wins and losses, where an answer is right or wrong."""
    won, lost = (sum(row[what] for row in rows) for what in ("won", "lost"))
    differences = np.zeros(sum(counts))
    differences[:won], differences[won : won + lost] = 1, -1
    mean = float(np.average([row["difference"] for row in rows], weights=counts))
    if abs(mean - differences.mean()) > 1e-6:  # shares of labels that are right
        return "; ".join(
            f"{100 * r['difference']:+.1f} ({100 * r['low']:+.1f} to {100 * r['high']:+.1f})" for r in rows
        )
    low, high = paired_interval(differences)
    return f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


if __name__ == "__main__":
    main()
