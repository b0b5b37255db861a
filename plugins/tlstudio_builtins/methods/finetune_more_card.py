"""Relatives of fine-tuning, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.bias_tuning_options import BiasTuningOptions
from tlstudio_builtins.methods.co_tuning_options import CoTuningOptions
from tlstudio_builtins.methods.delta_options import DeltaOptions
from tlstudio_builtins.methods.l2_sp_options import L2SPOptions
from tlstudio_builtins.methods.lora_options import LoRAOptions


def _has_biases(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if modality == "text":
        return "The networks for texts begin without pretrained weights, so that their weights have to learn."
    return None


def _has_maps(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if modality == "text":
        return "The networks for texts have no pretrained feature maps that could be held."
    return None


def _has_start(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if modality == "text":
        return "The networks for texts begin without pretrained weights, so that there is nothing to stay near to."
    return None


def _one_class(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if task != "classification":
        return "It relates the backbone's classes to yours, and needs one class for each sample."
    if modality == "text":
        return "The networks for texts begin without pretrained weights, so that they know no classes of their own."
    return None


CARDS: list[MethodDescriptor] = [
    MethodDescriptor(
        id="bias-tuning",
        title="Bias-tuning",
        description="Only biases, normalisation and the head learn: between a frozen backbone and full fine-tuning.",
        factory="tlstudio_builtins.methods.bias_tuning:BiasTuning",
        options=BiasTuningOptions,
        supports=_has_biases,
        formula="min over b, γ, β, W of mean cross-entropy(h_W(f_θ(x)), y), where b are the biases in θ, γ and β the "
        "parameters of its normalisation; every other weight in θ stays",
        source="Ben Zaken, Ravfogel, Goldberg: BitFit. ACL 2022; Cai et al.: TinyTL. NeurIPS 2020",
    ),
    MethodDescriptor(
        id="lora",
        title="LoRA",
        description="Small low-rank changes of the weights learn; merged at the end into a network like any other.",
        factory="tlstudio_builtins.methods.lora:LoRA",
        options=LoRAOptions,
        supports=_has_biases,
        formula="W = W₀ + α/r B A, with B ∈ ℝ^(out×r), A ∈ ℝ^(r×in), B = 0 at first; A, B and the head learn, W₀ stays",
        source="Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models. ICLR 2022, section 4.1",
    ),
    MethodDescriptor(
        id="l2-sp",
        title="L2-SP",
        description="Fine-tuning that is held near the pretrained weights: for few samples like those of pretraining.",
        factory="tlstudio_builtins.methods.l2_sp:L2SP",
        options=L2SPOptions,
        supports=_has_start,
        formula="min over θ, W of mean cross-entropy + μ/2 ‖θ - θ₀‖² + β/2 ‖W‖², where θ₀ are the pretrained weights",
        source="Li, Grandvalet, Davoine: Explicit Inductive Bias for Transfer Learning with Convolutional Networks. "
        "ICML 2018, section 3",
    ),
    MethodDescriptor(
        id="delta",
        title="DELTA",
        description="Fine-tuning whose feature maps are held near the pretrained ones, in the channels that matter.",
        factory="tlstudio_builtins.methods.delta:Delta",
        options=DeltaOptions,
        supports=_has_maps,
        formula="min over θ, W of mean cross-entropy + α Σ_levels C/P Σ_c a_c ½ ‖FM_c(θ, x) - FM_c(θ₀, x)‖² + "
        "μ/2 ‖θ - θ₀‖² + β/2 ‖W‖², where a is a softmax over channels of the loss without each of them",
        source="Li et al.: DELTA: Deep Learning Transfer Using Feature Map with Attention for Convolutional Networks. "
        "ICLR 2019, sections 3.2 and 3.3",
    ),
    MethodDescriptor(
        id="co-tuning",
        title="Co-Tuning",
        description="Fine-tuning that uses the pretrained classifier, too: its classes are related to yours.",
        factory="tlstudio_builtins.methods.co_tuning:CoTuning",
        options=CoTuningOptions,
        supports=_one_class,
        source_classes=True,
        formula="min over θ, W, S of mean cross-entropy(h_W(f_θ(x)), y) + λ mean cross-entropy(h_S(f_θ(x)), p(s | y)), "
        "where S is the classifier that the weights came with and p(s | y) what it says of class y before it learns",
        source="You, Kou, Long, Wang: Co-Tuning for Transfer Learning. NeurIPS 2020, section 3",
    ),
]
