"""From the path of a model to something that predicts: the exporter that writes such files reads them, too."""

from pathlib import Path

from tlstudio.api.errors import ExportError, StudioError, UsageError
from tlstudio.api.exporter import Predictor
from tlstudio.registry import Registry

_RUN_MODEL = "model.safetensors"


def load_predictor(path: Path, registry: Registry) -> Predictor:
    """Reads an exported file, or the model that a run left in its folder.

    Where several plugins read files with that suffix, the first that knows the file has it. Raises ``UsageError``
    where there is no such file or no plugin for it, another ``StudioError`` where the file cannot be used.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder. Name the model file itself.")
    if not path.exists():
        raise UsageError(f"There is no model file {path}.")
    if path.name == _RUN_MODEL:
        from tlstudio.prediction.torch_model import is_run_model, load_run_model

        if is_run_model(path):
            return load_run_model(path, registry)
    readers = [exporter for exporter in registry.exporters() if path.name.lower().endswith(exporter.suffix.lower())]
    if not readers:
        suffixes = ", ".join(sorted({exporter.suffix for exporter in registry.exporters()})) or "none"
        raise UsageError(f"{path} is no model file that can be read. The suffixes that are known: {suffixes}.")
    first: StudioError | None = None
    for reader in readers:
        try:
            predictor: Predictor = reader.load()().load(path)
            return predictor
        except StudioError as error:
            first = first or error
        except Exception as error:  # noqa: BLE001 - a plugin's reader may raise anything at a damaged file
            reason = " ".join(str(error).split())[:300].rstrip(".")
            wrapped = ExportError(f"{path} cannot be read as {reader.title}: {type(error).__name__}: {reason}.")
            wrapped.__cause__ = error
            first = first or wrapped
    assert first is not None
    raise first
