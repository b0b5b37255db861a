"""The project on disk: ``project.sqlite``, data sets with their revisions, and runs.

A project is a folder. It can be moved, zipped and opened elsewhere; data sets are referenced by their path
relative to the project where they lie there, and by their absolute path otherwise. No torch, no numpy here.
"""

from tlstudio.project.project import Project
from tlstudio.project.records import (
    EXCLUDED,
    ORDERS,
    PARTS,
    RUN_STATES,
    SPLITS,
    Change,
    DatasetInfo,
    Item,
    ItemDifference,
    ItemFilter,
    Manifest,
    RevisionDifference,
    RevisionInfo,
    Run,
    SkippedFile,
    SplitData,
)

__all__ = [
    "EXCLUDED",
    "ORDERS",
    "PARTS",
    "RUN_STATES",
    "SPLITS",
    "Change",
    "DatasetInfo",
    "Item",
    "ItemDifference",
    "ItemFilter",
    "Manifest",
    "Project",
    "RevisionDifference",
    "RevisionInfo",
    "Run",
    "SkippedFile",
    "SplitData",
]
