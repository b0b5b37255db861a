"""Transfer Learning Studio: from a folder of pictures to a verified model file.

The names below are the public plugin API. They are loaded on first use, so that importing the package costs
nothing; ``tlstudio.api`` documents them.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "api", "hookimpl"]


def __getattr__(name: str) -> Any:
    if name in ("api", "hookimpl"):
        api = importlib.import_module("tlstudio.api")
        return api if name == "api" else api.hookimpl
    raise AttributeError(f"module 'tlstudio' has no attribute {name!r}")
