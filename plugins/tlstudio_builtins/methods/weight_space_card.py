"""Methods that work on the weights of finished runs, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.soup_options import ModelSoupOptions
from tlstudio_builtins.methods.wise_ft_options import WiseFTOptions


def _interpolates(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task == "segmentation":
        return "A head for pixels has no best linear solution, which the pretrained end of the interpolation needs."
    return None


def _averages(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    return None


CARDS: list[MethodDescriptor] = [
    MethodDescriptor(
        id="wise-ft",
        title="Weight interpolation (WiSE-FT)",
        description="Between the pretrained weights and those of a fine-tuned run: steadier where data shift. No "
        "training.",
        factory="tlstudio_builtins.methods.wise_ft:WiseFT",
        options=WiseFTOptions,
        supports=_interpolates,
        formula="θ = (1 - α) θ₀ + α θ_ft, where θ₀ is the pretrained backbone with the linear head that is best for "
        "it, θ_ft the fine-tuned run, and α is chosen on validation or set",
        source="Wortsman et al.: Robust Fine-Tuning of Zero-Shot Models. CVPR 2022, equation 1",
        needs=("runs",),
        takes=("source",),
        same_classes=True,
    ),
    MethodDescriptor(
        id="model-soup",
        title="Model soup",
        description="The average of several fine-tuned runs with a common start: often better than the best of them, "
        "at the cost of one. No training.",
        factory="tlstudio_builtins.methods.soup:ModelSoup",
        options=ModelSoupOptions,
        supports=_averages,
        formula="θ = mean of θᵢ over the runs in the soup; greedy: sorted by validation, each stays in if validation "
        "is not worse with it",
        source="Wortsman et al.: Model Soups: Averaging Weights of Multiple Fine-Tuned Models Improves Accuracy "
        "without Increasing Inference Time. ICML 2022, section 2",
        needs=("runs",),
    ),
]
