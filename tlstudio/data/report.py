"""What a data set is (``describe``), and what is wrong with it (``doctor``), as JSON-able dictionaries."""

from typing import Any

from tlstudio.data.doctor import doctor
from tlstudio.project import Project

__all__ = ["describe", "doctor"]

_LISTED = 50


def describe(project: Project, dataset: str) -> dict[str, Any]:
    """Classes with counts for each split, how it was split, what was left out. Raises ``DataError``."""
    info = project.dataset(dataset)
    return {
        "dataset": info.name,
        "task": info.task,
        "modality": info.modality,
        "format": info.format,
        "revision": info.revision,
        "created": info.created,
        "root": str(info.root),
        "root_found": info.root_found,
        "items": info.profile.items,
        "splits": info.split_counts,
        "split_note": info.split_note,
        "classes": [
            {"name": name, "items": info.class_counts[name], **info.class_split_counts[name]}
            for name in info.class_names
        ],
        "warnings": project.warnings(dataset),
        "skipped": info.skipped,
        "skipped_files": [
            {"path": file.path, "reason": file.reason} for file in project.problems(dataset, limit=_LISTED)
        ],
    }
