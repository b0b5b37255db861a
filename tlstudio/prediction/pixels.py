"""The name under which plugins know what :mod:`tlstudio.prediction.inputs` does for pictures."""

from tlstudio.prediction.inputs import read_pixels

__all__ = ["read_pixels"]
