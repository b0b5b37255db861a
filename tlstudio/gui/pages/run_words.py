"""How a run is named, and the tone of its state."""

import time
from typing import TYPE_CHECKING

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
    """``run 7 · seed 0 · started 14:02``, with the day where it was not today; ``short``: without when."""
    when = ""
    if run.started and not short:
        moment, today = time.localtime(run.started), time.localtime()
        same_day = moment[:3] == today[:3]
        when = f" · started {time.strftime('%H:%M' if same_day else '%Y-%m-%d %H:%M', moment)}"
    return f"run {run.id} · {run.dataset} · seed {run.seed}{when}"


def short(registry: "Registry", run: "Run") -> str:
    """For lists to choose from."""
    return f"run {run.id} · {title(registry, run)} · {run.dataset} · seed {run.seed}"


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
