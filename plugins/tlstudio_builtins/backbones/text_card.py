"""The descriptors of the networks for texts. They come with the application and need no weights."""

from tlstudio.api import BackboneDescriptor, DatasetProfile, Stage

TYPICAL = 256  # bytes of a text, for the numbers below


def texts_only(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    """Whole texts; the reason why not for anything else."""
    if modality != "text":
        return f"It works on texts, and this data set holds {modality}."
    if task == "segmentation":
        return "It gives one answer for a whole text, none for its parts."
    return None


def text_backbones() -> list[BackboneDescriptor]:
    return [
        BackboneDescriptor(
            id="text-ngrams",
            title="Text n-grams",
            description="Counts of letters, syllables and words as a fixed random projection: at once useful without "
            "any training, in any language; trained, it is fastText.",
            factory="tlstudio_builtins.backbones.text_networks:text_ngrams",
            supports=texts_only,
            family="Text",
            parameters=8192 * 1024,
            gflops=0.0084,
            input_size=0,
            feature_dim=1024,
            stages=(Stage(name="table", modules=("table",)),),
            levels=(),
            modality="text",
            license="Apache-2.0",
            flip_safe=False,
        ),
        BackboneDescriptor(
            id="text-cnn",
            title="Text CNN",
            description="A small convolutional network over bytes with random weights, for fine-tuning on some "
            "thousand texts or more.",
            factory="tlstudio_builtins.backbones.text_networks:text_cnn",
            supports=texts_only,
            family="Text",
            parameters=434_880,
            gflops=0.107,
            input_size=0,
            feature_dim=512,
            stages=tuple(Stage(name=name, modules=(name,)) for name in ("bytes", "letters", "phrases")),
            levels=(),
            modality="text",
            license="Apache-2.0",
            flip_safe=False,
        ),
    ]
