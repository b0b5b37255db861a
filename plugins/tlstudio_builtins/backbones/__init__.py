"""The standard backbones, declared from ``catalog.json`` and ``resources/glyphnet/glyphnet.json``, and those for texts.
No torch here.
"""

from tlstudio.api import BackboneDescriptor
from tlstudio_builtins.backbones.catalog import torchvision_backbones
from tlstudio_builtins.backbones.glyphnet_card import glyphnet_backbone
from tlstudio_builtins.backbones.text_card import text_backbones

BACKBONES: list[BackboneDescriptor] = [*glyphnet_backbone(), *torchvision_backbones(), *text_backbones()]

__all__ = ["BACKBONES"]
