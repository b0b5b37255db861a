"""What a project can do with its data sets."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tlstudio.api.errors import DataError, StudioError
from tlstudio.project import backup, staging
from tlstudio.project.backing import Backing
from tlstudio.project.browsing import Browsing
from tlstudio.project.database import Database
from tlstudio.project.datasets import Datasets
from tlstudio.project.editing import Editing
from tlstudio.project.history import History
from tlstudio.project.records import (
    Change,
    DatasetInfo,
    Item,
    ItemFilter,
    Manifest,
    RevisionDifference,
    RevisionInfo,
    SkippedFile,
)
from tlstudio.project.reports import Reports
from tlstudio.project.views import ItemView


class DataSide:
    """Half of :class:`tlstudio.project.Project`; every method is safe from any thread."""

    def __init__(self, path: Path, database: Database, run_dir: Callable[[int], Path]) -> None:
        self.path = path
        self.database = database
        self.notices: list[str] = []
        self._datasets = Datasets(database, path)
        self._browsing = Browsing(database, path, run_dir)
        self._editing = Editing(database, path)
        self._history = History(database, path)
        self._reports = Reports(database, path)
        self._backing = Backing(self.back_up)

    def datasets(self) -> list[DatasetInfo]:
        return self._datasets.all()

    def dataset(self, name: str) -> DatasetInfo:
        """Raises :class:`DataError`, which names the data sets that there are."""
        return self._datasets.get(name)

    def view(self, dataset: str, wanted: ItemFilter = ItemFilter()) -> ItemView:  # noqa: B008 - frozen
        """The items that fit, in order, to be looked at page by page. Raises :class:`DataError` for a class, a run or
        a revision that there is not.
        """
        return self._browsing.view(dataset, wanted)

    def items(
        self, dataset: str, *, split: str = "", label: str = "", search: str = "", offset: int = 0, limit: int = 200
    ) -> list[Item]:  # fmt: skip
        """One page of the items that fit every filter, in a stable order. ``search`` is a part of the path or text."""
        return self.view(dataset, ItemFilter(split=split, label=label, search=search)).page(offset, limit)

    def count_items(self, dataset: str, *, split: str = "", label: str = "", search: str = "") -> int:
        return self.view(dataset, ItemFilter(split=split, label=label, search=search)).count

    def items_of(self, dataset: str, ids: Sequence[int]) -> list[Item]:
        """The items with these ids, in that order; without those that the newest revision does not have."""
        return self._browsing.items_of(dataset, ids)

    def ids_of(self, dataset: str, paths: Sequence[str]) -> list[int]:
        """The ids of the items with these paths. Raises :class:`DataError` for one that there is not."""
        return self._browsing.ids_of(dataset, paths)

    def splits_before_exclusion(self, dataset: str, ids: Sequence[int]) -> dict[int, str]:
        """The split that each of the items was last in, for those that were in one."""
        return self._browsing.splits_before_exclusion(dataset, ids)

    def meta(self, dataset: str, item_id: int) -> list[tuple[str, str]]:
        """More that is known of an item: the columns of its table, and what reading it has told."""
        return self._browsing.meta(dataset, item_id)

    def class_values(self, dataset: str) -> dict[str, dict[str, int]]:
        """For each split (excluded too, where there are such items) the number of items with each label; for
        regression a histogram of the first number, its bins named "low to high"; for segmentation of masks.
        """
        return self._browsing.class_values(dataset)

    def problems(self, dataset: str, offset: int = 0, limit: int = 1000) -> list[SkippedFile]:
        """What was left out of the data set when it was imported, and why."""
        return self._datasets.skipped(dataset, offset, limit)

    def warnings(self, dataset: str) -> list[str]:
        """Sentences about the data set as a whole, such as classes that are too small to split."""
        return self._datasets.warnings(dataset)

    def manifest(self, dataset: str, revision: int | None = None) -> Manifest:
        """Raises :class:`DataError` where the data set's folder is missing, naming it and the way out."""
        return self._datasets.manifest(dataset, revision)

    def changes(self, dataset: str, revision: int) -> list[str]:
        """Sentences about the files that are missing, unreadable or changed since the revision was made; none where
        all are as they were. Raises :class:`DataError` for an unknown data set.
        """
        return self._datasets.changes(dataset, revision)

    @property
    def file_records(self) -> Datasets:
        """The table behind the data sets, for reports that stream over every file."""
        return self._datasets

    # Changes

    def edit(self, dataset: str, changes: Sequence[Change], note: str, kind: str = "relabel") -> RevisionInfo:
        """Makes one revision of all the changes. Raises :class:`UsageError` where nothing would change, and
        :class:`DataError` for an item, a class or a value that cannot be; then nothing is changed.
        """
        return self._edited(self._editing.edit(dataset, changes, note, kind))

    def restore(self, dataset: str, revision: int, note: str = "") -> RevisionInfo:
        """Makes a new revision with the content of an earlier one: undo and redo are this."""
        return self._edited(self._editing.restore(dataset, revision, note))

    def resplit(
        self, dataset: str, assignments: Iterable[tuple[int, str]], split_note: str, warnings: Sequence[str] = ()
    ) -> RevisionInfo:  # fmt: skip
        """Makes a revision with (item id, split), and the sentences about it."""
        return self._edited(self._editing.resplit(dataset, assignments, split_note, warnings))

    def add_class(self, dataset: str, name: str) -> None:
        """A class that no item has yet; runs know it from the next revision on."""
        self._editing.add_class(dataset, name)
        self._backing.soon()

    def revisions(self, dataset: str) -> list[RevisionInfo]:
        """All of them, the newest first."""
        return self._history.revisions(dataset)

    def compare_revisions(self, dataset: str, a: int, b: int) -> RevisionDifference:
        return self._history.compare(dataset, a, b)

    def save_report(self, dataset: str, report: dict[str, Any]) -> None:
        """Replaces the doctor's report; ``ItemFilter.finding`` finds its items from now on."""
        self._reports.save(dataset, report)

    def report(self, dataset: str) -> dict[str, Any] | None:
        """The newest doctor's report, as it was saved."""
        return self._reports.newest(dataset)

    def relocate(self, dataset: str, folder: str | os.PathLike[str]) -> DatasetInfo:
        """Points the data set to where its files lie now. Raises :class:`DataError` where they are not those."""
        info = self._datasets.relocate(dataset, Path(folder))
        self.back_up()
        return info

    def stage_import(self, name: str) -> staging.Staging:
        """Begins an import under a name that is still free."""
        if any(info.name == name for info in self.datasets()):
            raise staging.name_taken(name)
        if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 100:
            raise DataError(
                f"'{name}' cannot be the name of a data set: it needs 1 to 100 printable characters, with none of them "
                f"a space at either end."
            )
        return staging.Staging(self.database, self.path, self.back_up, name)

    def stage_addition(self, name: str) -> staging.Staging:
        """Begins an import into a data set that is there."""
        return staging.Staging(self.database, self.path, self.back_up, name, self.dataset(name))

    # Backups

    def back_up(self) -> None:
        """Copies the database to ``backups/``: at once after imports, a while after other changes and when the project
        is closed. Where that fails, ``notices`` says so: the change itself is done.
        """
        self._backing.done()
        self.notices += self._backed_up(self._write_backup)

    def _edited(self, info: RevisionInfo) -> RevisionInfo:
        self._backing.soon()
        return info

    def _write_backup(self) -> list[str]:
        backup.write_and_note(self.database, self.path)
        return []

    def _backed_up(self, work: Callable[[], list[str]]) -> list[str]:
        try:
            return work()
        except (OSError, StudioError) as error:
            return [f"The project's data sets could not be backed up: {error}"]
