"""Between the pretrained network and the fine-tuned one: WiSE-FT (Wortsman et al.: Robust Fine-Tuning of Zero-Shot
Models, CVPR 2022, equation 1). Where the classes have no head before fine-tuning, the pretrained end has the best
linear one (Kumar et al., ICLR 2022).
"""

import copy
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from tlstudio.api import Batch, FinishedRun, MethodContext, Phase, SolveData, StepOutput, StepState, TrainingError
from tlstudio.api.events import Event, Message
from tlstudio.api.tools import Tools
from tlstudio.training.modules import StandardizedLinear
from tlstudio_builtins.methods import common, wise_weights
from tlstudio_builtins.methods.wise_ft_options import WiseFTOptions

CURVE = "weights_curve.json"


class WiseFT:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, WiseFTOptions)
        self._context, self._options = context, context.options
        self._model = common.network(context)
        self._run = _the_run(context, self._model) if context.runs else None
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        title = "From the pretrained weights to the fine-tuned ones"
        return [Phase(name="weights", title=title, epochs=len(self._shares()) + 1, groups=(), compute=True)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        raise NotImplementedError("nothing is learnt by gradient")

    def predictor(self) -> nn.Module:
        return self._model

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        assert self._run is not None
        o, metric, shifted = self._options, wise_weights.deciding(self._context), self._context.source is not None
        model = copy.deepcopy(self._model)
        statistics = None
        moved = wise_weights.statistics_differ([model.backbone, self._run.module.backbone])  # type: ignore[list-item]
        if o.batch_norm == "re-estimated" or (o.batch_norm == "auto" and moved):
            statistics = yield from wise_weights.samples(tools, model, self._context.modality)
        start = yield from self._start(tools, model, statistics)
        end = self._run.module.state_dict()
        points: list[dict[str, Any]] = []
        best: tuple[float, float] | None = None
        for share in self._shares():
            model.load_state_dict(wise_weights.combined([start, end], [1 - share, share]))
            if statistics is not None:
                statistics.reestimate(model, tools.device)
            own, other = yield from wise_weights.measured(model, tools, shifted)
            points.append({"alpha": share, "val": own, "shifted": other})
            rank = wise_weights.rank(own, metric)
            chosen = share == o.alpha if o.alpha is not None else best is None or rank > best
            if chosen:
                best, alpha = rank, share
                self._model.load_state_dict({n: t.cpu() for n, t in model.state_dict().items()})
            values = {**wise_weights.prefixed(own, "val"), **wise_weights.prefixed(other, "shifted")}
            yield {"alpha": share, **values, "best": chosen}
        wise_weights.write(
            tools.folder,
            CURVE,
            {
                "run": self._run.run,
                "metric": metric,
                "alpha": alpha,
                "chosen": "set" if o.alpha is not None else "validation",
                "batch_norm": "interpolated" if statistics is None else "re-estimated",
                "shifted": self._context.source.dataset if self._context.source is not None else "",
                "points": points,
            },
        )
        by = "as it was set" if o.alpha is not None else f"chosen by validation {metric}"
        yield Message(text=f"{alpha:.0%} of the way from the pretrained weights to those of run {self._run.run}, {by}.")

    def _shares(self) -> list[float]:
        """The points of the curve, and the one that was set."""
        o = self._options
        even = [round(i / (o.points - 1), 4) for i in range(o.points)]
        return sorted({*even, *([o.alpha] if o.alpha is not None else [])})

    def _start(
        self, tools: Tools, model: nn.Module, statistics: wise_weights.Samples | None
    ) -> Generator[Event, None, dict[str, torch.Tensor]]:
        """The pretrained backbone with the linear head that is best for it, in the units of the run's head. Where the
        statistics of batch norm are taken anew, for the features that the backbone gives with these.
        """
        assert self._run is not None
        backbone: nn.Module = model.backbone  # type: ignore[assignment]
        if statistics is None:
            train = yield from tools.features("train")
            val = yield from tools.features("val")
        else:
            statistics.reestimate(backbone, tools.device)
            train = yield from tools.outputs(backbone, "train")
            val = yield from tools.outputs(backbone, "val")
        data = SolveData(train=(train.rows, train.targets), val=(val.rows, val.targets), seed=tools.seed)
        head = self._context.objective.head(train.rows.shape[1])
        for _ in self._context.objective.solve(head, data, 0.0, "natural"):
            pass
        theirs = self._run.module.head
        assert isinstance(head, StandardizedLinear)
        assert isinstance(theirs, StandardizedLinear)
        state = {f"backbone.{n}": t.detach().cpu().clone() for n, t in backbone.state_dict().items()}
        return {**state, **{f"head.{n}": t for n, t in wise_weights.like(head, theirs).items()}}


def _the_run(context: MethodContext, model: nn.Module) -> FinishedRun:
    """The fine-tuned one. Raises ``TrainingError`` where it is not one, or did not begin with this backbone."""
    if len(context.runs) != 1:
        raise TrainingError(
            f"'wise-ft' interpolates between one fine-tuned run and its start, and was given {len(context.runs)} runs. "
            "Name one; for several there is 'model-soup'."
        )
    (run,) = context.runs
    if problem := wise_weights.shape_problem(run, model):
        raise TrainingError(problem)
    start = getattr(run.start, "backbone", None)
    if not wise_weights.same_start(start, context.backbone):
        raise TrainingError(
            f"Run {run.run} began with other weights of {run.backbone} ('{run.weights}') than this run is given. "
            "Choose the same ones, and its seed where they are random."
        )
    if wise_weights.same_start(start, getattr(run.module, "backbone", None)):
        raise TrainingError(
            f"The backbone of run {run.run} is as it was pretrained: there is nothing to interpolate. Choose a run "
            "that has fine-tuned it."
        )
    if not context.objective.solvable:
        raise TrainingError(
            f"There is no best linear head for 'imbalance' {context.options.model_dump()['imbalance']!r}, which the "
            "pretrained end of the interpolation needs. Choose another value."
        )
    return run
