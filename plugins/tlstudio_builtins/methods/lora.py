"""LoRA: the pretrained weights stay, low-rank changes of them and the head learn; merged into a plain network."""

import copy

from torch import nn

from tlstudio.api import MethodContext, Phase, TrainingError
from tlstudio.training.modules import Classifier, Segmenter
from tlstudio_builtins.methods import lora_layers
from tlstudio_builtins.methods.layers import decayed
from tlstudio_builtins.methods.lora_options import LoRAOptions
from tlstudio_builtins.methods.tuning import Tuning


class LoRA(Tuning):
    def build(self, context: MethodContext) -> nn.Module:
        """``root`` is trained: the same head around an adapted copy of the backbone."""
        super().build(context)
        self.merged, self.network = self.network, self.root  # type: ignore[assignment]  # what _around made
        return self.root

    def _around(self, network: nn.Module, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, LoRAOptions)
        adapted = copy.deepcopy(context.backbone)
        self._adapted = lora_layers.adapt(adapted, context.options.rank, context.options.alpha)
        if not self._adapted:
            raise TrainingError(
                f"The backbone '{context.descriptor.id}' has no linear layer and no convolution that a change of rank "
                f"{context.options.rank} would make smaller. Choose a lower rank, or fine-tuning."
            )
        if isinstance(network, Segmenter):
            model: Classifier | Segmenter = Segmenter(adapted, network.levels, network.classes)
            model.head = network.head
        else:
            assert isinstance(network, Classifier)
            model = Classifier(adapted, network.head)
        return model

    def predictor(self) -> nn.Module:
        """The plain network with the changes in its weights; brought up to date each time."""
        backbone: nn.Module = self.root.backbone  # type: ignore[assignment]  # both kinds have one
        lora_layers.merge(backbone, self.merged.backbone)
        return self.merged

    def _later_phases(self, context: MethodContext) -> list[Phase]:
        o, parameters = self._training, dict(self.root.named_parameters())
        names = [n for n in parameters if ".parametrizations." in n and n.endswith((".down", ".up"))]
        head = self._head_names()
        trained = sum(parameters[name].numel() for name in [*names, *head])
        total = sum(parameter.numel() for parameter in self.merged.parameters())
        groups = [
            *decayed("head", head, parameters, o.learning_rate, o.weight_decay),
            *decayed("adapters", names, parameters, o.learning_rate, o.weight_decay),
        ]
        title = f"LoRA in {len(self._adapted)} layers, {trained:,} parameters learn beside {total:,}"
        return [self._phase(context, title, groups, o.batch_norm)]
