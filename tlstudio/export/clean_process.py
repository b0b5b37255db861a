"""Asks :mod:`tlstudio.export.verify`, in a process that knows nothing but the exported file."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np

from tlstudio.api.errors import ExportError
from tlstudio.api.events import Event, Progress
from tlstudio.api.exporter import ExporterDescriptor, ModelCard
from tlstudio.control import Control
from tlstudio.export.compare import Answers

_LISTEN_EVERY = 0.2  # seconds


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the file said, from the samples' files and from the given inputs, and its own card."""

    from_files: Answers
    from_inputs: Answers
    card: ModelCard


def ask(
    control: Control,
    exporter: ExporterDescriptor,
    path: Path,
    samples: Sequence[str],
    folder: Path,
    nouns: str = "pictures",
) -> Generator[Event, None, Answer]:
    """``folder`` holds ``inputs.npy``, what the samples become. Raises ``ExportError`` where the process fails, or
    needs torch against its word; ``StoppedByUser`` when asked to stop.
    """
    request = {
        "format": exporter.id,
        "factory": exporter.factory,
        "path": str(path),
        "samples": list(samples),
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    yield from _run(control, folder, len(samples), nouns)
    try:
        reply = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"The exported file could not be verified: {_last_words(folder)}") from error
    if "error" in reply:
        raise ExportError(
            f"The exported file could not be verified: {str(reply['error']).replace(str(path), path.name)}"
        )
    if reply["torch_imported"] and not exporter.predict_needs_torch:
        raise ExportError(
            f"Reading the exported file has imported torch, which the format '{exporter.id}' promises not to need."
        )
    with np.load(folder / "answer.npz") as arrays:
        return Answer(arrays["from_files"], arrays["from_inputs"], ModelCard.from_json(reply["card"]))


def _run(control: Control, folder: Path, total: int, nouns: str) -> Generator[Event, None, None]:
    with (folder / "progress").open("wb") as out, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tlstudio.export.verify", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        try:
            told = -1
            while process.poll() is None:
                control.raise_if_stopped()
                done = _done(folder / "progress")
                if done != told:
                    told = done
                    yield Progress(done=done, total=total, unit=nouns, text="Verifying in a clean process")
                try:
                    process.wait(_LISTEN_EVERY)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _done(progress: Path) -> int:
    lines = progress.read_text(encoding="utf-8").split("\n")[:-1]
    return int(lines[-1]) if lines and lines[-1].isdecimal() else 0


def _last_words(folder: Path) -> str:
    text = (folder / "errors").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[-1][:300].rstrip(".") if lines else "without a word"
    return f"the clean process ended early ({said})."
