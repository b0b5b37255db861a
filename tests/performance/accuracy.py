"""Test accuracy of both methods over several seeds, each with its own split, on a folder of pictures.

    python tests/performance/accuracy.py FOLDER --backbone mobilenet_v2 --weights FILE.pth [--seeds 5]

The seed decides the split (70/15/15, stratified) and everything random in the run. Random weights stand beside the
imported ones: a run that lands near them did not use its weights.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tlstudio import jobs, runs
from tlstudio.api.events import Failed, Finished
from tlstudio.project import Project
from tlstudio.registry import Registry

ROWS = (("feature-extraction", "none"), ("feature-extraction", "measured"), ("fine-tuning", "measured"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TLSTUDIO_HOME"] = temporary + "/home"
        weights = {"backbone": arguments.backbone, "file": str(arguments.weights.absolute()), "name": "measured"}
        _result(jobs.start("import-weights", weights))
        registry = Registry.discover(safe_mode=True)
        with Project.create(Path(temporary) / "p.tlproj") as project:
            found: dict[tuple[str, str], list[float]] = {row: [] for row in ROWS}
            for seed in range(arguments.seeds):
                where = {"project": str(project.path), "source": str(arguments.folder.absolute())}
                _result(jobs.start("import-data", {**where, "name": f"seed {seed}", "seed": seed}))
                for method, chosen in ROWS:
                    run = runs.create_run(
                        project,
                        registry,
                        dataset=f"seed {seed}",
                        backbone=arguments.backbone,
                        method=method,
                        weights_id=chosen,
                        seed=seed,
                    )
                    result = _result(jobs.start_run(project, run.id, registry))
                    accuracy, seconds = result["metrics"]["test"]["accuracy"], result["seconds"]["total"]
                    found[method, chosen].append(100 * accuracy)
                    print(
                        f"seed {seed} {method:18} {chosen:9} test {100 * accuracy:5.1f} %  {seconds:6.1f} s", flush=True
                    )
    for (method, chosen), values in found.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(
            f"{method:18} {chosen:9} mean {statistics.mean(values):5.1f} %, sd {spread:4.1f} over {len(values)} seeds"
        )


def _result(job: jobs.Job) -> dict[str, Any]:
    *_, last = job
    if isinstance(last, Failed):
        raise SystemExit(last.sentence)
    assert isinstance(last, Finished)
    return last.result


if __name__ == "__main__":
    main()
