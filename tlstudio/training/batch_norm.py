"""Batch normalisation's policy, and train/eval modes that make "frozen" mean frozen, buffers included."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tlstudio.api.phases import BatchNorm


def freeze_all_but(model: nn.Module, trainable: set[str], policy: BatchNorm) -> list[str]:
    """Sets ``requires_grad`` of every parameter; batch norm's affine parameters train only under policy ``train``.

    Returns the names that are trainable after all.
    """
    norm_parameters = {
        f"{name}.{own}" if name else own
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
        for own, _ in module.named_parameters(recurse=False)
    }
    chosen = []
    for name, parameter in model.named_parameters():
        wanted = name in trainable and (policy == "train" or name not in norm_parameters)
        parameter.requires_grad_(wanted)
        if wanted:
            chosen.append(name)
    return chosen


def set_training_modes(model: nn.Module, policy: BatchNorm) -> None:
    """Train mode where something learns; eval mode for every part whose parameters are all frozen.

    So the dropout, stochastic depth and running statistics of a frozen backbone stand still. Batch norm that learns, or
    stands behind a layer that learns, follows ``policy``: ``stats`` and ``train`` move its statistics, ``frozen`` does
    not. In a network whose first stage is frozen, that stage's stands still even where it is not a part of its own
    (``conv1`` and ``bn1`` of a ResNet). Where nothing
    learns at all, a phase of forward passes alone, every batch norm follows the policy, and all else is in eval mode.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        model.eval()
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.train(policy != "frozen")
        return
    _set_modes(model, policy)


def _set_modes(model: nn.Module, policy: BatchNorm) -> None:
    model.training = True
    children = list(model.children())
    for place, child in enumerate(children):
        own = list(child.parameters())
        if isinstance(child, _BatchNorm):
            child.train(policy != "frozen" and _learns_here(children, place))
        elif own and not any(parameter.requires_grad for parameter in own):
            child.eval()
        else:
            _set_modes(child, policy)


def _learns_here(children: list[nn.Module], place: int) -> bool:
    """Whether the batch norm at ``place`` learns, or the layer before it (where there is none, the one behind it)."""
    around = [*reversed(children[:place]), *children[place + 1 :]]
    layers = (list(module.parameters()) for module in around if not isinstance(module, _BatchNorm))
    beside = next((parameters for parameters in layers if parameters), [])
    return not beside or any(parameter.requires_grad for parameter in [*children[place].parameters(), *beside])
