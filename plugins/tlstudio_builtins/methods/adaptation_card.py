"""Unsupervised domain adaptation, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.adaptation_options import (
    AdaBNOptions,
    CDANOptions,
    DANNOptions,
    MCCOptions,
    MDDOptions,
    SourceOnlyOptions,
)

_FACTORY = "tlstudio_builtins.methods.adaptation"


def _classes(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task != "classification":
        return f"It needs one class a sample, and the task of this data set is {task}."
    return None


CARDS = [
    MethodDescriptor(
        id="source-only",
        title="Source only",
        description="Learns from the source alone and is measured on the target: the baseline of domain adaptation.",
        factory=f"{_FACTORY}:SourceOnly",
        options=SourceOnlyOptions,
        supports=_classes,
        formula="min over θ, W of mean cross-entropy(h_W(f_θ(x_s)), y_s)",
        source="Empirical risk minimisation; settings as in Jiang et al.: Transferability in Deep Learning. 2022",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
    MethodDescriptor(
        id="adabn",
        title="Adaptive batch norm",
        description="Learns from the source, then takes the statistics of batch norm from the unlabelled target: "
        "nothing to set, and a minute at most.",
        factory=f"{_FACTORY}:AdaBN",
        options=AdaBNOptions,
        supports=_classes,
        formula="after learning from the source: mean and variance of every batch norm := those of the target's "
        "batches; all weights stay",
        source="Li et al.: Revisiting Batch Normalization For Practical Domain Adaptation. ICLR workshop 2017",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
    MethodDescriptor(
        id="mcc",
        title="Minimum class confusion",
        description="Learns from the source, and to confuse no two classes on the unlabelled target: the first choice.",
        factory=f"{_FACTORY}:MCC",
        options=MCCOptions,
        supports=_classes,
        formula="min over θ, W of CE_s + mean over classes of the off-diagonal of C, where C = row-normalised "
        "Σ_i w_i p_i p_iᵀ, p_i = softmax(h_W(f_θ(x_t,i)) / T), w_i ∝ 1 + exp(-H(p_i))",
        source="Jin, Wang, Long, Wang: Minimum Class Confusion for Versatile Domain Adaptation. ECCV 2020",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
    MethodDescriptor(
        id="dann",
        title="Domain-adversarial network",
        description="Learns features from which a second network cannot tell the source from the target.",
        factory=f"{_FACTORY}:DANN",
        options=DANNOptions,
        supports=_classes,
        formula="min over θ, W, max over D of CE_s - λ BCE(D(f_θ(x)), domain), by a reversed gradient with "
        "λ = 2 / (1 + exp(-20 i / I)) - 1 at step i of I",
        source="Ganin et al.: Domain-Adversarial Training of Neural Networks. JMLR 17 (2016)",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
    MethodDescriptor(
        id="cdan",
        title="Conditional domain-adversarial network",
        description="As the domain-adversarial network, whose second network sees the answers beside the features.",
        factory="tlstudio_builtins.methods.adaptation_conditional:CDAN",
        options=CDANOptions,
        supports=_classes,
        formula="as DANN, D(f_θ(x) ⊗ softmax(h_W(f_θ(x)))) instead of D(f_θ(x)); the product by random projections",
        source="Long, Cao, Wang, Jordan: Conditional Adversarial Domain Adaptation. NeurIPS 2018",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
    MethodDescriptor(
        id="mdd",
        title="Margin disparity discrepancy",
        description="A second classifier looks for where source and target could be told apart; the features learn to "
        "leave it no room.",
        factory=f"{_FACTORY}:MDD",
        options=MDDOptions,
        supports=_classes,
        formula="min over θ, W of CE_s - η · min over h' of [γ CE(h'(f_s), ŷ_s) - log(1 - p'_t[ŷ_t])], where ŷ are "
        "h's own answers; by a reversed gradient",
        source="Zhang, Liu, Long, Jordan: Bridging Theory and Algorithm for Domain Adaptation. ICML 2019",
        needs=("source",),
        same_classes=True,
        target_labels=False,
    ),
]
