"""Compares the names of a checkpoint with those of a network: by name alone, never by order or shape.

Another author's network can have the same shapes in the same order and compute something else.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PREFIXES = ("module.", "backbone.", "model.", "net.", "encoder.", "_orig_mod.")
_HEADS = ("head.", "heads.", "fc.", "classifier.", "linear.")
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Report:
    """What fits (``matched``), what the network needs and the file lacks (``missing``), what the file has
    beyond the network and its classifier (``unexpected``), and what differs in shape or kind
    (``misshaped``: name to explanation). ``ignored_head`` are the names of the file's own classifier.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshaped: dict[str, str]
    ignored_head: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return bool(self.matched) and not (self.missing or self.unexpected or self.misshaped)

    def explain(self) -> str:
        """The lists as one phrase: the first ten of each and how many more."""
        parts = [f"{len(self.matched)} names match"]
        if self.missing:
            parts.append(f"{len(self.missing)} missing ({_some(self.missing)})")
        if self.unexpected:
            parts.append(f"{len(self.unexpected)} unexpected ({_some(self.unexpected)})")
        if self.misshaped:
            shown = [f"{name}: {why}" for name, why in self.misshaped.items()]
            parts.append(f"{len(self.misshaped)} of another shape ({_some(shown)})")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more


def strip_wrappers(
    found: "Mapping[str, Tensor]", own: Iterable[str], head_prefixes: tuple[str, ...] = ()
) -> "tuple[dict[str, Tensor], tuple[str, ...]]":
    """Takes off the prefixes that wrappers add, as long as every name has one (a classifier beside it
    excepted).

    Returns the renamed tensors, and the names of a classifier beside the wrapped network, which are left
    out.
    """
    known, names, heads = set(own), dict(found), []
    for _ in range(8):
        if known & names.keys():
            break
        prefix, beside = next(
            ((p, rest) for p in PREFIXES if (rest := _beside(names, p, head_prefixes)) is not None), ("", [])
        )
        if not prefix:
            break
        heads += beside
        names = {name.removeprefix(prefix): value for name, value in names.items() if name not in beside}
    return names, tuple(heads)


def _beside(names: "Mapping[str, Tensor]", prefix: str, head_prefixes: tuple[str, ...]) -> list[str] | None:
    """The names without ``prefix`` if all of them belong to a classifier, otherwise ``None``."""
    rest = [name for name in names if not name.startswith(prefix)]
    fits = len(rest) < len(names) and all(name.startswith((*head_prefixes, *_HEADS)) for name in rest)
    return rest if fits else None


def match(
    own: "Mapping[str, Tensor]",
    found: "Mapping[str, Tensor]",
    head_prefixes: tuple[str, ...] = (),
    renames: tuple[tuple[str, str], ...] = (),
) -> "tuple[Report, dict[str, Tensor]]":
    """Compares a network's ``state_dict`` with a checkpoint's tensors.

    ``num_batches_tracked`` may be absent, as it is in checkpoints of before PyTorch 0.4. Returns the report
    and the tensors that fit, under the network's names.
    """
    names, beside = strip_wrappers(found, own, head_prefixes)
    for pattern, replacement in renames:
        names = {re.sub(pattern, replacement, name): value for name, value in names.items()}
    fitting: dict[str, Tensor] = {}
    misshaped: dict[str, str] = {}
    for name in own.keys() & names.keys():
        why = _difference(own[name], names[name])
        if why:
            misshaped[name] = why
        else:
            fitting[name] = names[name]
    rest = [name for name in names if name not in own]
    head = [name for name in rest if head_prefixes and name.startswith(head_prefixes)]
    report = Report(
        matched=tuple(name for name in own if name in fitting),
        missing=tuple(n for n in own if n not in names and not n.endswith("num_batches_tracked")),
        unexpected=tuple(name for name in rest if name not in head),
        misshaped={name: misshaped[name] for name in own if name in misshaped},
        ignored_head=(*beside, *head),
    )
    return report, fitting


def _difference(own: "Tensor", found: "Tensor") -> str:
    import torch

    if tuple(own.shape) != tuple(found.shape):
        return f"{_shape(found)} instead of {_shape(own)}"
    if found.layout != torch.strided or found.is_quantized or found.device.type != "cpu":
        return "stored in a form that is not plain numbers (sparse, quantised or without data)"
    if own.is_floating_point() != found.is_floating_point() or found.is_complex() != own.is_complex():
        return f"{_kind(found)} instead of {_kind(own)}"
    return ""


def _shape(tensor: "Tensor") -> str:
    return "×".join(str(side) for side in tensor.shape) or "a single number"


def _kind(tensor: "Tensor") -> str:
    return str(tensor.dtype).removeprefix("torch.")
