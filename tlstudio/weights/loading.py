"""Puts weights into a network: completely and by name, or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import WeightsError
from tlstudio.weights import of_runs
from tlstudio.weights.resolving import NONE, ResolvedWeights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tlstudio.weights.matching import Report


def load_into(backbone: "nn.Module", descriptor: BackboneDescriptor, resolved: ResolvedWeights) -> None:
    """Loads ``resolved`` into ``backbone`` (built by the descriptor's factory), in place, keeping its
    device and number type; ``none`` leaves the random numbers that it was built with.

    Raises ``WeightsError`` where the file is not there, is damaged, or does not match completely; then the
    network is unchanged.
    """
    if resolved.id == NONE:
        return
    if resolved.path is None or not resolved.path.is_file():
        raise WeightsError(
            f"The weights {resolved.id} of {descriptor.id} are not on this machine yet; download them first, "
            f"or "
            "choose weights that are."
        )
    part = of_runs.PART if of_runs.run_number(resolved.id) is not None else ""
    _, tensors = checked_tensors(backbone, descriptor, resolved.path, part)
    _copy(backbone, tensors)


def checked_tensors(
    backbone: "nn.Module", descriptor: BackboneDescriptor, path: Path, part: str = ""
) -> "tuple[Report, dict[str, Tensor]]":
    """Reads a checkpoint and checks that it holds every tensor of ``backbone``, all finite, and nothing
    else but a classifier. ``part``: only names that begin so count, which is taken off them. Returns the report and
    the tensors by the network's names. Raises ``WeightsError``.
    """
    from tlstudio.weights import checkpoint, matching

    found = checkpoint.read_tensors(path)
    if part:
        found = {name.removeprefix(part): tensor for name, tensor in found.items() if name.startswith(part)}
        if not found:
            raise WeightsError(
                f"{path} holds a network of another kind: none of its parts is called '{part.rstrip('.')}', so that "
                "there is no backbone to take from it. Choose other weights."
            )
    report, tensors = matching.match(backbone.state_dict(), found, descriptor.head_prefixes, descriptor.renames)
    if not report.complete:
        raise WeightsError(
            f"{path} does not hold the weights of {descriptor.id}: {report.explain()}. Weights are matched "
            f"by name "
            "only, and all of the backbone must be there; choose the backbone that this file was made for."
        )
    damaged = [name for name, tensor in tensors.items() if not _finite(tensor)]
    if damaged:
        more = f" and {len(damaged) - 10} more" if len(damaged) > 10 else ""
        raise WeightsError(
            f"{path} holds numbers that are not finite (NaN or infinite) in {', '.join(damaged[:10])}{more}; "
            f"the "
            "training that made it went wrong, or the file is damaged. Choose another checkpoint."
        )
    return report, tensors


def _finite(tensor: "Tensor") -> bool:
    import torch

    return not tensor.is_floating_point() or bool(torch.isfinite(tensor.float()).all())


def _copy(backbone: "nn.Module", tensors: "Mapping[str, Tensor]") -> None:
    import torch

    own = backbone.state_dict()
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
