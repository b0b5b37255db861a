"""Which loss of outputs a task gets, and how it is weighed against the labels."""

import torch

from tlstudio.api import StepState
from tlstudio_builtins.methods import distillation_losses as losses
from tlstudio_builtins.methods.distillation_levels import USUAL_WEIGHTS
from tlstudio_builtins.methods.distillation_options import Losses

SHARE, SHARE_FROM_RANDOM = 0.5, 0.9  # of the teacher, where the student knows something and where it does not


class Terms:
    """``std``: of each number, for regression. ``by_class``: whether targets are classes, of samples or of pixels."""

    def __init__(self, options: Losses, task: str, from_random: bool, std: torch.Tensor) -> None:
        self._options, self._task, self._std = options, task, std
        self.by_class = task in ("classification", "segmentation")
        self.share = options.alpha or (SHARE_FROM_RANDOM if from_random else SHARE)

    def soft(self, outputs: torch.Tensor, told: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The distance of the student's ``outputs`` from what the teacher ``told``, unweighted."""
        o = self._options
        if o.loss == "none":
            return outputs.new_zeros(())
        if o.loss == "dkd":
            return losses.decoupled(outputs, told, targets, o.temperature, o.dkd_alpha, o.dkd_beta)
        if o.loss == "dist":
            return losses.relations(outputs, told, o.temperature, o.dist_beta, o.dist_gamma)
        if o.loss == "cwd":
            return losses.channel_wise(outputs, told, targets, o.temperature)
        if self._task == "segmentation":
            return losses.soft_pixels(outputs, told, targets, o.temperature)
        if self._task == "multilabel":
            return losses.soft_labels(outputs, told, o.temperature)
        if self._task == "regression":
            return losses.same_numbers(outputs, told, self._std.to(outputs.device))
        return losses.soft_cross_entropy(outputs, told, o.temperature)

    def weighed(self, hard: torch.Tensor, soft: torch.Tensor, mapped: torch.Tensor, state: StepState) -> torch.Tensor:
        """``hard``: loss of the labels; ``mapped``: of feature maps."""
        o = self._options
        if o.loss in ("logits", "cwd"):
            loss = (1 - self.share) * hard + self.share * soft
        elif o.loss == "dkd":
            loss = hard + min(1.0, state.step / max(1.0, o.dkd_warmup * state.steps)) * soft
        else:
            loss = hard + soft
        if o.features == "none":
            return loss
        return loss + (o.feature_weight or USUAL_WEIGHTS[o.features]) * mapped
