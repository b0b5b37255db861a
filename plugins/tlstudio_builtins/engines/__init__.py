"""Places where a run can be computed."""

from tlstudio.api import EngineDescriptor

ENGINES = [
    EngineDescriptor(
        id="local",
        title="This machine",
        description="A process of its own on this machine: whatever happens to it, the window lives on.",
        factory="tlstudio_builtins.engines.local:LocalEngine",
    ),
    EngineDescriptor(
        id="in-process",
        title="In the calling process",
        description="No process of its own: for notebooks and debugging.",
        factory="tlstudio_builtins.engines.in_process:InProcessEngine",
    ),
]
