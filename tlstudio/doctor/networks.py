"""Features for the doctor: of a pretrained backbone whose weights are here, or of the words of texts."""

from collections.abc import Generator

import numpy as np

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Message
from tlstudio.doctor import words
from tlstudio.doctor.case import Case
from tlstudio.doctor.features import Features
from tlstudio.registry import Registry


def features(
    case: Case, registry: Registry, backbone: str = "", weights: str = ""
) -> Generator[Event, None, Features | None]:
    """``None`` where there is no network for such data, which is said. Raises ``StudioError`` for a ``backbone`` that
    was asked for and is not to be had.
    """
    from tlstudio.training.embedding import choose

    if case.modality.id == "text" and not backbone:
        return (yield from words.features(case))
    try:
        choice = choose(registry, case.info.modality, backbone, weights)
    except StudioError as error:
        if backbone:
            raise
        case.skipped.append(f"What needs a network. {error}")
        return None
    if not choice.trained and not backbone:
        case.skipped.append(
            f"What needs a trained network: there are no weights for {case.several} on this machine. 'tlstudio "
            f"weights' imports or downloads some."
        )
        return None
    found = yield from of_dataset(case, registry, case.info.name, choice.backbone.id, choice.weights.id)
    at = {record.id: position for position, record in enumerate(case.records)}
    rows = [row for row, item_id in enumerate(found.positions.tolist()) if item_id in at]
    if len(rows) < 2:
        case.skipped.append("What needs a network: fewer than two items could be read.")
        return None
    positions = np.array([at[found.positions[row]] for row in rows], np.int64)
    return Features(
        positions=positions, matrix=found.matrix[rows], backbone=found.backbone, weights=found.weights
    )  # fmt: skip


def of_dataset(
    case: Case, registry: Registry, name: str, backbone: str, weights: str
) -> Generator[Event, None, Features]:
    """Of any data set of the project; ``positions`` are the ids of its items."""
    from tlstudio.training.embedding import embed

    embedding = yield from embed(case.control, registry, case.project, name, backbone, weights)
    matrix = np.asarray(embedding.matrix, np.float32)
    yield Message(text=f"{name}: {matrix.shape[1]} features each, of {embedding.backbone} ({embedding.weights}).")
    return Features(
        positions=np.array(embedding.item_ids, np.int64), matrix=matrix, backbone=embedding.backbone,
        weights=embedding.weights,
    )  # fmt: skip
