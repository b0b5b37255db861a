"""Labels that a run has given to samples without any: written by its worker, looked at and struck out by its user.

    runs/7/pseudo_labels/round-1.json   what was accepted: item, class, confidence
                         veto-1.json    what the user struck out of it; its presence says that somebody has looked

A run that is to be looked at parks after each round, so that it blocks nobody, and goes on when it is resumed.
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio.api.errors import ProjectError, UsageError
from tlstudio.control import Parked

if TYPE_CHECKING:
    from tlstudio.project import DatasetInfo, Item, Project

FOLDER = "pseudo_labels"  # in the folder of a run
REASON = "review"  # the kind of reason for which a run parks that waits to be looked at
_SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """``item``: its id in the project; ``confidence``: calibrated probability of ``label``, 0 to 1."""

    item: int
    label: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class Round:
    """``number`` from 1. ``classes``: all of the task's, in their order. ``asks``: the run waits until somebody has
    looked at it; ``vetoed``: what was struck out then, ``None`` before.
    """

    number: int
    classes: tuple[str, ...]
    accepted: tuple[Accepted, ...]
    asks: bool = False
    vetoed: frozenset[int] | None = None

    def by_class(self) -> dict[str, list[Accepted]]:
        """Of each class the surest first; classes of which nothing was accepted are there, too."""
        found: dict[str, list[Accepted]] = {name: [] for name in self.classes}
        for one in sorted(self.accepted, key=lambda one: (-one.confidence, one.item)):
            found[one.label].append(one)
        return found


# --- the worker's side ---------------------------------------------------------------------------------------


def write_round(run_dir: Path, found: Round) -> None:
    """Raises ``OSError``."""
    content = {
        "schema_version": _SCHEMA_VERSION,
        "round": found.number,
        "classes": list(found.classes),
        "asks": found.asks,
        "accepted": [
            {"item": one.item, "class": one.label, "confidence": round(one.confidence, 6)} for one in found.accepted
        ],
    }
    _write(_round_file(run_dir, found.number), content)


def vetoed_or_park(run_dir: Path, number: int) -> frozenset[int]:
    """What was struck out of a round. Raises :class:`Parked` where nobody has looked at it yet."""
    struck = _veto(run_dir, number)
    if struck is None:
        accepted = len(_read(run_dir, number).accepted)
        what = "sample was" if accepted == 1 else "samples were"
        raise Parked(
            f"Round {number} is to be looked at: {accepted:,} {what} given a label. Strike out what is wrong, on the "
            "page of the run or with 'tlstudio pseudo-labels'; resuming the run takes the others as they are.",
            REASON,
        )
    return struck


# --- the user's side -----------------------------------------------------------------------------------------


def rounds(run_dir: Path) -> list[Round]:
    """All that the run has accepted so far, oldest first. Raises ``ProjectError`` for a damaged file."""
    numbers = sorted(
        int(number)
        for path in (run_dir / FOLDER).glob("round-*.json")
        if (number := path.stem.removeprefix("round-")).isdecimal()
    )
    return [_read(run_dir, number) for number in numbers]


def waiting(run_dir: Path) -> Round | None:
    """The round that the run waits with, for somebody to look at it."""
    found = rounds(run_dir)
    return found[-1] if found and found[-1].asks and found[-1].vetoed is None else None


def veto(run_dir: Path, items: Iterable[int], number: int = 0) -> Round:
    """Strikes ``items`` (maybe none) out of the round that waits, which is then looked at. ``number``: which it is
    believed to be; 0: whichever it is.

    Raises ``UsageError`` where no round waits, or an item is none of those that were accepted in it.
    """
    found = waiting(run_dir)
    if found is None:
        raise UsageError(
            "No round of this run waits to be looked at. It asks after each round if it is trained with review=true; "
            "what was looked at once stays as it is."
        )
    if number not in (0, found.number):
        raise UsageError(f"Round {number} has been looked at already; round {found.number} waits now.")
    struck = set(items)
    if strange := sorted(struck - {one.item for one in found.accepted}):
        raise UsageError(f"Item {strange[0]} is none of those that were accepted in round {found.number}.")
    _write(_veto_file(run_dir, found.number), {"schema_version": _SCHEMA_VERSION, "items": sorted(struck)})
    return dataclasses.replace(found, vetoed=frozenset(struck))


def take(run_dir: Path) -> Round | None:
    """Resuming a run says that it may go on: of the round that waits nothing more is struck out. ``None`` where none
    waits; otherwise it, as it is now.
    """
    return None if waiting(run_dir) is None else veto(run_dir, ())


def taken(found: Round) -> str:
    """A sentence on what :func:`take` has done."""
    if not found.accepted:
        return f"Round {found.number} is looked at: no sample was given a label in it."
    labels = "its label is" if len(found.accepted) == 1 else f"all its {len(found.accepted):,} labels are"
    return f"Round {found.number} is taken as it is: {labels} learnt from, since none was struck out."


def samples_of(project: "Project", run_id: int, ids: Sequence[int]) -> "dict[int, tuple[DatasetInfo, Item]]":
    """The items by their ids, each with the data set that it is from; without those that are gone."""
    from tlstudio.training.spec import RunSpec

    spec = RunSpec.load(project.run_dir(run_id))
    names = [spec.unlabelled.dataset] if spec.unlabelled else []
    names += [spec.dataset] if spec.labels_per_class else []
    return {
        item.id: (info, item)
        for info in project.datasets()
        if info.name in names
        for item in project.items_of(info.name, ids)
    }


# --- files ---------------------------------------------------------------------------------------------------


def _round_file(run_dir: Path, number: int) -> Path:
    return run_dir / FOLDER / f"round-{number}.json"


def _veto_file(run_dir: Path, number: int) -> Path:
    return run_dir / FOLDER / f"veto-{number}.json"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(unfinished, path)


def _read(run_dir: Path, number: int) -> Round:
    path = _round_file(run_dir, number)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        classes = tuple(str(name) for name in content["classes"])
        accepted = tuple(
            Accepted(int(one["item"]), str(one["class"]), float(one["confidence"])) for one in content["accepted"]
        )
        if not {one.label for one in accepted} <= set(classes):
            raise ValueError("a class that there is not")
        asks = bool(content["asks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}. Train the run again to have it written anew.") from error
    return Round(number, classes, accepted, asks, _veto(run_dir, number))


def _veto(run_dir: Path, number: int) -> frozenset[int] | None:
    path = _veto_file(run_dir, number)
    try:
        return frozenset(int(item) for item in json.loads(path.read_text(encoding="utf-8"))["items"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}. Remove it to look at the round again.") from error
