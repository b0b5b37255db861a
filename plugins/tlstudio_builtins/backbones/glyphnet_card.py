"""The descriptor of glyphnet, the backbone that comes with the application, from the card beside its
weights.
"""

import json

from tlstudio import paths
from tlstudio.api import BackboneDescriptor, FeatureLevel, Preprocessing, Stage, Weights, takes_pictures

GFLOPS = 0.039  # multiply-adds in 1e9 for one picture of 40 pixels; a test counts them


def glyphnet_backbone() -> list[BackboneDescriptor]:
    """One descriptor, or none in a source tree whose weights have not been made yet."""
    place = paths.resource("glyphnet/glyphnet.json")
    if not place.is_file():
        return []
    card = json.loads(place.read_text(encoding="utf-8"))
    levels = tuple(FeatureLevel(name=n, module=m, channels=c, stride=s) for n, m, c, s in card["levels"])
    preset = card["preprocessing"]
    preprocessing = Preprocessing(
        resize=preset["resize"], crop=preset["crop"], mean=tuple(preset["mean"]), std=tuple(preset["std"])
    )
    weights = Weights(
        id="glyphs",
        trained_on="printed characters",
        preprocessing=preprocessing,
        resource="glyphnet/glyphnet.safetensors",
        sha256=card["sha256"],
        size_bytes=paths.resource("glyphnet/glyphnet.safetensors").stat().st_size,
        license="Apache-2.0",
    )
    return [
        BackboneDescriptor(
            id="glyphnet",
            title="GlyphNet",
            description="Small and quick, comes with the application: pretrained on printed characters, for "
            "digits, "
            "letters and signs rather than photographs.",
            factory="tlstudio_builtins.backbones.glyphnet:glyphnet",
            supports=takes_pictures,
            family="GlyphNet",
            parameters=card["parameters"],
            gflops=GFLOPS,
            input_size=card["input_size"],
            feature_dim=card["feature_dim"],
            stages=tuple(Stage(name=level.name, modules=(level.module,)) for level in levels),
            levels=levels,
            weights=(weights,),
            license="Apache-2.0",
            flip_safe=False,
        )
    ]
