"""What the project knows of one item besides its row. Read in a thread."""

import dataclasses
from typing import TYPE_CHECKING

from tlstudio.project import ItemFilter

if TYPE_CHECKING:
    from tlstudio.project import Item, Project

_REVISIONS = 12  # of its history


@dataclasses.dataclass(frozen=True)
class Facts:
    """``meta``: names and values; ``in_group``: items of its group with itself; ``history``: sentences."""

    item_id: int
    meta: tuple[tuple[str, str], ...] = ()
    in_group: int = 0
    history: tuple[str, ...] = ()


def read_facts(project: "Project", dataset: str, item: "Item") -> Facts:
    in_group = project.view(dataset, ItemFilter(group=item.group)).count if item.group else 0
    return Facts(item.id, tuple(project.meta(dataset, item.id)), in_group, history(project, dataset, item))


def history(project: "Project", dataset: str, item: "Item") -> tuple[str, ...]:
    """What has become of the item, the latest first; nothing where nothing has."""
    found: list[str] = []
    later = item
    for info in project.revisions(dataset)[1 : 1 + _REVISIONS]:
        view = project.view(dataset, ItemFilter(ids=(item.id,), revision=info.revision))
        rows = view.page(0, 1)
        if not rows:
            found.append(f"Revision {info.revision + 1}: added")
            break
        then = rows[0]
        if then.value != later.value:
            found.append(f"Revision {info.revision + 1}: {then.label} → {later.label}")
        if then.split != later.split:
            found.append(f"Revision {info.revision + 1}: {then.split} → {later.split}")
        later = then
    return tuple(found)
