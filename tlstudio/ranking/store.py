"""Rankings of backbones in the project's cache. No torch, no numpy here."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Ranked(BaseModel):
    """One backbone. ``probe`` and ``neighbours``: mean over the folds, ``_sd`` the standard deviation over them; in the
    task's metric. ``logme``: log evidence per item and target; ``h_score``: see :mod:`tlstudio.ranking.scores`.
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
