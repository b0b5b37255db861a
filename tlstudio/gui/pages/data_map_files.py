"""A map on disk: read from what the job made, and written as a table, a drawing or a picture."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tlstudio.gui.plots.export import write_svg
from tlstudio.gui.plots.scatter import ScatterMap

if TYPE_CHECKING:
    from tlstudio.project import Item, Project

DRAWN = 50_000  # points on the screen


def write_map(plot: ScatterMap, path: Path, columns: list[str], rows: list[tuple[object, ...]]) -> None:
    """As the suffix says: a table of the points with ``rows`` beside them, a drawing, a picture. Raises ``OSError``."""
    match path.suffix.lower():
        case ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow([*columns, "x", "y"])
                writer.writerows([*row, float(x), float(y)] for row, (x, y) in zip(rows, plot.xy, strict=True))
        case ".svg":
            write_svg(plot, path, plot.title, plot.colours.background)
        case _:
            if not plot.grab().save(str(path), "PNG"):
                raise OSError(f"The picture could not be written to {path}.")


def read_map(
    project: "Project", dataset: str, path: Path
) -> "tuple[npt.NDArray[np.float64], list[Item], dict[str, Any] | None]":
    """The points that are drawn and their items, at most ``DRAWN``. In a thread."""
    with np.load(path, allow_pickle=False) as found:
        ids, xy = found["item_ids"], found["xy"].astype(np.float64)
    if len(ids) > DRAWN:
        rows = np.sort(np.random.default_rng(0).choice(len(ids), DRAWN, replace=False))
        ids, xy = ids[rows], xy[rows]
    items = {item.id: item for item in project.items_of(dataset, ids.tolist())}
    kept = [row for row, item_id in enumerate(ids.tolist()) if item_id in items]
    return xy[kept], [items[int(ids[row])] for row in kept], project.report(dataset)
