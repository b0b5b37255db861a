"""Kinds of samples, declared without importing torch."""

from tlstudio.api import ModalityDescriptor

MODALITIES = [
    ModalityDescriptor(
        id="image",
        title="Pictures",
        description="JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF and more; upright, 8 bits, RGB.",
        factory="tlstudio_builtins.modalities.image:Image",
        samples="tlstudio_builtins.modalities.image_samples:ImageSamples",
        suffixes=(
            ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
            ".pbm", ".pnm", ".avif", ".jp2", ".tga",
        ),
        noun=("picture", "pictures"),
        backbones=("image",),
    ),
]  # fmt: skip
