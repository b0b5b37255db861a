"""The job that takes in a checkpoint of the user's: checked against the network first, then stored as
safetensors.
"""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from tlstudio.api.errors import WeightsError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.registry import Registry
from tlstudio.weights import checkpoint, filetype, hashing, heads, store
from tlstudio.weights.atomic import put_in_place, write_json
from tlstudio.weights.loading import checked_tensors


def import_job(
    control: Control, backbone: str, file: str, name: str, *, registry: Registry | None = None
) -> Generator[Event, None, dict[str, Any]]:
    """Imports ``file`` as weights ``name`` of ``backbone``; the source file is left as it is.

    Returns ``{"name", "backbone", "matched", "ignored_head", "sha256", "source_sha256", "path"}``; the
    first hash is that of the stored file, which holds the backbone alone, in float32. Raises
    ``WeightsError`` where the file does not match the backbone completely, ``UsageError`` for an unknown
    backbone or an unusable name.
    """
    registry = registry or Registry.discover()
    descriptor = registry.backbone(backbone)
    source = Path(file).expanduser().absolute()
    store.check_name(name, descriptor, registry.backbones())
    filetype.kind(source)  # what is no checkpoint at all is said before a network is built
    yield _step(0, f"Reading {source.name}")
    network = descriptor.load()()
    report, tensors = checked_tensors(network, descriptor, source)
    control.raise_if_stopped()

    yield _step(1, f"All {len(report.matched)} tensors match; storing")
    own = network.state_dict()
    stored = {key: tensors[key].to(own[key].dtype).contiguous().clone() for key in report.matched}
    target = store.folder(descriptor.id) / f"{name}.safetensors"
    note = {
        "schema_version": store.SCHEMA_VERSION,
        "name": name,
        "backbone": descriptor.id,
        "source": source.name,
        "source_sha256": hashing.sha256(source),
        "created": time.time(),
        "report": report.as_json(),
    }
    control.raise_if_stopped()
    digest = _save(stored, target, note)
    if report.ignored_head:
        heads.keep(checkpoint.read_tensors(source), descriptor, target)

    yield _step(3, "Done")
    ignored = (
        f" The file's own classifier ({', '.join(report.ignored_head)}) is kept beside it, for ranking and Co-Tuning."
    )
    yield Message(
        text=f"{source.name} holds the complete weights of {descriptor.id}: {len(report.matched)} tensors "
        f"match by "
        f"name.{ignored if report.ignored_head else ''}"
    )
    return {
        "name": name,
        "backbone": descriptor.id,
        "matched": len(report.matched),
        "ignored_head": list(report.ignored_head),
        "sha256": digest,
        "source_sha256": note["source_sha256"],
        "path": str(target),
    }


def _save(tensors: dict[str, Any], target: Path, note: dict[str, Any]) -> str:
    """Stores the tensors and then the note, without which they do not count. Returns the stored file's
    SHA-256.
    """
    import safetensors.torch

    temporary = target.with_name(target.name + ".tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file(tensors, temporary, metadata={"backbone": note["backbone"]})
        digest = hashing.sha256(temporary)
        put_in_place(temporary, target)
        write_json(target.with_suffix(".json"), {**note, "sha256": digest})
    except (OSError, safetensors.SafetensorError) as error:
        for path in (temporary, target):
            path.unlink(missing_ok=True)
        raise WeightsError(
            f"The weights could not be stored in {target.parent}: {error}. Check the free space and your rights there."
        ) from error
    return digest


def _step(done: int, text: str) -> Progress:
    return Progress(done=done, total=3, unit="steps", text=text)
