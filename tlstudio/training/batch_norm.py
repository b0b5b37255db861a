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

    So the dropout, stochastic depth and running statistics of a frozen backbone stand still. Batch norm beside
    learning layers follows ``policy``: ``stats`` and ``train`` move its statistics, ``frozen`` does not. Where nothing
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
    for child in model.children():
        own = list(child.parameters())
        if isinstance(child, _BatchNorm):
            child.train(policy != "frozen")
        elif own and not any(parameter.requires_grad for parameter in own):
            child.eval()
        else:
            _set_modes(child, policy)
