"""The standard plugins, through the door that everyone uses."""

from tlstudio import api, hookimpl


@hookimpl
def tlstudio_backbones() -> list[api.BackboneDescriptor]:
    from tlstudio_builtins.backbones import BACKBONES

    return BACKBONES


@hookimpl
def tlstudio_methods() -> list[api.MethodDescriptor]:
    from tlstudio_builtins.methods import METHODS

    return METHODS


@hookimpl
def tlstudio_metrics() -> list[api.MetricDescriptor]:
    from tlstudio_builtins.metrics import METRICS

    return METRICS


@hookimpl
def tlstudio_formats() -> list[api.FormatDescriptor]:
    from tlstudio_builtins.formats import FORMATS

    return FORMATS


@hookimpl
def tlstudio_exporters() -> list[api.ExporterDescriptor]:
    from tlstudio_builtins.exporters import EXPORTERS

    return EXPORTERS


@hookimpl
def tlstudio_engines() -> list[api.EngineDescriptor]:
    from tlstudio_builtins.engines import ENGINES

    return ENGINES


@hookimpl
def tlstudio_tasks() -> list[api.TaskDescriptor]:
    from tlstudio_builtins.tasks import TASKS

    return TASKS


@hookimpl
def tlstudio_modalities() -> list[api.ModalityDescriptor]:
    from tlstudio_builtins.modalities import MODALITIES

    return MODALITIES
