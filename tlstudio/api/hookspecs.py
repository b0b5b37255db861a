"""Every hook that a plugin can implement. Each returns a list of frozen descriptors; nothing heavy is imported.

Hooks may gain arguments, never lose them.
"""

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from tlstudio import api

hookspec = pluggy.HookspecMarker("tlstudio")
hookimpl = pluggy.HookimplMarker("tlstudio")


@hookspec
def tlstudio_backbones() -> "list[api.BackboneDescriptor]":  # type: ignore[empty-body]
    """Pretrained networks that turn a picture into features."""


@hookspec
def tlstudio_methods() -> "list[api.MethodDescriptor]":  # type: ignore[empty-body]
    """Ways of adapting a backbone to the user's data."""


@hookspec
def tlstudio_metrics() -> "list[api.MetricDescriptor]":  # type: ignore[empty-body]
    """Numbers that say how good a model is."""


@hookspec
def tlstudio_formats() -> "list[api.FormatDescriptor]":  # type: ignore[empty-body]
    """Layouts of data sets on disk that can be imported."""


@hookspec
def tlstudio_exporters() -> "list[api.ExporterDescriptor]":  # type: ignore[empty-body]
    """File formats that a trained model can be written to."""


@hookspec
def tlstudio_engines() -> "list[api.EngineDescriptor]":  # type: ignore[empty-body]
    """Places where a run can be computed."""


@hookspec
def tlstudio_tasks() -> "list[api.TaskDescriptor]":  # type: ignore[empty-body]
    """What can be learnt of a sample."""


@hookspec
def tlstudio_modalities() -> "list[api.ModalityDescriptor]":  # type: ignore[empty-body]
    """Kinds of samples: pictures, sounds, texts, films."""
