"""Rankings of backbones in the project's cache. No torch, no numpy here."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Ranked(BaseModel):
    """One backbone. ``probe`` and ``neighbours``: mean over the folds, ``_sd`` the standard deviation over them; in the
    task's metric. ``logme``: log evidence per item and target; ``h_score``, ``transrate``, ``leep``, ``nce``: see
    :mod:`tlstudio.ranking.scores`. ``no_source``: why there is neither LEEP nor NCE, empty where there are;
    ``source_classes``: those of the backbone's own classifier. ``caution``: why the figures may flatter it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    backbone: str
    weights: str
    title: str
    probe: float | None = None
    probe_sd: float | None = None
    neighbours: float | None = None
    neighbours_sd: float | None = None
    logme: float | None = None
    h_score: float | None = None
    transrate: float | None = None
    leep: float | None = None
    nce: float | None = None
    source_classes: int = 0
    no_source: str = ""
    caution: str = ""
    dimension: int = 0
    seconds: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.backbone}:{self.weights}"


class Ranking(BaseModel):
    """``rows``: the best by ``probe`` first. ``metric``: of ``probe`` and ``neighbours``. ``left_out``: sentences."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dataset: str
    revision: int
    metric: str
    higher_is_better: bool = True
    items: int
    folds: int
    rows: tuple[Ranked, ...] = ()
    left_out: tuple[str, ...] = Field(default=())

    def name(self, row: Ranked) -> str:
        """The title, with the weights where several rows have the same."""
        alone = sum(other.title == row.title for other in self.rows) < 2
        return row.title if alone else f"{row.title} · {row.weights}"

    def save(self, project: Path) -> None:
        file = _file(project, self.dataset, self.revision)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(temporary, file)


def load(project: Path, dataset: str, revision: int) -> Ranking | None:
    """The newest ranking on this revision; ``None`` where there is none."""
    try:
        found = Ranking.model_validate_json(_file(project, dataset, revision).read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError):
        return None
    return found if (found.dataset, found.revision) == (dataset, revision) else None


def _file(project: Path, dataset: str, revision: int) -> Path:
    import hashlib

    name = hashlib.blake2b(dataset.encode(), digest_size=8).hexdigest()
    return project / "cache" / "ranking" / f"{name}-r{revision}.json"
