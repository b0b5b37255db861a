"""CAM transfer, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.cam_options import CamOptions


def supports(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task == "segmentation":
        return (
            "It looks for the region that decides about a class, and in segmentation the region is the answer itself."
        )
    if task == "regression":
        return "Its attention is led by probabilities of classes, and this data set has numbers."
    if task not in ("classification", "multilabel"):
        return f"It learns classes or labels, and the task of this data set is {task}."
    return None


CARDS = [
    MethodDescriptor(
        id="cam-transfer",
        title="CAM transfer",
        description="Across modalities: your network says where to look in a pretrained one's maps. With every "
        "control.",
        factory="tlstudio_builtins.methods.cam:CamTransfer",
        options=CamOptions,
        supports=supports,
        formula="F = Φ_s(x), p = softmax(G_t(x) / T), a = 2 σ(W₂ relu(W₁ p + b₁) + b₂), M = relu(Σ_c w_c a_c F_c), "
        "m = (M + d) / Σ (M + d), z = Σ_ij m_ij F_ij, answer h(z); "
        "min CE(h(z), y) + ½ CE(h(z_R), y) + .1 KL(U ‖ h(z_rest)) + .01 H(m) / log HW + .001 TV(m) + .01 ‖a - 1‖²",
        source="Class Activation Mapping: Zhou et al. CVPR 2016; gates: Hu et al., Squeeze-and-Excitation, CVPR 2018; "
        "other attention: Xu et al. (CMRAN), ACM MM 2020, and Joze et al. (MMTM), CVPR 2020; "
        "transfer across modalities: Gupta et al. CVPR 2016. The composition has no published result of its own",
        takes=("source",),
        modalities_of_source=("image", "audio", "video", "text"),
    ),
]  # fmt: skip
