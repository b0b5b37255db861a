"""Whether an interrupted run can go on, and if not, exactly why. No torch here."""

import shutil
from pathlib import Path

from tlstudio import locks
from tlstudio.api.errors import DataError, PluginError, TrainingError, UsageError
from tlstudio.api.events import Finished
from tlstudio.jobs import not_to_be_had
from tlstudio.locks import LOCK
from tlstudio.project import Project, Run
from tlstudio.project.run_files import last_terminal_event
from tlstudio.registry import Plugin, Registry
from tlstudio.run_row import ALIVE
from tlstudio.training.spec import OtherData, RunSpec

_ROOM_BYTES = 64_000_000  # where nothing is known of the size of a checkpoint
_SPARE_BYTES = 4_000_000  # for the history, and for what others write meanwhile
_INSIST = "To go on all the same: --insist."


def check_resume(project: Project, registry: Registry, run_id: int, insist: bool = False) -> None:
    """Returns where the run can go on. Raises a ``StudioError`` with the reason otherwise.

    ``insist`` accepts what differs and does not make it impossible: another version of a plugin, a plugin that only
    offered metrics, files that are missing or have changed (those that cannot be read are left out).
    """
    project.reconcile()
    run = project.run(run_id)
    who = locks.holder(run.dir / LOCK)
    if run.state in ALIVE or run.state == "finished":
        raise UsageError(not_to_be_had(run))
    if who is not None and last_terminal_event(run.dir) is None:
        raise UsageError(f"Run {run_id} is being worked on already by process {who.get('pid', '?')}. Stop it first.")
    check_parts(project, registry, run, insist)


def check_parts(project: Project, registry: Registry, run: Run, insist: bool = False) -> None:
    """The part of :func:`check_resume` that does not ask who works on the run."""
    spec = RunSpec.load(run.dir)
    _check_plugins(spec, registry, insist)
    _check_data(project, spec, insist)


def lacked_room(run_dir: Path) -> bool:
    """Whether its last worker ended because the disk was full, whatever could be written into the project about it."""
    said = last_terminal_event(run_dir)
    return isinstance(said, Finished) and said.status == "parked" and said.result.get("reason_kind") == "disk-full"


def room(run_dir: Path) -> tuple[int, int]:
    """Bytes that the run needs to go on (what it could not write, two more checkpoints, its best model), and bytes
    that are free.
    """
    said = last_terminal_event(run_dir)
    told = said.result.get("needed_bytes", 0) if isinstance(said, Finished) else 0
    sizes = [_size(folder) for folder in (run_dir / "checkpoints").glob("step-*")]
    best = [file.stat().st_size for file in (run_dir / "checkpoints").glob("best-*")]
    needed = 2 * max(sizes) + max(best, default=0) + _SPARE_BYTES if sizes else _ROOM_BYTES
    return max(needed, int(told) + _SPARE_BYTES if told else 0), shutil.disk_usage(run_dir).free


def has_room(run: Run) -> bool:
    needed, free = room(run.dir)
    return free >= needed


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _check_plugins(spec: RunSpec, registry: Registry, insist: bool) -> None:
    found = {plugin.name: plugin for plugin in registry.plugins}
    for name, version in spec.plugins.items():
        plugin = found.get(name)
        if plugin is None or plugin.state != "loaded":
            if not (insist and _has_parts(spec, registry)):
                raise PluginError(_missing(spec, name, version, plugin, offer=_has_parts(spec, registry)))
        elif version and plugin.version and plugin.version != version and not insist:
            raise TrainingError(
                f"Run {spec.run} was trained with version {version} of the plugin '{name}'; installed is "
                f"{plugin.version}, which may compute something else. Install {version} again to go on exactly as "
                f"before. {_INSIST}"
            )
    for kind, identifier in _parts(spec):
        registry.get(kind, identifier)


def _parts(spec: RunSpec) -> list[tuple[str, str]]:
    return [("backbones", spec.backbone), ("methods", spec.method), ("engines", spec.engine)]


def _has_parts(spec: RunSpec, registry: Registry) -> bool:
    known = {kind: {descriptor.id for descriptor in registry.all(kind)} for kind, _ in _parts(spec)}
    return all(identifier in known[kind] for kind, identifier in _parts(spec))


def _missing(spec: RunSpec, name: str, version: str, plugin: Plugin | None, *, offer: bool) -> str:
    what = f"the plugin '{name}'{f' {version}' if version else ''}"
    if plugin is not None and plugin.state == "disabled":
        text = f"Run {spec.run} needs {what}, which is switched off. Switch it on: tlstudio plugins enable {name}."
    elif plugin is not None:
        text = f"Run {spec.run} needs {what}, which could not be loaded; 'tlstudio plugins list' says why."
    else:
        text = f"Run {spec.run} needs {what}, which is not installed. Install it: tlstudio plugins install {name}."
    return f"{text} The run can be computed without it. {_INSIST}" if offer else text


def _check_data(project: Project, spec: RunSpec, insist: bool) -> None:
    names = [info.name for info in project.datasets()]
    if spec.dataset not in names:
        there = ", ".join(names) or "none"
        raise DataError(
            f"Run {spec.run} learns from the data set '{spec.dataset}', which is no longer in the project (there: "
            f"{there}). Restore the project from a backup, or train a new run."
        )
    own = OtherData(dataset=spec.dataset, revision=spec.revision, fingerprint=spec.data_fingerprint)
    for wanted in (own, spec.source, spec.unlabelled):
        if wanted is not None:
            _check_data_set(project, spec.run, wanted, insist)


def _check_data_set(project: Project, run: int, wanted: OtherData, insist: bool) -> None:
    manifest = project.manifest(wanted.dataset, wanted.revision)  # raises where its folder is missing
    if manifest.fingerprint != wanted.fingerprint:
        raise DataError(
            f"Revision {wanted.revision} of the data set '{wanted.dataset}' is not what it was when run {run} was "
            "created: its pictures, labels or splits are others. Train a new run for the data as they are now."
        )
    if insist:
        return
    if changes := project.changes(wanted.dataset, wanted.revision):
        raise DataError(
            f"The data set '{wanted.dataset}' is not as it was when run {run} began. {' '.join(changes)} Put the "
            f"files back to go on exactly as before. {_INSIST}"
        )
