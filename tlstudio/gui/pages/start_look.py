"""What was dropped onto the window: a project, pictures, a plugin, or none of these."""

import os
from pathlib import Path
from typing import Literal

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jfif"})
Kind = Literal["project", "pictures", "table", "plugin", "unknown"]
_LOOK_AT = 2000  # entries; enough to meet a picture in any layout that is read


def kind_of(path: Path) -> Kind:
    """Looks at the disk; call it off the window's thread. Raises ``OSError`` where it cannot be read."""
    if path.name == "project.sqlite" or (path / "project.sqlite").is_file():
        return "project"
    if path.is_file():
        if path.suffix == ".whl":
            return "plugin"
        return "table" if path.suffix.lower() in (".csv", ".tsv") else "unknown"
    if (path / "pyproject.toml").is_file():
        return "plugin"
    seen = 0
    for _folder, _folders, files in os.walk(path):
        for name in files:
            if Path(name).suffix.lower() in PICTURES:
                return "pictures"
            seen += 1
            if seen > _LOOK_AT:
                return "unknown"
    return "unknown"
