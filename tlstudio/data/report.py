"""What a data set is, as a JSON-able dictionary."""

from typing import Any

from tlstudio.project import Project

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
        "excluded": info.excluded,
        "split_note": info.split_note,
        "classes": [
            {"name": name, "items": info.class_counts[name], **info.class_split_counts[name]}
            for name in info.class_names
        ],
        "histogram": project.class_values(dataset) if info.task == "regression" else {},
        "encoding": info.encoding,
        "warnings": project.warnings(dataset),
        "skipped": info.skipped,
        "skipped_files": [
            {"path": file.path, "reason": file.reason} for file in project.problems(dataset, limit=_LISTED)
        ],
    }
