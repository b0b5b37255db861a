"""How a run is named, and the tone of its state."""

import time
from typing import TYPE_CHECKING

from tlstudio import recipes
from tlstudio.api.errors import StudioError
from tlstudio.gui.plots.curves import is_share, metric_name

if TYPE_CHECKING:
    from tlstudio.project import Run
    from tlstudio.registry import Registry

TONES = {
    "queued": "neutral",
    "waiting": "neutral",
    "starting": "accent",
    "running": "accent",
    "pausing": "warning",
    "holding": "warning",
    "parking": "warning",
    "parked": "warning",
    "stopping": "warning",
    "stopped": "warning",
    "failed": "error",
    "finished": "ok",
}
WORDS = {
    "starting": "starting…",
    "running": "training",
    "pausing": "pausing…",
    "holding": "paused",
    "parking": "parking…",
    "stopping": "stopping…",
}
ALIVE = ("running", "holding", "stopping")


def method_title(registry: "Registry", identifier: str) -> str:
    try:
        return registry.method(identifier).title
    except StudioError:
        return identifier  # its plugin is not there any more; the run still is


def method_with_recipe(registry: "Registry", run: "Run") -> str:
    """``Fine-tuning · fastai``: the recipe that the run's options began with, where it was one."""
    recipe = recipes.of_run(run)
    return " · ".join([method_title(registry, run.method), *([recipe.title] if recipe else [])])


def about(registry: "Registry", run: "Run") -> str:
    """What tells the run from others: :func:`short`, and below it what was changed of its recipe."""
    recipe = recipes.of_run(run)
    known = {method.id: method for method in registry.methods()}.get(run.method)
    return "\n".join([short(registry, run), *([recipes.sentence(recipe, run.options, known)] if recipe else [])])


def backbone_title(registry: "Registry", run: "Run") -> str:
    """``MobileNetV2``, with the name of the weights where they are the user's own or random."""
    try:
        descriptor = registry.backbone(run.backbone)
    except StudioError:
        return run.backbone
    published = [weights.id for weights in descriptor.weights]
    if run.weights in ("", *published):
        return descriptor.title
    return f"{descriptor.title} · {'random weights' if run.weights == 'none' else run.weights}"


def title(registry: "Registry", run: "Run") -> str:
    return f"{method_title(registry, run.method)} · {backbone_title(registry, run)}"


def subtitle(run: "Run", *, short: bool = False) -> str:
    """``run 7 · recipe fastai · digits · seed 0 · started 14:02``, with the day where it was not today; ``short``:
    without when.
    """
    when = ""
    if run.started and not short:
        moment, today = time.localtime(run.started), time.localtime()
        same_day = moment[:3] == today[:3]
        when = f" · started {time.strftime('%H:%M' if same_day else '%Y-%m-%d %H:%M', moment)}"
    recipe = recipes.of_run(run)
    began = f"recipe {recipe.title} · " if recipe else ""
    return f"run {run.id} · {began}{run.dataset} · seed {run.seed}{when}"


def header(registry: "Registry", run: "Run", *, short: bool = False) -> tuple[str, str, str]:
    """Title, subtitle and tooltip of the run's page."""
    return title(registry, run), subtitle(run, short=short), about(registry, run)


def short(registry: "Registry", run: "Run") -> str:
    """For lists to choose from."""
    what = f"{method_with_recipe(registry, run)} · {backbone_title(registry, run)}"
    return f"run {run.id} · {what} · {run.dataset} · seed {run.seed}"


def score(run: "Run", split: str) -> str:
    """``83.3 %``; of a metric that is no share ``MAE 4.21``, and ``F1 71.2 %`` of one that is not accuracy."""
    value = run.score(split)
    if value is None:
        return "–"
    text = f"{value * 100:.1f} %" if is_share(run.select_by) else f"{value:.3g}"
    return text if run.select_by == "accuracy" else f"{metric_name(run.select_by)} {text}"


def share(value: float | None) -> str:
    """A share in percent with one decimal; a dash where there is none."""
    return "–" if value is None else f"{value * 100:.1f} %"
