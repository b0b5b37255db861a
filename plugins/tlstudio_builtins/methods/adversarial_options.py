"""What can be set for adversarial fine-tuning."""

from typing import Literal

from tlstudio.api import option
from tlstudio_builtins.methods.fine_tuning_options import Beginning, Layers, Training

_TRADES = {"defence": ("trades",)}


class Attack(Beginning):
    defence: Literal["half-clean", "trades"] = option(
        "half-clean",
        title="Defence",
        help="half-clean: the loss is half on pictures as they are, half on attacked ones. trades: on pictures as they "
        "are, plus how far an attack can move the answer.",
    )
    eps: float = option(
        4.0,
        title="ε",
        help="How far each pixel may be moved, of 255. 8 is usual for pictures of 32 pixels, 4 for 224.",
        unit="/255",
        gt=0.0,
        le=64.0,
    )
    attack_steps: int = option(
        7,
        title="Steps of the attack",
        help="Passes of the network for each batch beside the usual one: training takes about so many times as long.",
        ge=1,
        le=100,
    )
    beta: float = option(
        6.0, title="β", help="Weight of the second term of TRADES.", level="all", only_if=_TRADES, gt=0.0, le=100.0
    )
    chosen_by: Literal["robust", "clean"] = option(
        "robust",
        title="Best epoch by",
        help="robust: validation accuracy under attack. clean: the run's metric on pictures as they are.",
        level="all",
    )


class AdversarialOptions(Training, Layers, Attack):
    pass
