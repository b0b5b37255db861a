"""What a run's model costs: ``facts.json`` in its folder. No torch here."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE, MODEL = "facts.json", "model.safetensors"


class Facts(BaseModel):
    """``latency_ms``: the median time of one sample through the network, with the quartiles beside it; without
    reading and preparing the sample. ``load``: the system's, over the minute before, on so many ``cores``.
    ``trained``: parameters that any phase trained; ``None`` where the method could not be built again to count them.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: int = 1
    model_bytes: int = Field(ge=0)
    model_mtime_ns: int
    parameters: int = Field(ge=0)
    trained: int | None = None
    latency_ms: float = Field(ge=0)
    latency_low_ms: float = Field(ge=0)
    latency_high_ms: float = Field(ge=0)
    passes: int = Field(ge=1)
    threads: int = Field(ge=1)
    device: str
    load: float = 0.0
    cores: int = 1

    @property
    def busy(self) -> bool:
        """Whether other work kept the machine busy meanwhile, so that the latency is too long."""
        return self.load > self.cores + 0.5

    def save(self, run_dir: Path) -> None:
        temporary = run_dir / f"{FILE}.tmp"
        temporary.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(temporary, run_dir / FILE)


def load(run_dir: Path) -> Facts | None:
    """``None`` where nothing was measured, or the model is another one since."""
    try:
        facts = Facts.model_validate_json((run_dir / FILE).read_text(encoding="utf-8"))
        now = (run_dir / MODEL).stat()
    except (OSError, ValidationError, ValueError):
        return None
    return facts if (facts.model_bytes, facts.model_mtime_ns) == (now.st_size, now.st_mtime_ns) else None


def model_bytes(run_dir: Path) -> int | None:
    try:
        return (run_dir / MODEL).stat().st_size
    except OSError:
        return None
