"""Averages of runs that began with the same weights: Wortsman et al.: Model Soups, ICML 2022 (section 2, recipe 1)."""

import copy
from collections.abc import Generator, Sequence
from typing import Any

from torch import nn

from tlstudio.api import Batch, FinishedRun, MethodContext, Phase, StepOutput, StepState, TrainingError
from tlstudio.api.events import Event, Message
from tlstudio.api.tools import Tools
from tlstudio_builtins.methods import common, wise_weights
from tlstudio_builtins.methods.soup_options import ModelSoupOptions

SOUP = "soup.json"
Values = dict[str, float]
Measuring = Generator[Event, None, Values]


class ModelSoup:
    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, ModelSoupOptions)
        self._context, self._options = context, context.options
        self._model = common.network(context)
        if context.runs:
            _check(context, self._model)
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        epochs = 2 * len(context.runs) + 1  # each alone, each with those before it, all; and what was kept
        return [Phase(name="soup", title="Averaging the runs", epochs=epochs, groups=(), compute=True)]

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        raise NotImplementedError("nothing is learnt by gradient")

    def predictor(self) -> nn.Module:
        return self._model

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        runs, metric = self._context.runs, wise_weights.deciding(self._context)
        self._probe, self._tools = copy.deepcopy(self._model), tools
        self._statistics = None
        moved = wise_weights.statistics_differ([run.module for run in runs])
        if self._options.batch_norm == "re-estimated" or (self._options.batch_norm == "auto" and moved):
            self._statistics = yield from wise_weights.samples(tools, self._probe, self._context.modality)
        alone: dict[int, Values] = {}
        for run in runs:
            alone[run.run] = yield from self._measure([run])
            yield {"models": 1, "run": run.run, **wise_weights.prefixed(alone[run.run], "val")}
        ordered = sorted(runs, key=lambda run: wise_weights.rank(alone[run.run], metric), reverse=True)
        kept, value, rows = [ordered[0]], alone[ordered[0].run], [_row(ordered[0], alone, alone[ordered[0].run], True)]
        for run in ordered[1:]:
            found = yield from self._measure([*kept, run])
            stays = _score(found, metric) >= _score(value, metric)
            if stays:
                kept, value = [*kept, run], found
            rows.append(_row(run, alone, found, stays))
            yield {"models": len(kept), "run": run.run, **wise_weights.prefixed(found, "val"), "best": stays}
        uniform = yield from self._measure(ordered)
        chosen = kept if self._options.recipe == "greedy" else ordered
        yield {"models": len(ordered), **wise_weights.prefixed(uniform, "val"), "best": len(chosen) == len(ordered)}
        self._mix(self._model, chosen)
        content = {
            "recipe": self._options.recipe,
            "metric": metric,
            "runs": sorted(run.run for run in chosen),
            "candidates": rows,
            "best_single": alone[ordered[0].run],
            "uniform": uniform,
            "greedy": value,
        }
        wise_weights.write(tools.folder, SOUP, content)
        yield Message(text=_words(content, len(runs)))

    def _measure(self, runs: Sequence[FinishedRun]) -> Measuring:
        self._mix(self._probe, runs)
        own, _ = yield from wise_weights.measured(self._probe, self._tools, shifted=False)
        return own

    def _mix(self, model: nn.Module, runs: Sequence[FinishedRun]) -> None:
        """``model`` becomes the mean of ``runs``; a run alone stays as it is."""
        states = [run.module.state_dict() for run in runs]
        model.load_state_dict(wise_weights.combined(states, [1 / len(states)] * len(states)))
        if self._statistics is not None and len(runs) > 1:
            self._statistics.reestimate(model, self._tools.device)


def _check(context: MethodContext, model: nn.Module) -> None:
    """Raises ``TrainingError`` where the runs cannot be averaged."""
    runs = context.runs
    if len(runs) < 2:
        raise TrainingError(f"'model-soup' averages two runs or more, and was given {len(runs)}.")
    for run in runs:
        if problem := wise_weights.shape_problem(run, model):
            raise TrainingError(problem)
    first = getattr(runs[0].start, "backbone", None)
    for run in runs[1:]:
        if not wise_weights.same_start(first, getattr(run.start, "backbone", None)):
            raise TrainingError(
                f"Runs {runs[0].run} and {run.run} began with different weights of the backbone ('{runs[0].weights}' "
                f"and '{run.weights}'). Their average would be no network of use; choose runs with a common start."
            )


def _score(values: Values, metric: str) -> float:
    return wise_weights.rank(values, metric)[0]


def _row(run: FinishedRun, alone: dict[int, Values], soup: Values, stays: bool) -> dict[str, Any]:
    return {"run": run.run, "val": alone[run.run], "with": soup, "kept": stays}


def _words(content: dict[str, Any], count: int) -> str:
    metric = content["metric"]
    single, uniform, greedy = (content[name].get(metric, float("nan")) for name in ("best_single", "uniform", "greedy"))
    names = ", ".join(map(str, content["runs"]))
    return (
        f"The {content['recipe']} soup holds {len(content['runs'])} of {count} runs: {names}. Validation {metric}: "
        f"best single run {single:.4g}, all of them {uniform:.4g}, greedy {greedy:.4g}."
    )
