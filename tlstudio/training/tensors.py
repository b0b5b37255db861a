"""A model's tensors by name, for checkpoints: gathered, compared with how they began, and put back in place."""

import hashlib
from collections.abc import Iterable

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


def named_tensors(model: nn.Module) -> Tensors:
    """Every parameter and every buffer, those included that ``state_dict`` leaves out; tied ones once."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def digest(tensor: torch.Tensor) -> str:
    """Of type, shape and content."""
    plain = tensor.detach().cpu().contiguous()
    head = f"{plain.dtype} {tuple(plain.shape)} ".encode()
    hashed = hashlib.blake2b(head, digest_size=16)
    if plain.numel():
        hashed.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()


def digests(model: nn.Module) -> dict[str, str]:
    return {name: digest(tensor) for name, tensor in named_tensors(model).items()}


def changed(model: nn.Module, initial: dict[str, str], trained: set[str]) -> Tensors:
    """What may differ from the beginning. What is being trained is not compared, since it nearly always does."""
    return {
        name: tensor
        for name, tensor in named_tensors(model).items()
        if name in trained or initial.get(name) != digest(tensor)
    }


@torch.no_grad()
def put_back(model: nn.Module, tensors: Tensors) -> None:
    """Copies into the model's own tensors, whose memory format stays; buffers of another shape are replaced."""
    own = named_tensors(model)
    for name, tensor in tensors.items():
        target = own.get(name)
        if target is not None and target.shape == tensor.shape:
            target.copy_(tensor)
            continue
        holder, _, last = name.rpartition(".")
        module = model.get_submodule(holder)
        if isinstance(target, nn.Parameter):
            raise ValueError(f"the parameter {name} has another shape")
        device = next((t.device for t in own.values()), torch.device("cpu"))
        module.register_buffer(last, tensor.to(target.device if target is not None else device))


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Those whose name begins so, without the beginning."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def finite(tensors: Iterable[torch.Tensor]) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in tensors if t.is_floating_point() or t.is_complex())


def size_bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)
