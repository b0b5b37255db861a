"""CAM transfer from handwritten to spoken digits, with its whole table of controls.

    python tests/performance/cam_controls.py SHARED_DATA [--seeds 1] [--target-epochs 30] [--source-epochs 2]
                                             [--set level=last] [--no-source] [--out t.json]

Source: the 10,000 pictures of mnist_t10k; target: fsdd_wav, spoken digits as mel spectrograms, speakers kept apart by a
pattern on the file's name, so that validation and test hold voices that nobody was trained on. The backbone is the one
that comes with the application. Each seed has a split of its own. The test split is looked at once for each seed.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tlstudio import runs
from tlstudio.api.events import Failed, Finished
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events

SPEAKER = r"\d_([a-z]+)_\d"


def result(events: Any) -> dict[str, Any]:
    *_, last = events
    if isinstance(last, Failed):
        raise SystemExit(last.sentence + "\n" + last.traceback)
    assert isinstance(last, Finished)
    return last.result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--target-epochs", type=int, default=30)
    parser.add_argument("--source-epochs", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="Option of the method.")
    parser.add_argument("--no-source", action="store_true", help="The backbone's weights as they are.")
    parser.add_argument("--project", type=Path, help="Where to keep the project; default: nowhere.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TLSTUDIO_HOME", str(Path(folder) / "home"))
        path = arguments.project or Path(folder) / "cam.tlproj"
        tables = [measure(path, seed, arguments) for seed in range(arguments.seeds)]
    if arguments.out:
        arguments.out.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    for split in ("val", "test"):
        show(split, tables)


def measure(path: Path, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    if not path.exists():
        Project.create(path).close()
    spoken = f"spoken-{seed}"
    with Project.open(path) as project:
        known = {info.name for info in project.datasets()}
    if "written" not in known and not arguments.no_source:
        _import(path, "written", arguments.shared / "mnist_t10k")
    if spoken not in known:
        _import(path, spoken, arguments.shared / "fsdd_wav", group_by=SPEAKER, seed=seed)
    options: dict[str, Any] = {"target_epochs": arguments.target_epochs, "source_epochs": arguments.source_epochs}
    options |= dict(setting.split("=", 1) for setting in arguments.set)
    started = time.perf_counter()
    with Project.open(path) as project:
        run = runs.create_run(
            project,
            Registry.discover(),
            dataset=spoken,
            backbone="glyphnet",
            method="cam-transfer",
            options=options,
            source="" if arguments.no_source else "written",
            seed=seed,
            runtime=RuntimePreferences(device="cpu", workers=0, beside=True),
        )
        counts = project.dataset(spoken).split_counts
    result(run_events(run.dir, Control()))
    controls = json.loads((run.dir / "controls.json").read_text(encoding="utf-8"))["splits"]
    return {"seed": seed, "counts": counts, "seconds": round(time.perf_counter() - started, 1), "splits": controls}


def _import(path: Path, name: str, source: Path, **others: Any) -> None:
    arguments = {"project": str(path), "source": str(source), "name": name, **others}
    result(events_of("import-data", arguments, Control()))


def show(split: str, tables: list[dict[str, Any]]) -> None:
    first = tables[0]["splits"][split]
    samples = ", ".join(str(t["splits"][split]["n"]) for t in tables)
    print(f"\n{split}: {first['metric']}, {samples} samples, seeds {', '.join(str(t['seed']) for t in tables)}")
    print(f"{'':36} {'mean':>6} {'of each seed':24} {'the model minus it, points (95 %)':36}")
    for number, row in enumerate(first["rows"]):
        rows = [t["splits"][split]["rows"][number] for t in tables]
        values = [r["value"] for r in rows]
        each = " ".join(f"{100 * v:.1f}" for v in values)
        margin = "; ".join(
            f"{100 * r['difference']:+.1f} ({100 * r['low']:+.1f} to {100 * r['high']:+.1f})"
            for r in rows
            if "difference" in r
        )
        print(f"{row['title']:36} {100 * statistics.mean(values):6.1f} {each:24} {margin}")
    for table in tables:
        found = table["splits"][split]
        print(f"seed {table['seed']} ({table['seconds']} s): {found['sentence']}")
        faithful = ", ".join(f"{name} {value:.3g}" for name, value in found["values"]["faithfulness"].items())
        print(f"  flips {found['values']['flips']}, T {found['values']['temperature']:.2f}, {faithful}")


if __name__ == "__main__":
    main()
