"""The main job on what the application ships: real handwritten digits, the bundled backbone, both methods."""

import os
import sys
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from tlstudio import jobs, runs
from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Failed, Finished, JobStarted, Message, Progress
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry

BACKBONE, METHODS = "glyphnet", ("feature-extraction", "fine-tuning")


def new_folder() -> Path:
    """A place for the demo's project that does not exist yet."""
    return Path(tempfile.mkdtemp(prefix="tlstudio-demo-")) / "digits.tlproj"


def has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def demo_job(control: Control, project: str) -> Generator[Event, None, dict[str, Any]]:
    """Creates ``project``, imports the digits, trains both methods, exports, verifies, predicts one picture."""
    path = Path(project)
    with Project.create(path) as created:
        yield from _write_pictures(path / "pictures", control)
        imported = yield from _sub(
            jobs.start("import-data", {"project": str(path), "source": str(path / "pictures"), "name": "digits"}),
            control,
        )
        registry = Registry.discover()
        table = []
        for method in METHODS:
            run = runs.create_run(created, registry, dataset="digits", backbone=BACKBONE, method=method)
            yield Message(text=f"Run {run.id}: {registry.method(method).title} of {BACKBONE}.")
            done = yield from _sub(jobs.start_run(created, run.id, registry), control)
            test = done["metrics"]["test"]
            table.append(
                {
                    "run": run.id,
                    "method": method,
                    "test_accuracy": test["accuracy"],
                    "test_accuracy_low": test["accuracy_low"],
                    "test_accuracy_high": test["accuracy_high"],
                    "val_accuracy": done["metrics"]["val"]["accuracy"],
                    "seconds": done["seconds"]["total"],
                }
            )
        best = max(table, key=lambda row: (row["val_accuracy"], -row["seconds"]))  # chosen on validation, never on test
        model = path / "exports" / "digits.onnx"
        exported = yield from _sub(
            jobs.start("export", {"project": str(path), "run": best["run"], "format": "onnx", "out": str(model)}),
            control,
        )
        picture = created.items("digits", split="test", limit=1)[0]
        predicted = yield from _sub(
            jobs.start("predict", {"model": str(model), "files": [str(path / "pictures" / picture.path)], "top": 3}),
            control,
        )
    return {
        "project": str(path),
        "dataset": imported,
        "table": table,
        "export": exported,
        "prediction": {"truth": picture.label, **predicted["predictions"][0]},
    }


def as_text(result: dict[str, Any]) -> str:
    """The demo's outcome as people read it."""
    splits = result["dataset"]["splits"]
    lines = [
        f"Data: {result['dataset']['items']:,} real handwritten digits; "
        f"training {splits['train']:,}, validation {splits['val']:,}, test {splits['test']:,}; seed 0",
        "",
        f"{'method':20} {'test accuracy':>14} {'95 % interval':>16} {'seconds':>8}",
    ]
    lines += [
        f"{row['method']:20} {100 * row['test_accuracy']:>12.1f} % "
        f"{100 * row['test_accuracy_low']:>7.1f} – {100 * row['test_accuracy_high']:.1f} % {row['seconds']:>8.1f}"
        for row in result["table"]
    ]
    e, p = result["export"], result["prediction"]
    lines += [
        "",
        f"Exported {e['path']} ({e['size_bytes'] / 1e6:.1f} MB), verified in a clean process on {e['images']} "
        f"pictures: largest logit difference {e['max_logit_difference']:.2g}, same class "
        f"{100 * e['class_agreement']:.1f} %.",
        f"Predicted {Path(p['file']).name}: {p['class']} with {100 * p['probability']:.1f} % (it is a {p['truth']}).",
        f"Look at it in the window: tlstudio {result['project']}",
    ]
    return "\n".join(lines)


def _write_pictures(folder: Path, control: Control) -> Generator[Event, None, None]:
    """scikit-learn's 1,797 digits (8 x 8, UCI ML hand-written digits) as PNG files of 32 x 32 in class folders."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    total = len(digits.target)
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        control.raise_if_stopped()
        target = folder / str(label)
        target.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray(np.clip(pixels * (255 / 16), 0, 255).astype(np.uint8))
        grey.resize((32, 32), Image.Resampling.BICUBIC).save(target / f"digit_{number:04d}.png")
        if number % 100 == 0 or number + 1 == total:
            yield Progress(done=number + 1, total=total, unit="pictures", text="Writing the digits")


def _sub(job: jobs.Job, control: Control) -> Generator[Event, None, dict[str, Any]]:
    """A job within this one: its events pass on, its result comes back, its failure is this one's."""
    last: Event | None = None
    for last in _stoppable(job, control):
        if not isinstance(last, JobStarted | Failed | Finished):
            yield last
    control.raise_if_stopped()
    if not isinstance(last, Finished):
        raise StudioError(last.sentence if isinstance(last, Failed) else "A part of the demo ended without a result.")
    if last.status == "parked":
        raise StudioError(str(last.result.get("reason", "A part of the demo was interrupted.")))
    return last.result


def _stoppable(job: jobs.Job, control: Control) -> Iterable[Event]:
    told = False
    for event in job:
        if control.stop_requested and not told:
            job.send("stop")
            told = True
        yield event
