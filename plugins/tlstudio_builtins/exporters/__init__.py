"""The standard file formats for trained models. Descriptors alone; what writes and reads is imported on first use."""

from tlstudio.api import ExporterDescriptor

EXPORTERS: list[ExporterDescriptor] = [
    ExporterDescriptor(
        id="onnx",
        title="ONNX",
        description="One file that runs wherever there is an ONNX runtime, without PyTorch. Class names and "
        "normalisation are inside.",
        factory="tlstudio_builtins.exporters.onnx_format:OnnxExporter",
        suffix=".onnx",
        predict_needs_torch=False,
    ),
    ExporterDescriptor(
        id="safetensors",
        title="safetensors",
        description="The weights for use from Python with PyTorch, and a JSON card beside them that says how to "
        "rebuild the network.",
        factory="tlstudio_builtins.exporters.safetensors_format:SafetensorsExporter",
        suffix=".safetensors",
    ),
]
