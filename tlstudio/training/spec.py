"""What a run is to do, frozen when it is created: ``spec.json`` in the run's folder. No torch here."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tlstudio.api.errors import ProjectError

SCHEMA_VERSION = 1


class RuntimePreferences(BaseModel):
    """What the user asked of the machine; ``auto`` leaves it to a measurement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    memory_format: Literal["auto", "channels-last", "contiguous"] = "auto"
    workers: int = Field(-1, ge=-1, le=64, description="Processes that load pictures; -1: chosen.")
    deterministic: bool = False
    beside: bool = False  # train even while another run has the device
    checkpoint_seconds: float = Field(
        -1, ge=-1, description="Time between checkpoints; 0: after every step; -1: so that they take well under 1 %."
    )


class OtherData(BaseModel):
    """A data set beside the run's own, as it was when the run was created."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    revision: int
    fingerprint: str


class ChosenRecipe(BaseModel):
    """The recipe that the options began with. ``options``: every one of the method's as the recipe gave it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    options: dict[str, Any]


class RunSpec(BaseModel):
    """Everything that decides the result. ``weights`` is an id of the backbone's weights, an imported name, ``run:7``
    for the backbone of another run, or none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    run: int
    project: str  # the project's folder when the run was created; the run's own place decides
    dataset: str
    revision: int
    data_fingerprint: str
    backbone: str
    weights: str
    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    engine: str = "local"
    runtime: RuntimePreferences = RuntimePreferences()
    plugins: dict[str, str] = Field(default_factory=dict)  # plugin -> version
    select_by: str = "accuracy"  # metric on the validation split that decides which model is kept
    source: OtherData | None = None  # with labels, to learn from too
    unlabelled: OtherData | None = None  # samples whose labels, if any, nobody looks at
    labels_per_class: int = Field(0, ge=0)  # so many training items of a class keep their labels; 0: all
    teacher: str = ""  # run:3, a model file, or backbone[:weights]
    teacher_sha256: str = ""  # of the teacher's file, where it has one
    runs: tuple[int, ...] = ()  # finished ones, that this one begins from or combines
    recipe: ChosenRecipe | None = None

    def save(self, run_dir: Path) -> None:
        temporary = run_dir / "spec.json.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=2))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, run_dir / "spec.json")

    @classmethod
    def load(cls, run_dir: Path) -> "RunSpec":
        path = run_dir / "spec.json"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ProjectError(f"The run's specification {path} cannot be read: {error}.") from error
