"""The user's settings: one JSON file, written atomically; a damaged one is set aside, never overwritten."""

import contextlib
import os
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tlstudio import paths
from tlstudio.api.errors import StudioError

SCHEMA_VERSION = 1
MAX_RECENT = 20


class Settings(BaseModel):
    """What the application remembers. Fields of a newer version are kept as they are."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    schema_version: int = SCHEMA_VERSION
    theme: Literal["system", "light", "dark"] = "system"
    recent: list[str] = Field(default_factory=list, description="Project folders, the latest first.")
    mirror: str = Field(default="", description="Where published weights are fetched instead.")
    disabled_plugins: list[str] = Field(default_factory=list)
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    geometry: str = Field(default="", description="The window's place, as Qt's saved geometry in base64.")
    last_project: str = Field(default="", description="Opened again at the next start.")
    page: str = "start"
    splitters: dict[str, list[int]] = Field(default_factory=dict, description="Sizes of panes in pixels.")

    def remember(self, project: Path) -> None:
        """Puts a project at the head of the recent ones."""
        text = str(project)
        self.recent = [text, *(other for other in self.recent if other != text)][:MAX_RECENT]

    def forget(self, project: str) -> None:
        self.recent = [other for other in self.recent if other != project]


def path() -> Path:
    return paths.config_dir() / "settings.json"


def load() -> Settings:
    """Reads the settings. A damaged file is renamed to ``settings.damaged-<time>.json``."""
    source = path()
    try:
        return Settings.model_validate_json(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):  # a read-only home must not keep the application from starting
            source.rename(source.with_name(f"settings.damaged-{time.time_ns()}.json"))
        return Settings()


def save(settings: Settings) -> None:
    """Writes the settings whole or not at all. Raises :class:`StudioError` where it cannot."""
    target = path()
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(settings.model_dump_json(indent=2))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise StudioError(f"The settings could not be saved to {target}: {error.strerror or error}.") from error
