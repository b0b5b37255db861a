"""Methods that learn from samples without labels as well, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.fixmatch_options import FixMatchOptions, FlexMatchOptions
from tlstudio_builtins.methods.self_training_options import SelfTrainingOptions


def one_class_each(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task != "classification":
        return "It gives samples one class each, so it is for classification alone."
    return None


CARDS = [
    MethodDescriptor(
        id="self-training",
        title="Self-training",
        description="The model labels what it is sure of, and learns from that too, for some rounds. You can strike "
        "out labels.",
        factory="tlstudio_builtins.methods.self_training:SelfTraining",
        options=SelfTrainingOptions,
        supports=one_class_each,
        needs=("unlabelled",),
        formula="min over θ of Σ CE(p_θ(x), y) over labelled samples + w Σ CE(p_θ(u), ŷ) over u with max softmax(z/T) "
        "≥ τ, at most max(10, c·n_k) new ones of class k in a round; ŷ = argmax z, T fitted on validation, w = 0.5, "
        "τ = 0.95, c = 0.5",
        source="Lee: Pseudo-Label. ICML Workshop 2013; Cascante-Bonilla et al.: Curriculum Labeling. AAAI 2021; "
        "temperature: Guo et al., ICML 2017",
    ),
    MethodDescriptor(
        id="fixmatch",
        title="FixMatch",
        description="What the model is sure of in a slightly changed sample, it must also say of a strongly changed "
        "one. For few labels and a large pool.",
        factory="tlstudio_builtins.methods.fixmatch:FixMatch",
        options=FixMatchOptions,
        supports=one_class_each,
        needs=("unlabelled",),
        formula="min over θ of CE(p_θ(α(x)), y) + λ · mean of 1[max q ≥ τ] · CE(p_θ(A(u)), argmax q), where q = "
        "p_θ(α(u)) without gradient, α is a weak and A a strong augmentation, τ = 0.95, λ = 1",
        source="Sohn et al.: FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence. NeurIPS "
        "2020",
    ),
    MethodDescriptor(
        id="flexmatch",
        title="FlexMatch",
        description="FixMatch with a threshold for each class, lower for classes that are hard to learn. Usually the "
        "better choice where labels are very few.",
        factory="tlstudio_builtins.methods.fixmatch:FlexMatch",
        options=FlexMatchOptions,
        supports=one_class_each,
        needs=("unlabelled",),
        formula="FixMatch with τ_c = β_c / (2 - β_c) · τ, where β_c = σ_c / max(max σ, N - Σσ) and σ_c counts the "
        "samples of the pool whose last guess above τ was class c",
        source="Zhang et al.: FlexMatch: Boosting Semi-Supervised Learning with Curriculum Pseudo Labeling. NeurIPS "
        "2021",
    ),
]
