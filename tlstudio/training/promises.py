"""What a method hands over, looked at as soon as it does: what is wrong with it is said before anything is trained."""

import math
from collections.abc import Container, Iterator, Sequence
from typing import Any, get_args

import torch
from torch import nn

from tlstudio.api.errors import PluginError
from tlstudio.api.modality import ModalityDescriptor
from tlstudio.api.phases import UNLABELLED, Data, Phase, StepOutput, Stream
from tlstudio.data.transforms import Augmentation

_SPLITS = ("train", "val", UNLABELLED)
_NEEDED = {"relabelled": "relabel", "made": "rows"}  # what a stream asks of its method
_WORK = ("solve", "compute")  # likewise a phase, of a method with the same name


def broken(method: str, what: str) -> PluginError:
    return PluginError(f"The method '{method}' cannot be used: {what}. Tell its author, or choose another method.")


def check_module(method: str, made: Any, by: str) -> None:
    """What ``build()`` or ``predictor()`` gave. Raises ``PluginError``."""
    if not isinstance(made, nn.Module):
        raise broken(method, f"its {by}() gave {_kind(made)}, and a torch module is needed")


def check_phases(
    name: str, method: Any, model: nn.Module, phases: Any, modality: ModalityDescriptor, data: Container[Data]
) -> None:
    """``data``: whose samples the run has. Raises ``PluginError`` for the first thing that cannot work."""
    if not isinstance(phases, list | tuple) or not phases or not all(isinstance(p, Phase) for p in phases):
        raise broken(name, f"its phases() gave {_kind(phases)}, and a list of at least one phase is needed")
    for problem in _problems(method, model, phases, modality, data):
        raise broken(name, problem)


def check_step(method: str, output: Any, learns: bool) -> None:
    """What ``step()`` gave; ``learns``: there must be gradients. Raises ``PluginError``."""
    if not isinstance(output, StepOutput):
        raise broken(method, f"its step() gave {_kind(output)}, and a StepOutput is needed")
    loss = output.loss
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise broken(method, f"the loss of its step() is {_kind(loss)}, and a tensor with one number is needed")
    if learns and not loss.requires_grad:
        raise broken(method, "the loss of its step() depends on no parameter that is trained (is it detached?)")


def plain_numbers(logs: dict[str, Any]) -> dict[str, float]:
    """The named numbers of a step as events can hold them; what is none is left out."""
    numbers = {name: value if isinstance(value, float) else float(value) for name, value in logs.items()}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _problems(
    method: Any, model: nn.Module, phases: Sequence[Phase], modality: ModalityDescriptor, data: Container[Data]
) -> Iterator[str]:
    parameters = dict(model.named_parameters())
    parts = {name for name, _ in model.named_modules()}
    names = [phase.name for phase in phases]
    for phase in phases:
        where = f"in its phase '{phase.name}'"
        if names.count(phase.name) > 1:
            yield f"{names.count(phase.name)} of its phases are called '{phase.name}', and each needs a name of its own"
        if phase.epochs < 1 or phase.accumulate < 1:
            yield f"{where} epochs ({phase.epochs}) and accumulate ({phase.accumulate}) must be at least 1"
        unknown = [n for group in phase.groups for n in group.parameters if n not in parameters]
        if unknown:
            yield f"{where} there are no parameters {', '.join(unknown[:3])}"
        if phase.predicts not in ("", "-") and phase.predicts not in parts:
            yield f"{where} it wants to validate '{phase.predicts}', and has no such part"
        if phase.validate_on not in data:
            yield f"{where} it wants to validate on the {phase.validate_on} data set, which the run was not given"
        for flag in _WORK:
            if getattr(phase, flag) and not hasattr(method, flag):
                yield f"{where} it says {flag}=True, and has no method {flag}()"
        if not (phase.streams or phase.solve or phase.compute):
            yield f"{where} there is no stream of batches"
        if len({stream.name for stream in phase.streams}) < len(phase.streams):
            yield f"{where} two streams have the same name"
        for stream in phase.streams:
            for problem in _of_stream(stream, method, modality, data):
                yield f"{where} the stream '{stream.name}' {problem}"
    if phases[-1].predicts:
        yield f"its last phase is about '{phases[-1].predicts}', and must be about the predictor"


def _of_stream(stream: Stream, method: Any, modality: ModalityDescriptor, data: Container[Data]) -> Iterator[str]:
    known = (*modality.augmentations, *get_args(Augmentation))
    if stream.batch_size < 1:
        yield f"has batches of {stream.batch_size} samples"
    if stream.data not in data:
        yield f"is of the {stream.data} data set, which the run was not given (its descriptor's needs must name it)"
    if stream.split not in _SPLITS and not stream.made:
        yield f"asks for the split '{stream.split}', which it cannot have; there are: {', '.join(_SPLITS)}"
    if stream.fold is not None and not 0 <= stream.fold[0] < stream.fold[1]:
        yield f"leaves out part {stream.fold[0]} of {stream.fold[1]}, counted from 0"
    for name in (stream.augmentation, *stream.views):
        if name not in known:
            yield f"asks for the augmentation '{name}'; there are: {', '.join(modality.augmentations)}"
    for flag, wanted in _NEEDED.items():
        if getattr(stream, flag) and not hasattr(method, wanted):
            yield f"says {flag}=True, and the method has no {wanted}()"


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return "nothing" if value is None else f"{type(value).__name__}{' (empty)' if value in ([], ()) else ''}"
