"""Parameter groups by depth: nearer to the input, lower rates."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from torch import nn

from tlstudio.api import BackboneDescriptor, ParameterGroup

Over = Literal["auto", "stages", "blocks"]
STAGE_DECAY, BLOCK_DECAY = 0.8, 0.75  # of a rate, where nothing else is asked for


def stage_groups(
    module: nn.Module,
    descriptor: BackboneDescriptor,
    *,
    prefix: str = "backbone.",
    rate: float,
    decay: float = 0.0,
    weight_decay: float = 0.0,
    trained: int = 0,
    over: Over = "auto",
    wanted: Callable[[str, nn.Parameter], bool] | None = None,
) -> Iterator[ParameterGroup]:
    """From the output to the input; the first group learns at ``rate``, each next one at ``decay`` of that before.

    ``prefix``: where the backbone lies in ``module``, whose parameters the groups name; ``trained``: only so many of
    the last stages, 0: all. ``decay`` 0: 0.8 a stage, 0.75 a block of a transformer. ``wanted`` chooses parameters.
    Biases and normalisation have no weight decay.
    """
    parameters = {
        name: parameter
        for name, parameter in module.named_parameters()
        if name.startswith(prefix) and (wanted is None or wanted(name, parameter))
    }
    backbone = module.get_submodule(prefix.removesuffix("."))
    by_blocks = over == "blocks" or (over == "auto" and has_blocks(backbone))
    factor = decay or (BLOCK_DECAY if by_blocks else STAGE_DECAY)
    least = max(0, len(descriptor.stages) - trained) if trained else 0
    units = [u for u in _units(backbone, descriptor, by_blocks) if u[0] >= least]
    for depth, (_, title, paths) in enumerate(reversed(units)):
        places = tuple(prefix + path for path in paths)
        names = [n for n in parameters if any(n == p or n.startswith(f"{p}.") for p in places)]
        yield from decayed(title, names, parameters, rate * factor**depth, weight_decay)


def decayed(
    name: str, names: list[str], parameters: Mapping[str, nn.Parameter], rate: float, weight_decay: float
) -> Iterator[ParameterGroup]:
    """One group with weight decay, one without for biases and normalisation; none where there is nothing in it."""
    matrices = tuple(n for n in names if parameters[n].ndim > 1)
    vectors = tuple(n for n in names if parameters[n].ndim <= 1)
    if matrices:
        yield ParameterGroup(name, matrices, rate, weight_decay)
    if vectors:
        yield ParameterGroup(f"{name}, undecayed", vectors, rate)


def has_blocks(backbone: nn.Module) -> bool:
    """Whether it is a transformer: a row of blocks, each with its attention."""
    return any(_is_block(module) for module in backbone.modules())


def _is_block(module: nn.Module) -> bool:
    return any("attention" in type(child).__name__.lower() for child in module.children())


def _units(
    backbone: nn.Module, descriptor: BackboneDescriptor, by_blocks: bool
) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """What has one rate, from the input to the output: number of its stage, a title, module paths.

    By blocks: what lies before the first block is a unit, what lies between two belongs to the later one (the merging
    of patches), what follows the last (a norm) to the last.
    """
    if not by_blocks:
        for number, stage in enumerate(descriptor.stages):
            yield number, stage.name, stage.modules
        return
    units: list[tuple[int, str, tuple[str, ...]]] = []
    waiting: list[str] = []
    for number, stage in enumerate(descriptor.stages):
        for path, block in _pieces(backbone, stage.modules):
            waiting.append(path)
            if block and not units and len(waiting) > 1:
                units.append((0, "embedding", tuple(waiting[:-1])))
                del waiting[:-1]
            if block:
                units.append((number, f"block{sum(u[1] != 'embedding' for u in units) + 1}", tuple(waiting)))
                waiting = []
    if waiting and units:
        number, title, paths = units[-1]
        units[-1] = (number, title, (*paths, *waiting))
    elif waiting:
        units.append((0, "all", tuple(waiting)))
    yield from units


def _pieces(backbone: nn.Module, paths: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Paths of modules and parameters, rows of blocks taken apart; and whether each is a block."""
    modules = dict(backbone.named_modules())
    for path in paths:
        module = modules.get(path)
        if isinstance(module, nn.Sequential | nn.ModuleList) and any(_is_block(child) for child in module):
            yield from ((f"{path}.{name}", _is_block(child)) for name, child in module.named_children())
        else:
            yield path, module is not None and _is_block(module)
