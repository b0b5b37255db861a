"""What a plugin author imports. No torch, no Qt, no numpy at import time."""

from tlstudio.api.backbone import BackboneDescriptor, FeatureLevel, Preprocessing, Stage, Weights
from tlstudio.api.dataset_format import DatasetFormat, FormatDescriptor, GroupsByColumn, RawItem, Skipped
from tlstudio.api.descriptors import DatasetProfile, Descriptor, images_only, supports_everything
from tlstudio.api.engine import Engine, EngineDescriptor
from tlstudio.api.errors import (
    DataError,
    ExportError,
    OptionsError,
    PluginError,
    ProjectError,
    StoppedByUser,
    StudioError,
    TrainingError,
    UsageError,
    WeightsError,
)
from tlstudio.api.exporter import Exporter, ExporterDescriptor, ModelCard, Predictor
from tlstudio.api.hookspecs import hookimpl
from tlstudio.api.method import (
    Batch,
    Method,
    MethodContext,
    MethodDescriptor,
    Optimizer,
    ParameterGroup,
    Phase,
    Schedule,
    SolveData,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio.api.metric import Metric, MetricDescriptor
from tlstudio.api.options import NoOptions, Options, option, parse_options, parse_settings

__all__ = [
    "BackboneDescriptor",
    "Batch",
    "DataError",
    "DatasetFormat",
    "DatasetProfile",
    "Descriptor",
    "Engine",
    "EngineDescriptor",
    "ExportError",
    "Exporter",
    "ExporterDescriptor",
    "FeatureLevel",
    "FormatDescriptor",
    "GroupsByColumn",
    "Method",
    "MethodContext",
    "MethodDescriptor",
    "Metric",
    "MetricDescriptor",
    "ModelCard",
    "NoOptions",
    "Optimizer",
    "Options",
    "OptionsError",
    "ParameterGroup",
    "Phase",
    "PluginError",
    "Predictor",
    "Preprocessing",
    "ProjectError",
    "RawItem",
    "Schedule",
    "Skipped",
    "SolveData",
    "Stage",
    "StepOutput",
    "StepState",
    "StoppedByUser",
    "Stream",
    "StudioError",
    "TrainingError",
    "UsageError",
    "Weights",
    "WeightsError",
    "hookimpl",
    "images_only",
    "option",
    "parse_options",
    "parse_settings",
    "supports_everything",
]
