"""Pre-training, declared without importing torch."""

from tlstudio.api import DatasetProfile, MethodDescriptor
from tlstudio_builtins.methods.pretraining_options import (
    AdversarialOptions,
    AutoencoderOptions,
    ContrastiveOptions,
    MaskedOptions,
    SupervisedOptions,
)

_PIXELS = (
    "It ends with a linear probe, one answer for a whole picture, and here each pixel has a class. Pre-train on "
    "pictures with labels, and begin from that run's backbone here (weights run:ID)."
)
_FACTORIES = "tlstudio_builtins.methods.pretraining_methods"


def with_labels(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    return _PIXELS if task == "segmentation" else None


def draws_pictures(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    """Of single pictures, those of sounds included."""
    if modality == "text":
        return "It draws pictures, and this data set holds texts."
    if modality == "video":
        return "It draws single pictures, and this data set holds films."
    return _PIXELS if task == "segmentation" else None


def has_views(task: str, modality: str, profile: DatasetProfile | None) -> str | None:
    if modality == "text":
        return "It compares two views of a sample, and views of a text differ by slips of writing alone: too little."
    return _PIXELS if task == "segmentation" else None


CARDS = [
    MethodDescriptor(
        id="pretrain-simclr",
        title="Pre-training by contrast (SimCLR)",
        description="Without labels: two views of a picture are to be near each other. The best start for many "
        "pictures, few labels.",
        factory=f"{_FACTORIES}:Contrastive",
        options=ContrastiveOptions,
        supports=has_views,
        formula="l(i,j) = -log( exp(s_ij/t) / Σ_{k≠i} exp(s_ik/t) ), s the cosine of two projected views, mean of "
        "l(i,j) and l(j,i) over the N pairs among 2N views; the anchor itself is not in the sum",
        source="Chen, Kornblith, Norouzi, Hinton: A Simple Framework for Contrastive Learning of Visual "
        "Representations. ICML 2020",
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="pretrain-autoencoder",
        title="Pre-training by denoising",
        description="Without labels: a decoder draws the clean picture from features of a spoilt one. A baseline: such "
        "features are mostly weak.",
        factory=f"{_FACTORIES}:Autoencoder",
        options=AutoencoderOptions,
        supports=draws_pictures,
        formula="min mean ‖g(f(x′)) - x‖² over pixels; x′ = x + σ·noise, or x with blank cells",
        source="Vincent, Larochelle, Bengio, Manzagol: Extracting and Composing Robust Features with Denoising "
        "Autoencoders. ICML 2008",
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="pretrain-masked",
        title="Pre-training by masking (MAE)",
        description="Without labels, for vision transformers: hidden patches are drawn from the rest. To be "
        "fine-tuned afterwards.",
        factory=f"{_FACTORIES}:Masked",
        options=MaskedOptions,
        supports=draws_pictures,
        formula="min over hidden patches of mean (p′ - (p - mean p)/std p)², p′ what is drawn",
        source="He, Chen, Xie, Li, Dollár, Girshick: Masked Autoencoders Are Scalable Vision Learners. CVPR 2022",
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="pretrain-gan",
        title="Pre-training as a GAN's discriminator",
        description="Without labels: the backbone learns to tell pictures from made ones. A weak baseline, to compare "
        "with.",
        factory=f"{_FACTORIES}:Adversarial",
        options=AdversarialOptions,
        supports=draws_pictures,
        formula="D: mean max(0, 1-D(x)) + mean max(0, 1+D(G(z))); G: -mean D(G(z)); D = linear ∘ backbone",
        source="Radford, Metz, Chintala: DCGAN. ICLR 2016; Miyato et al.: Spectral Normalization for GANs. ICLR 2018",
        takes=("unlabelled",),
    ),
    MethodDescriptor(
        id="pretrain-supervised",
        title="Pre-training with labels",
        description="From scratch, on the labels of a second data set, or of this one: the classical way.",
        factory=f"{_FACTORIES}:Supervised",
        options=SupervisedOptions,
        supports=with_labels,
        formula="min mean cross-entropy(h(f(x)), y) over the source; then h is discarded",
        source="Goyal et al.: Accurate, Large Minibatch SGD. 2017 (the recipe)",
        takes=("source",),
    ),
]
