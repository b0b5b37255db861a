"""Feature extraction: a frozen backbone, whose features are computed once, and a head."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn import functional as F

from tlstudio.api import (
    Batch,
    MethodContext,
    ParameterGroup,
    Phase,
    Schedule,
    SolveData,
    StepOutput,
    StepState,
    Stream,
)
from tlstudio.training.modules import Classifier, MLPHead, StandardizedLinear
from tlstudio_builtins.methods.logistic import STRENGTHS, fit_logistic
from tlstudio_builtins.methods.options import FeatureExtractionOptions


class FeatureExtraction:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, FeatureExtractionOptions)
        self._options = context.options
        features, classes = context.descriptor.feature_dim, len(context.class_names)
        head: nn.Module = (
            MLPHead(features, self._options.hidden, classes)
            if self._options.head == "mlp"
            else StandardizedLinear(features, classes)
        )
        self._model = Classifier(context.backbone, head)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        if o.head == "logistic":
            title = "Logistic head" if o.l2 else "Logistic head, strength of L2 chosen on validation"
            return [Phase(name="head", title=title, epochs=1 if o.l2 else len(STRENGTHS), groups=(), solve=True)]
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())
        return [
            Phase(
                name="head",
                title=f"{'Linear' if o.head == 'linear' else 'MLP'} head on cached features",
                epochs=o.epochs,
                groups=(ParameterGroup("head", names, o.learning_rate, o.weight_decay),),
                streams=(Stream(features=True, batch_size=o.batch_size),),
                schedule=Schedule(kind="cosine", warmup=0.05),
                patience=o.patience,
            )
        ]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train = batch["train"]
        logits = self._model.head(train.inputs)
        loss = F.cross_entropy(logits.float(), train.targets, label_smoothing=self._options.label_smoothing)
        return StepOutput(loss, logits, train.targets)

    def solve(self, phase: Phase, data: SolveData) -> Iterator[dict[str, Any]]:
        assert isinstance(self._model.head, StandardizedLinear)
        yield from fit_logistic(self._model.head.cpu(), data, self._options.l2)

    def begin_features(self, phase: Phase, data: SolveData) -> None:
        if isinstance(self._model.head, StandardizedLinear):
            self._model.head.fit_scale(data.train[0].to(self._model.head.mean.device))

    def predictor(self) -> nn.Module:
        return self._model
