"""Engines: where a worker runs."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from tlstudio.api.descriptors import Descriptor
from tlstudio.api.events import Event


class Engine(Protocol):
    """Made by ``factory()``, one for each run."""

    def run(self, run_dir: Path) -> Iterator[Event]:
        """Computes the run whose ``spec.json`` lies in ``run_dir``, going on from its newest checkpoint, if there is
        one; yields its events, the last one terminal.
        """
        ...

    def send(self, command: str, **arguments: Any) -> None:
        """Passes a command (see ``tlstudio.control``) to the run; safe from any thread."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineDescriptor(Descriptor):
    pass
