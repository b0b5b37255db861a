"""What the doctor finds of faults that were planted (planting.py): precision and recall of each kind.

    python tests/performance/planted_faults.py [--data ../shared/data] [--sets trashnet,sign_digits] [--seeds 0]
        [--backbone mobilenet_v2@shared] [--quick] [--json FILE]

Weights of the backbone have to be on this machine (``tlstudio weights import``). Pairs that are found beside the
planted ones are compared with those that the doctor finds in the source itself: real data have near duplicates of
their own. Goals: recall 0.95 for duplicates and leaks; for wrong labels an average precision of at least three times
their share.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from planting import plant

from tlstudio import jobs
from tlstudio.api.events import Failed, Finished
from tlstudio.project import Project

Pair = frozenset[str]
_SPLIT = re.compile(r" \((train|val|test)\)$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--sets", default="trashnet,sign_digits")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--backbone", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    for name in given.sets.split(","):
        with tempfile.TemporaryDirectory(prefix="tlstudio-planted-") as folder:
            seeds = [int(seed) for seed in given.seeds.split(",")]
            rows += measure(given.data / name, Path(folder), seeds, given.backbone, given.quick)
    header = ("data set", "seed", "kind", "planted", "found", "recall", "reported", "precision", "seconds")
    print(" | ".join(header))
    for row in rows:
        print(" | ".join(f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in header))
    for row in rows:
        for detail in row["details"]:
            print(f"{row['data set']}, seed {row['seed']}, {row['kind']}: {detail}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(source: Path, folder: Path, seeds: list[int], backbone: str, quick: bool) -> list[dict[str, Any]]:
    rows = []
    with Project.create(folder / "p.tlproj") as project:
        clean = pairs(examined(project, source, "source", "", backbone, quick), ("near-duplicates", "near-leaks"))
        own = {frozenset(plain(path) for path in pair) for pair in clean}
        for seed in seeds:
            truth = plant(source, folder / f"planted {seed}", seed)
            began = time.monotonic()
            data = folder / f"planted {seed}" / "data"
            report = examined(project, data, f"planted {seed}", "folders", backbone, quick)
            base = {"data set": source.name, "seed": seed, "seconds": time.monotonic() - began}
            rows += [{**base, **row} for row in compared(report, truth, own)]
    return rows


def compared(report: dict[str, Any], truth: dict[str, Any], own: set[Pair]) -> list[dict[str, Any]]:
    """``own``: near duplicates of the source."""
    rows = []
    for kind, planted_kind in (("near-duplicates", "duplicates"), ("near-leaks", "leaks")):
        wanted = {frozenset((entry["original"], entry["copy"])): entry for entry in truth[planted_kind]}
        found = pairs(report, (kind,))
        others = [pair for pair in found if pair not in wanted and frozenset(plain(p) for p in pair) not in own]
        hits = [pair for pair in wanted if pair in found]
        missed = [
            f"missed {e['copy']} of {e['original']}: {e['kind']} {e['detail']}"
            for pair, e in wanted.items()
            if pair not in found
        ]
        surplus = [f"not planted, and not in the source: {' = '.join(sorted(pair))}" for pair in others]
        rows.append({
            "kind": planted_kind, "planted": len(wanted), "found": len(hits), "recall": len(hits) / len(wanted),
            "reported": len(found), "precision": len(hits) / max(1, len(hits) + len(others)),
            "details": [*missed, *surplus],
        })  # fmt: skip
    return [*rows, wrong_labels(report, truth)]


def examined(project: Project, source: Path, name: str, splits: str, backbone: str, quick: bool) -> dict[str, Any]:
    finish("import-data", {"project": str(project.path), "source": str(source), "name": name, "splits": splits,
                           "near": False})  # fmt: skip
    finish("doctor", {"project": str(project.path), "dataset": name, "backbone": backbone, "quick": quick})
    report = project.report(name)
    assert report is not None
    return report


def finish(job: str, arguments: dict[str, Any]) -> None:
    *_, last = jobs.start(job, arguments)
    if isinstance(last, Failed):
        raise SystemExit(f"{last.sentence}\n{last.traceback}")
    assert isinstance(last, Finished)


def pairs(report: dict[str, Any], kinds: tuple[str, ...]) -> set[Pair]:
    """Of paths, as the notes of the items name them."""
    found = set()
    for finding in report["findings"]:
        if finding["kind"] in kinds:
            for item in finding["items"]:
                others = item["note"].removeprefix("The same as ").removesuffix(".").split(", ")
                found.update(frozenset((item["path"], _SPLIT.sub("", other))) for other in others)
    return found


def plain(path: str) -> str:
    """``train/metal/glass-glass1.jpg`` as it is called in the source: ``glass/glass1.jpg``."""
    parts = path.split("/")
    return parts[-1].replace("-", "/", 1) if len(parts) == 3 else path


def wrong_labels(report: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    """Average precision of the ranking over all items; what is not listed comes last, in no order."""
    wrong = {entry["path"] for entry in truth["wrong_labels"]}
    listed = [item["path"] for f in report["findings"] if f["kind"] == "label-errors" for item in f["items"]]
    total, hits, precision = truth["items"], 0, 0.0
    for rank, path in enumerate(listed, 1):
        if path in wrong:
            hits += 1
            precision += hits / rank
    precision += (len(wrong) - hits) * len(wrong) / total  # at the end of the ranking, the share of wrong ones
    average, share = precision / len(wrong), len(wrong) / total
    return {
        "kind": "wrong labels", "planted": len(wrong), "found": hits, "recall": hits / len(wrong),
        "reported": len(listed), "precision": hits / max(1, len(listed)),
        "details": [f"average precision {average:.3f}, {average / share:.1f} times the share of wrong labels "
                    f"({share:.4f})"],
        "average precision": average,
    }  # fmt: skip


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
