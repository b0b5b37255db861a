"""The standard backbones, declared from ``catalog.json`` and ``resources/glyphnet/glyphnet.json``. No torch
here.
"""

from tlstudio.api import BackboneDescriptor
from tlstudio_builtins.backbones.catalog import torchvision_backbones
from tlstudio_builtins.backbones.glyphnet_card import glyphnet_backbone

BACKBONES: list[BackboneDescriptor] = [*glyphnet_backbone(), *torchvision_backbones()]

__all__ = ["BACKBONES"]
