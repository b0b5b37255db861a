"""The standard backbones, declared from ``catalog.json`` and ``resources/glyphnet/glyphnet.json``, small networks and
those for texts. No torch here.
"""

from tlstudio.api import BackboneDescriptor
from tlstudio_builtins.backbones.catalog import torchvision_backbones
from tlstudio_builtins.backbones.glyphnet_card import glyphnet_backbone
from tlstudio_builtins.backbones.small_networks_card import small_backbones
from tlstudio_builtins.backbones.small_transformer_card import small_transformers
from tlstudio_builtins.backbones.text_card import text_backbones

BACKBONES: list[BackboneDescriptor] = [
    *glyphnet_backbone(),
    *torchvision_backbones(),
    *small_backbones(),
    *small_transformers(),
    *text_backbones(),
]

__all__ = ["BACKBONES"]
