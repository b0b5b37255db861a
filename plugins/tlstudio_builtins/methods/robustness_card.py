"""Methods against attacks, declared without importing torch."""

from tlstudio.api import MethodDescriptor, images_only
from tlstudio_builtins.methods.adversarial_options import AdversarialOptions

CARDS: list[MethodDescriptor] = [
    MethodDescriptor(
        id="adversarial-fine-tuning",
        title="Adversarial fine-tuning",
        description="Fine-tuning on pictures that are attacked meanwhile: harder to fool, a little less accurate.",
        factory="tlstudio_builtins.methods.adversarial:AdversarialFineTuning",
        options=AdversarialOptions,
        supports=images_only,
        formula="min over θ of ½ CE(f(x), y) + ½ max over ‖δ‖∞ ≤ ε of CE(f(x + δ), y), the maximum by PGD; TRADES: "
        "CE(f(x), y) + β max over ‖δ‖∞ ≤ ε of KL(f(x) ‖ f(x + δ))",
        source="Madry et al.: Towards Deep Learning Models Resistant to Adversarial Attacks. ICLR 2018; Zhang et al.: "
        "Theoretically Principled Trade-off between Robustness and Accuracy. ICML 2019 (TRADES)",
    ),
]
