"""Fine-tuning in two stages (LP-FT): the head on frozen features, then all layers at discriminative rates."""

import dataclasses
from collections.abc import Iterator

from torch import nn

from tlstudio.api import MethodContext, ParameterGroup, Phase, Schedule
from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions, Layers
from tlstudio_builtins.methods.layers import decayed, stage_groups
from tlstudio_builtins.methods.tuning import Tuning


class FineTuning(Tuning):
    def _later_phases(self, context: MethodContext) -> list[Phase]:
        """With gradual unfreezing (Howard and Ruder 2018, section 3.3) one for each further stage."""
        assert isinstance(context.options, Layers)
        stages = len(context.descriptor.stages)
        trained = min(context.options.train_stages or stages, stages)
        full = self._full_phase(context, trained)
        if context.options.unfreezing == "at-once":
            return [full]
        opening = [
            dataclasses.replace(
                self._full_phase(context, count),
                name=f"last-{count}",
                epochs=context.options.unfreeze_epochs,
                schedule=Schedule(kind="constant", warmup=self._training.warmup),
                patience=0,
            )
            for count in range(1, trained)
        ]
        return [*opening, full]

    def _full_phase(self, context: MethodContext, trained: int) -> Phase:
        o = context.options
        biases = isinstance(o, FineTuningOptions) and o.bias_only
        stages = len(context.descriptor.stages)
        part = "all layers" if trained == stages else f"last {trained} stages" if trained > 1 else "last stage"
        what = "biases only" if biases and trained == stages else f"biases of {part}" if biases else part
        batch_norm = "train" if biases and self._training.batch_norm == "frozen" else self._training.batch_norm
        groups = self._groups(context, trained, biases)
        return self._phase(context, f"Fine-tuning, {what}", groups, batch_norm)

    def _groups(self, context: MethodContext, trained: int, biases: bool) -> Iterator[ParameterGroup]:
        """Head first, then the layers from the output to the input; biases and normalisation are not decayed."""
        assert isinstance(context.options, Layers)
        o, layers = self._training, context.options
        parameters = dict(self.root.named_parameters())
        yield from decayed("head", self._head_names(), parameters, o.learning_rate, o.weight_decay)
        groups = stage_groups(
            self.root,
            context.descriptor,
            prefix=f"{self.at}backbone.",
            rate=o.learning_rate * layers.backbone_rate,
            decay=layers.stage_decay,
            weight_decay=o.weight_decay,
            trained=trained,
            over=layers.decay_over,
            wanted=_is_bias if biases else None,
        )
        growth, most = layers.backbone_growth, max(1.0, 1.0 / layers.backbone_rate)
        for group in groups:
            yield dataclasses.replace(group, growth=growth, most=most) if growth > 1 else group


def _is_bias(name: str, parameter: nn.Parameter) -> bool:
    """A bias, or a parameter of normalisation."""
    return parameter.ndim <= 1
