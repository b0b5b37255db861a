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
        augmentations=("light", "none", "medium", "characters", "contrastive"),
    ),
    ModalityDescriptor(
        id="audio",
        title="Sounds",
        description="WAV, FLAC, Ogg, MP3, AIFF and more; mono, as pictures of their mel spectrograms.",
        factory="tlstudio_builtins.modalities.audio:Audio",
        samples="tlstudio_builtins.modalities.audio_samples:AudioSamples",
        suffixes=(
            ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
            ".w64", ".rf64", ".sph",
        ),
        noun=("sound", "sounds"),
        backbones=("image",),
        augmentations=("light", "none", "medium"),
    ),
    ModalityDescriptor(
        id="text",
        title="Texts",
        description="Plain text in any language: UTF-8, UTF-16 or Windows-1252; read as bytes.",
        factory="tlstudio_builtins.modalities.text:Text",
        samples="tlstudio_builtins.modalities.text_samples:TextSamples",
        suffixes=(".txt", ".text", ".md", ".rst", ".html", ".htm", ".eml"),
        noun=("text", "texts"),
        backbones=("text",),
        augmentations=("light", "none"),
    ),
    ModalityDescriptor(
        id="video",
        title="Films",
        description="MP4, MOV, Matroska, WebM, AVI, MPEG and more; eight frames of each, evenly spaced in time.",
        factory="tlstudio_builtins.modalities.video:Video",
        samples="tlstudio_builtins.modalities.video_samples:VideoSamples",
        suffixes=(
            ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".wmv",
            ".asf", ".flv", ".ogv", ".3gp", ".3g2",
        ),
        noun=("film", "films"),
        backbones=("image",),
        augmentations=("light", "none", "medium", "characters", "contrastive"),
    ),
]  # fmt: skip
