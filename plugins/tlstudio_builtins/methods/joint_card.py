"""Learning from a source and the target at once, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.joint_options import JointOptions


def _whole_samples(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task == "segmentation":
        return "It learns answers for whole samples, and the task of this data set is a class for each pixel."
    return None


CARDS = [
    MethodDescriptor(
        id="joint",
        title="Joint source and target",
        description="Learns from a second, labelled data set and yours at the same time; tells what that gained.",
        factory="tlstudio_builtins.methods.joint:Joint",
        options=JointOptions,
        supports=_whole_samples,
        formula="min over θ, θ', h_s, h_t of L(h_s ∘ θ; D_s) + λ L(h_t ∘ θ'; D_t), with θ' = θ (hard), "
        "+ μ/2 ‖θ' - θ‖² (soft), or the first term alone, then the second from θ' ← θ (sequential)",
        source="Caruana: Multitask Learning. Machine Learning 28 (1997); Chang et al.: Domain-Specific Batch "
        "Normalization. CVPR 2019",
        needs=("source",),
        modalities_of_source=("image", "audio", "video", "text"),
    ),
]
