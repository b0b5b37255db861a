"""Writes a run's checkpoints: each complete or not at all, seldom enough to cost next to nothing."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tlstudio.api.events import Checkpointed
from tlstudio.control import Parked
from tlstudio.training import checkpoint_files as files
from tlstudio.training import restore
from tlstudio.training.progress import Best
from tlstudio.training.tensors import Tensors, size_bytes

_SHORTEST_S, _COST_SHARE = 15.0, 150  # between two checkpoints: as long, and so many times as long as one takes
_KEPT = 2


class Saver:
    """One for each worker. ``seconds`` between checkpoints; negative: so that they take well under 1 % of the time."""

    def __init__(self, run_dir: Path, seconds: float) -> None:
        self._run_dir, self._folder, self._seconds = run_dir, run_dir / files.FOLDER, seconds
        self._folder.mkdir(exist_ok=True)
        self._serial = max([files.serial(folder) for folder in files.listed(run_dir)], default=0)
        self._last, self._cost = time.perf_counter(), 0.0
        self._best: tuple[dict[str, torch.Tensor], dict[str, Any]] | None = None  # as written, its manifest entry
        self._pinned: Path | None = None

    def adopt(self, found: files.Found, best: Best, description: dict[str, Any] | None) -> None:
        """After going on from ``found``: its best model is the run's again, and need not be written."""
        if found.best:
            self._best = best.state, files.describe(found.best, found.best_sha256)
            if description is not None:
                restore.publish_model(self._run_dir, found.best, description)
        self._pinned = self._folder / found.state["pinned"] if found.state.get("pinned") else None

    def due(self, share: float = 1.0) -> bool:
        """``share`` of the usual time has passed since the last one."""
        interval = self._seconds if self._seconds >= 0 else max(_SHORTEST_S, _COST_SHARE * self._cost)
        return time.perf_counter() - self._last >= share * interval

    def write(
        self,
        tensors: Tensors,
        state: dict[str, Any],
        step: int,
        best: Best,
        description: dict[str, Any] | None,
        *,
        pin: bool,
    ) -> Checkpointed:
        """``pin``: keep this one until another is pinned. Raises :class:`Parked` where the disk is full."""
        started = time.perf_counter()
        needed = size_bytes(tensors.values()) + size_bytes(best.state.values()) + 100_000
        try:
            pinned = files.name(step, self._serial + 1) if pin else self._pinned.name if self._pinned else ""
            written = self._write(tensors, {**state, "pinned": pinned}, step, best, description)
        except (OSError, SafetensorError) as error:
            if not files.is_disk_full(error):
                raise
            free = shutil.disk_usage(self._folder).free
            raise Parked(
                f"The disk that holds the project is full: the checkpoint of step {step} needs "
                f"{needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free. {self._what_is_left()} Make room, and "
                "resume the run.",
                "disk-full",
                needed,
            ) from error
        if pin:
            self._pinned = written
        self._prune()
        self._last = time.perf_counter()
        self._cost = self._last - started
        return Checkpointed(step=step, size_bytes=needed - 100_000, seconds=round(self._cost, 4))

    def keep_best(self, best: Best, description: dict[str, Any] | None) -> dict[str, Any] | None:
        """Writes the best model unless it is there already, and with a ``description`` makes it the run's model; its
        entry in a manifest.
        """
        if not best.state:
            return None
        if self._best is None or self._best[0] is not best.state:
            temporary = self._folder / ".best.tmp"
            save_file(best.state, temporary)
            sha256 = files.sha256_of(temporary, sync=True)
            target = self._folder / files.best_name(sha256)
            os.replace(temporary, target)
            self._best = best.state, files.describe(target, sha256)
            if description is not None:
                restore.publish_model(self._run_dir, target, description)
        return self._best[1]

    def newest(self) -> files.Found | None:
        return files.newest(self._run_dir)[0]

    def pinned(self) -> files.Found | None:
        """The checkpoint of the phase's beginning."""
        try:
            return files.read(self._pinned) if self._pinned else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def pin_newest(self) -> None:
        """The one that was written last is the phase's beginning."""
        self._pinned = max(files.listed(self._run_dir), key=files.serial, default=None)

    def forget_later_than(self, found: files.Found) -> None:
        """After a way back: what was written since belongs to the way that was given up."""
        for folder in files.listed(self._run_dir):
            if files.serial(folder) > found.serial:
                shutil.rmtree(folder, ignore_errors=True)

    def _write(
        self, tensors: Tensors, state: dict[str, Any], step: int, best: Best, description: dict[str, Any] | None
    ) -> Path:
        temporary = self._folder / f".step-{self._serial + 1}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            best_entry = self.keep_best(best, description)
            temporary.mkdir()
            save_file({name: _plain(tensor) for name, tensor in tensors.items()}, temporary / files.TENSORS)
            entries = [files.describe(temporary / files.TENSORS, _synced(temporary / files.TENSORS))]
            events = self._run_dir / files.EVENTS
            state = {**state, "events_bytes": _synced_size(events), "serial": self._serial + 1}
            sha256 = files.write_text(temporary / files.STATE, json.dumps(state))
            entries.append(files.describe(temporary / files.STATE, sha256))
            manifest = {"schema_version": files.SCHEMA_VERSION, "files": entries, "best": best_entry}
            files.write_text(temporary / files.MANIFEST, json.dumps(manifest, indent=1))
            files.sync_folder(temporary)
            final = self._folder / files.name(step, self._serial + 1)
            os.rename(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            (self._folder / ".best.tmp").unlink(missing_ok=True)
            raise
        files.sync_folder(self._folder)
        self._serial += 1
        return final

    def _prune(self) -> None:
        folders = sorted(files.listed(self._run_dir), key=files.serial)
        kept = {*folders[-_KEPT:], self._pinned}
        for folder in folders:
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        used = {_best_of(folder) for folder in folders if folder in kept}
        for path in self._folder.glob("best-*.safetensors"):
            if path.name not in used:
                path.unlink(missing_ok=True)

    def _what_is_left(self) -> str:
        last = self.newest()
        return f"The checkpoint of step {last.state['clock']['step']} is intact." if last else "There was none before."


def load(found: files.Found) -> Tensors:
    """CPU tensors by name."""
    loaded: Tensors = load_file(found.folder / files.TENSORS)
    return loaded


def load_best(found: files.Found, state: dict[str, Any]) -> Best:
    kept = state["best"]
    tensors = load_file(found.best) if found.best else {}
    return Best(tuple(kept["rank"]), tensors, kept["values"], kept["epoch"])


def best_state(best: Best) -> dict[str, Any]:
    return {"rank": list(best.rank), "values": best.values, "epoch": best.epoch}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Contiguous, on the CPU, and alone in its memory, as the file format wants it."""
    plain = tensor.detach().cpu().contiguous()
    whole = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
    return plain if whole else plain.clone()


def _synced(path: Path) -> str:
    return files.sha256_of(path, sync=True)


def _synced_size(path: Path) -> int:
    """Of the history, which must last as long as the checkpoint that points into it."""
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)


def _best_of(folder: Path) -> str:
    try:
        best = json.loads((folder / files.MANIFEST).read_text(encoding="utf-8"))["best"]
        return str(best["file"]) if best else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
