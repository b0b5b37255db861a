"""Where things lie outside a project. ``TLSTUDIO_HOME`` moves all of it to one folder (tests, portable use)."""

import os
from pathlib import Path

import platformdirs

_APP = "tlstudio"


def _home() -> Path | None:
    value = os.environ.get("TLSTUDIO_HOME")
    return Path(value).expanduser() if value else None


def data_dir() -> Path:
    """Imported weights, plugin environment."""
    return _home() or Path(platformdirs.user_data_dir(_APP, appauthor=False))


def config_dir() -> Path:
    """Settings."""
    return _home() or Path(platformdirs.user_config_dir(_APP, appauthor=False))


def cache_dir() -> Path:
    """What can be fetched or computed again: downloaded weights, measurements."""
    home = _home()
    return home / "cache" if home else Path(platformdirs.user_cache_dir(_APP, appauthor=False))


def resource(name: str) -> Path:
    """A file or folder that the application ships, by its path below ``resources/``."""
    installed = Path(__file__).parent / "_resources" / name
    return installed if installed.exists() else Path(__file__).parents[1] / "resources" / name
