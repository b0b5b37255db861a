"""What reading the samples has told, of all items of a data set at once."""

import json
from collections.abc import Collection, Iterator

from tlstudio.project import lookup
from tlstudio.project.project import Project


def metas(project: Project, dataset: str, names: Collection[str]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Streams (item id, those of its names and values that are asked for). Raises :class:`DataError`."""
    wanted = frozenset(names)
    with project.database.connection() as connection:
        row = lookup.row_of(connection, project.path, dataset)
        query = "SELECT m.item_id, m.meta FROM items i JOIN item_meta m ON m.item_id = i.id WHERE i.dataset_id = ?"
        for item_id, meta in connection.execute(query, (row.id,)):
            yield item_id, [(str(key), str(value)) for key, value in json.loads(meta) if key in wanted]
