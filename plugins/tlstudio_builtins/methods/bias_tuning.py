"""Bias-tuning (BitFit): biases, the parameters of normalisation, and the head; every weight matrix stays."""

from collections.abc import Iterator

from torch.nn.modules.batchnorm import _BatchNorm

from tlstudio.api import MethodContext, ParameterGroup, Phase
from tlstudio_builtins.methods.layers import decayed
from tlstudio_builtins.methods.tuning import Tuning


class BiasTuning(Tuning):
    def _later_phases(self, context: MethodContext) -> list[Phase]:
        groups = list(self._groups())
        parameters = dict(self.root.named_parameters())
        chosen = [n for g in groups for n in g.parameters if self._training.batch_norm == "train" or not self._norm(n)]
        trained = sum(parameters[name].numel() for name in chosen)
        total = sum(parameter.numel() for parameter in parameters.values())
        title = f"Biases and head, {trained:,} of {total:,} parameters"
        return [self._phase(context, title, groups, self._training.batch_norm)]

    def _groups(self) -> Iterator[ParameterGroup]:
        o, parameters = self._training, dict(self.root.named_parameters())
        yield from decayed("head", self._head_names(), parameters, o.learning_rate, o.weight_decay)
        biases = [n for n, p in parameters.items() if n.startswith(f"{self.at}backbone.") and p.ndim <= 1]
        yield from decayed("biases", biases, parameters, o.learning_rate, 0.0)

    def _norm(self, name: str) -> bool:
        """Whether a parameter belongs to batch norm, whose policy decides about it."""
        return isinstance(self.root.get_submodule(name.rpartition(".")[0]), _BatchNorm)
