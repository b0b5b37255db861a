"""What the model that is tried takes and answers. Called in threads; no Qt here."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlstudio.api.errors import UsageError
from tlstudio.gui.pages.try_guess import TYPED
from tlstudio.prediction import several_views
from tlstudio.registry import Registry

ICONS = {"image": "image", "audio": "sound", "text": "text", "video": "film"}
VIEWS = 6  # of a sample, where several are wanted
LOOKS = f"The mean of up to {VIEWS} views of each {{}}: mirrored, cut at its corners, or shifted"
MOST = 2000  # samples at once
_CAPTION = 400  # characters of a text


@dataclasses.dataclass(frozen=True)
class Subject:
    """Ids of a task and a modality."""

    task: str = "classification"
    modality: str = "image"


def of_run(folder: Path) -> Subject:
    """As the description beside a run's model says; earlier ones were of pictures."""
    try:
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return Subject(str(content.get("task", "classification")), str(content.get("modality", "image")))
    except (OSError, ValueError, AttributeError):
        return Subject()  # what is wrong with it is said when it is asked


def one_way(registry: Registry, subject: Subject, backbone: str) -> str:
    """Why a sample can be looked at in one way only; empty where there are several, or ``backbone`` is not known."""
    try:
        flip_safe = registry.backbone(backbone).flip_safe if backbone else True
    except UsageError:
        flip_safe = True  # the job will say what is missing
    return several_views.one_way(modality=subject.modality, task=subject.task, parameters={}, flip_safe=flip_safe)


def question(model: str, waiting: Sequence[str], views: int, out: str = "") -> dict[str, Any]:
    """Arguments of the job ``predict``. ``out``: a folder for masks."""
    return {
        "model": model,
        "files": [path for path in waiting if not path.startswith(TYPED)],
        "typed": [path.removeprefix(TYPED) for path in waiting if path.startswith(TYPED)],
        "top": 3,
        **({"views": views} if views > 1 else {}),
        **({"out": out} if out else {}),
    }


def suffixes_of(registry: Registry, modality: str) -> tuple[str, ...]:
    """Of one modality; of all where there is none of that name."""
    known = {one.id: one.suffixes for one in registry.modalities()}
    return known.get(modality) or tuple(suffix for suffixes in known.values() for suffix in suffixes)


def samples_in(paths: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    """The files themselves, whatever their names; of folders, the samples in them, hidden ones left out."""
    found: list[str] = []
    wanted = frozenset(suffixes)
    for name in paths:
        path = Path(name)
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(one for one in folders if not one.startswith("."))
                fitting = (one for one in sorted(names) if os.path.splitext(one)[1].lower() in wanted)
                found += [os.path.join(folder, one) for one in fitting if not one.startswith(".")]
        elif path.is_file():
            found.append(str(path))
    return list(dict.fromkeys(found))[:MOST]


def beginnings(paths: Sequence[str]) -> dict[str, str]:
    """Of files of text; those that cannot be read are left out, and said when the model is asked."""
    found = {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read(4 * _CAPTION)
        except OSError:
            continue
        found[path] = content.decode("utf-8-sig", "replace")[:_CAPTION]
    return found
