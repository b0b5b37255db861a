"""A method's context without a project, and networks that have learnt something."""

import torch
from torch import nn

from tlstudio.api import DatasetProfile, MethodContext, Options, Preprocessing, TaskInfo
from tlstudio.registry import Registry
from tlstudio_builtins.tasks.objectives import ClassObjective

CLASSES = ("a", "b", "c")
INFO = TaskInfo(class_names=CLASSES, class_counts=(8, 8, 8))
PROFILE = DatasetProfile(
    items=24, train_items=24, val_items=0, test_items=0, classes=3, smallest_class=8, largest_class=8
)


def context_of(backbone: nn.Module, options: Options, descriptor: str = "glyphnet") -> MethodContext:
    """Three classes of pictures."""
    return MethodContext(
        backbone=backbone,
        descriptor=Registry.discover().backbone(descriptor),
        preprocessing=Preprocessing(resize=24, crop=24),
        options=options,
        class_names=CLASSES,
        class_counts=INFO.class_counts,
        task="classification",
        profile=PROFILE,
        seed=0,
        objective=ClassObjective(INFO, {}),
    )


@torch.no_grad()
def moved(module: nn.Module, by: float = 0.05) -> nn.Module:
    """Every parameter a little elsewhere."""
    drawn = torch.Generator().manual_seed(3)
    for parameter in module.parameters():
        parameter.add_(by * torch.randn(parameter.shape, generator=drawn))
    return module
