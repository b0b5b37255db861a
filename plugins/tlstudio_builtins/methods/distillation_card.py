"""Distillation, declared without importing torch. One method does all of it; its kinds differ in what is set."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio.api.descriptors import Supports
from tlstudio_builtins.methods.distillation_options import (
    AttentionOptions,
    DistillationOptions,
    DISTOptions,
    DKDOptions,
    Features,
    HintOptions,
    Loss,
)

KNOWN = ("classification", "multilabel", "regression", "segmentation")
_FACTORY = "tlstudio_builtins.methods.distillation:Distillation"


def refusal(loss: Loss, features: Features, task: str, modality: str, classes: int) -> str | None:
    """Why these losses make no sense here, as a sentence. ``classes`` 0: unknown."""
    if loss == "none" and features == "none":
        return "Distillation needs a loss of outputs or of feature maps, and both are set to none."
    if loss == "dkd" and task != "classification":
        return f"DKD tells the right class from the others, and the task of this data set is {task}; use logits."
    if loss == "dkd" and classes == 2:
        return "With two classes there are no others beside the right one for DKD to speak of; use logits."
    if loss == "dist" and task != "classification":
        return f"DIST compares the classes of a sample, of which one is right, and the task here is {task}; use logits."
    if loss == "cwd" and task != "segmentation":
        return f"CWD says where in a picture a class is, and the task of this data set is {task}; use logits."
    if loss == "logits" and task not in KNOWN:
        return f"What the answers of a teacher mean is known for {', '.join(KNOWN)} alone, not for {task}."
    if features != "none" and modality == "text":
        return "Networks for texts have no feature maps; distil their outputs instead."
    return None


def _supports(loss: Loss, features: Features) -> Supports:
    def supports(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
        return refusal(loss, features, task, modality, profile.classes if profile else 0)

    return supports


CARDS: list[MethodDescriptor] = [
    MethodDescriptor(
        id="distillation",
        title="Distillation",
        description="A small network learns from a large one's answers as well as from the labels: for a model that "
        "is to run on little.",
        factory=_FACTORY,
        options=DistillationOptions,
        supports=_supports("logits", "none"),
        formula="min over student s of (1 - α) CE(s, y) + α T² KL(softmax(t / T) ‖ softmax(s / T)), t the frozen "
        "teacher's logits of the same view; several labels: KL of each at T; numbers: mean of ((s - t) / σ)²; "
        "pixels: KL of each, or channel-wise",
        source="Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. 2015",
        needs=("teacher",),
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="distillation-dkd",
        title="Distillation, decoupled (DKD)",
        description="What the teacher says of the right class and what it says of all others, weighed apart: often "
        "the best for many classes.",
        factory=_FACTORY,
        options=DKDOptions,
        supports=_supports("dkd", "none"),
        formula="min over s of CE(s, y) + T² (α KL(b_t ‖ b_s) + β KL(q_t ‖ q_s)), b = (p_y, 1 - p_y) and q the "
        "softmax over the classes other than y, both at T",
        source="Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation. CVPR 2022",
        needs=("teacher",),
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="distillation-dist",
        title="Distillation by relations (DIST)",
        description="The student agrees with the teacher in what is more likely than what, not in how likely: for a "
        "teacher much larger than the student.",
        factory=_FACTORY,
        options=DISTOptions,
        supports=_supports("dist", "none"),
        formula="min over s of CE(s, y) + τ² (β mean over samples of (1 - ρ(p_s,i·, p_t,i·)) + γ mean over classes "
        "of (1 - ρ(p_s,·c, p_t,·c))), ρ Pearson's correlation, p the softmax at τ",
        source="Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher. NeurIPS 2022",
        needs=("teacher",),
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="distillation-hints",
        title="Distillation by hints (FitNet)",
        description="A feature map in the student's middle is to hold what the teacher's holds.",
        factory=_FACTORY,
        options=HintOptions,
        supports=_supports("none", "hints"),
        formula="min over s, r of CE(s, y) + w mean (r(F_s) - F_t)², F maps of a middle level, r a 1×1 convolution "
        "with batch norm",
        source="Romero et al.: FitNets: Hints for Thin Deep Nets. ICLR 2015",
        needs=("teacher",),
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="distillation-attention",
        title="Distillation of attention (AT)",
        description="The student is to look where the teacher looks, on every level.",
        factory=_FACTORY,
        options=AttentionOptions,
        supports=_supports("none", "attention"),
        formula="min over s of CE(s, y) + w Σ over levels of mean (Q_s / ‖Q_s‖ - Q_t / ‖Q_t‖)², Q = mean over "
        "channels of |F|^p",
        source="Zagoruyko, Komodakis: Paying More Attention to Attention. ICLR 2017",
        needs=("teacher",),
        takes=("unlabelled",),
    ),
]
