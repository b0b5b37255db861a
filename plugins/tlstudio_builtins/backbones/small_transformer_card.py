"""The descriptor of the small vision transformer, for which there are no published weights."""

from tlstudio.api import BackboneDescriptor, FeatureLevel, Stage, takes_pictures

_BLOCKS, _WIDTH, _PATCH = 6, 192, 8


def _block(number: int) -> str:
    return f"encoder.layers.encoder_layer_{number}"


def small_transformers() -> list[BackboneDescriptor]:
    return [
        BackboneDescriptor(
            id="vit_tiny",
            title="ViT tiny",
            description="A small transformer for pictures of 64 pixels, with random weights: to be pre-trained on your "
            "own pictures, by a masked autoencoder for example (Dosovitskiy et al. 2021).",
            factory="tlstudio_builtins.backbones.small_transformer:vit_tiny",
            supports=takes_pictures,
            family="Small",
            parameters=2_719_296,
            gflops=0.185,
            input_size=64,
            feature_dim=_WIDTH,
            stages=(
                Stage(name="patches", modules=("class_token", "conv_proj", "encoder.pos_embedding")),
                *(
                    Stage(name=f"blocks{first + 1}-{first + 2}", modules=(_block(first), _block(first + 1)))
                    for first in range(0, _BLOCKS - 2, 2)
                ),
                Stage(name="blocks5-6", modules=(_block(4), _block(5), "encoder.ln")),
            ),
            levels=tuple(
                FeatureLevel(name=f"block{n}", module=_block(n - 1), channels=_WIDTH, stride=_PATCH, layout="tokens")
                for n in (2, 4, 6)
            ),
            license="Apache-2.0",
        )
    ]
