"""A vision transformer small enough to be trained from nothing on one machine."""

from torch import nn
from torchvision.models import VisionTransformer

SIZE, PATCH, DEPTH, HEADS, WIDTH = 64, 8, 6, 3, 192


def vit_tiny() -> VisionTransformer:
    """Pictures ``[N, 3, 64, 64]`` to the class token's code ``[N, 192]`` (Dosovitskiy et al. 2021; width and heads of
    DeiT-Ti, Touvron et al. 2021, half of its depth, patches of 8 pixels).
    """
    network = VisionTransformer(
        image_size=SIZE, patch_size=PATCH, num_layers=DEPTH, num_heads=HEADS, hidden_dim=WIDTH, mlp_dim=4 * WIDTH
    )
    network.heads = nn.Identity()
    return network
