"""The job ``doctor``: every stage one after the other, and the report that comes of it."""

import time
from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import UsageError
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.doctor import (
    blur,
    bonds,
    classes,
    copies,
    files,
    labels,
    near,
    networks,
    odd_masks,
    odd_pictures,
    odd_sounds,
    odd_texts,
    outliers,
    shifts,
    words,
)
from tlstudio.doctor.cache import DoctorCache, folder
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features, neighbours
from tlstudio.doctor.findings import Finding, Report
from tlstudio.project import Project
from tlstudio.registry import Registry

LISTED = 50  # items of each finding in the job's result; the saved report has all of them
_ORDER = ("problem", "warning", "note")
_QUICK = "Blur, cropped copies, wrong labels, outliers and shift: --quick leaves that out."


def doctor_job(
    control: Control, project: str, dataset: str, backbone: str = "", weights: str = "", quick: bool = False,
    against: str = "",
) -> Generator[Event, None, dict[str, Any]]:  # fmt: skip
    """Looks ``dataset`` over and saves the report in the project; returns it with at most 50 items of each finding.

    ``against``: the name of another data set to compare with. Raises ``StudioError``; nothing is saved then.
    """
    with Project.open(project) as opened:
        registry = Registry.discover()
        report = yield from examine(
            opened, registry, dataset, control, backbone=backbone, weights=weights, quick=quick, against=against
        )
        opened.save_report(dataset, dict(report))
    return {**report, "findings": [{**f, "items": f["items"][:LISTED]} for f in report["findings"]]}


def examine(
    project: Project, registry: Registry, dataset: str, control: Control, *, backbone: str = "", weights: str = "",
    quick: bool = False, against: str = "",
) -> Generator[Event, None, Report]:  # fmt: skip
    """The newest revision. What is computed is kept in the project's cache; asked again, it goes on there."""
    began = time.monotonic()
    if against:
        project.dataset(against)  # an unknown one is said at once
    if against and quick:
        raise UsageError(
            "Comparing with another data set needs a network, and --quick leaves that out. Take one of them."
        )
    cache = DoctorCache(folder(project.path, dataset))
    case = Case.open(project, registry, dataset, control, cache)
    findings = yield from files.look(case)
    findings += classes.look(case)
    findings += yield from _by_facts(case)
    features = None
    if quick:
        case.skipped.append(_QUICK)
    elif case.info.root_found:
        features = yield from networks.features(case, registry, backbone, weights)
    if not quick:
        findings += yield from blur.look(case)
    near_by = None if features is None else (yield from neighbours(case, features))
    pairs = yield from near.find(case, features, near_by)
    findings += copies.look(case, pairs)
    together = bonds.components(len(case.records), pairs, case.hashes, case.groups)
    if features is not None and near_by is not None:
        findings += yield from labels.look(case, features, together)
        findings += outliers.look(case, features, near_by)
        findings += yield from shifts.between_splits(case, features, together)
        if against:
            findings += yield from _against(case, registry, features, against, together)
        cache.prune()
    findings.sort(key=lambda found: _ORDER.index(found["severity"]))
    return {
        "dataset": dataset,
        "revision": case.info.revision,
        "items": len(case.records),
        "excluded": len(case.excluded),
        "root": str(case.info.root),
        "root_found": case.info.root_found,
        "healthy": all(found["severity"] == "note" for found in findings),
        "quick": quick,
        "backbone": features.backbone if features else "",
        "weights": features.weights if features else "",
        "against": against,
        "findings": findings,
        "pairs": [[case.records[a].id, case.records[b].id] for a, b in pairs.tolist()],
        "skipped": case.skipped,
        "likeness": case.likeness,
        "seconds": round(time.monotonic() - began, 3),
    }


def _by_facts(case: Case) -> Generator[Event, None, list[Finding]]:
    """What can be said without looking at the samples again."""
    match case.modality.id:
        case "image" | "video":
            found = odd_pictures.look(case)
        case "audio":
            found = odd_sounds.look(case)
        case "text":
            found = odd_texts.look(case)
        case _:
            found = []
    return [*found, *(yield from odd_masks.look(case))]


def _against(
    case: Case, registry: Registry, features: Features, name: str, together: npt.NDArray[np.int64]
) -> Generator[Event, None, list[Finding]]:
    other = case.project.dataset(name)
    if other.modality != case.info.modality:
        raise UsageError(
            f"'{name}' holds {other.modality} and '{case.info.name}' {case.info.modality}; they cannot be compared."
        )
    if features.backbone == words.NAME:
        case.skipped.append(f"The comparison with {name}: it needs a network for texts; name one with --backbone.")
        return []
    theirs = yield from networks.of_dataset(case, registry, name, features.backbone, features.weights)
    return (yield from shifts.between_datasets(case, features, theirs, name, together))
