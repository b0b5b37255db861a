"""The numbers of one run, gathered from its events: what every plot of it draws. No Qt here."""

import dataclasses
import json
from pathlib import Path

from tlstudio.api.events import EpochDone, Event, PhaseStarted, StepDone, from_json
from tlstudio.gui.plots.series import Series

LOWER_IS_BETTER = ("loss", "mae", "rmse", "error")
SHARES = ("accuracy", "precision", "recall", "f1", "miou", "dice", "auc")


def lower_is_better(name: str) -> bool:
    return any(part in name for part in LOWER_IS_BETTER)


def is_share(name: str) -> bool:
    """Whether values of this metric lie between 0 and 1 and are read as percent."""
    return any(part in name for part in SHARES)


def metric_title(name: str) -> str:
    """``val_f1_macro`` to ``Validation F1 macro``."""
    words = name.removeprefix("val_").replace("_", " ")
    words = words.replace("roc auc", "ROC-AUC").replace("pr auc", "PR-AUC").replace("f1", "F1")
    split = "Training" if name.startswith("train_") else "Validation"
    return f"{split} {words.removeprefix('train ')}"


@dataclasses.dataclass(frozen=True)
class PhaseMark:
    """Where a phase began, in epochs."""

    epoch: float
    title: str


class RunCurves:
    """Series by name. ``train_loss`` has one point a step, the others one an epoch."""

    def __init__(self, select_by: str = "val_accuracy") -> None:
        self.select_by = select_by
        self.steps = Series()
        self.metrics: dict[str, Series] = {}
        self.phases: list[PhaseMark] = []
        self.epoch = 0.0
        self.expected_epochs = 0.0
        self._best_flagged: int | None = None
        self._stepped = False

    def add(self, event: Event) -> bool:
        """Takes what can be drawn from ``event``; true where something changed."""
        match event:
            case StepDone():
                self.epoch = max(self.epoch, event.epoch)
                self.steps.append(event.epoch, event.loss)
                self._stepped = True
            case EpochDone():
                self.epoch = max(self.epoch, float(event.epoch))
                for name, value in event.metrics.items():
                    self.metrics.setdefault(name, Series(64)).append(float(event.epoch), value)
                if not self._stepped and "train_loss" in event.metrics:  # a phase that reports no steps
                    self.steps.append(float(event.epoch), event.metrics["train_loss"])
                self._stepped = False
                if event.best:
                    self._best_flagged = event.epoch
            case PhaseStarted():
                self.phases.append(PhaseMark(self.epoch, event.title))
                self.expected_epochs = self.epoch + event.epochs
            case _:
                return False
        return True

    @property
    def train(self) -> Series:
        """Training loss by step; by epoch in phases that report no steps."""
        return self.steps

    @property
    def val_loss(self) -> Series:
        return self.metrics.get("val_loss", _EMPTY)

    def metric(self, name: str) -> Series:
        return self.metrics.get(name, _EMPTY)

    def metric_names(self) -> list[str]:
        """What the metric plot can show: the metric that decides first, losses last."""
        names = [n for n in self.metrics if n.startswith(("val_", "train_")) and n != "train_loss"]
        return sorted(names, key=lambda n: (n != self.select_by, "loss" in n, n.startswith("train_"), n))

    def best(self, name: str) -> tuple[float, float] | None:
        """``(epoch, value)`` of the best validation: the kept epoch for the metric that decides."""
        series = self.metric(name)
        if not len(series):
            return None
        if name == self.select_by and self._best_flagged is not None:
            hits = (series.x == self._best_flagged).nonzero()[0]
            if hits.size:
                return float(series.x[hits[-1]]), float(series.y[hits[-1]])
        index = int(series.y.argmin() if lower_is_better(name) else series.y.argmax())
        return float(series.x[index]), float(series.y[index])


_EMPTY = Series(16)


def read_events(path: Path) -> list[Event]:
    """The events of a run's ``events.jsonl``; lines that are cut short or of a newer version are passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return [event for line in lines if (event := from_json(line)) is not None]
    except FileNotFoundError:
        return []


def read_curves(run_dir: Path) -> RunCurves:
    """The curves of a run on disk. Reads the file; meant for a thread other than the window's."""
    curves = RunCurves(f"val_{select_by(run_dir)}")
    for event in read_events(run_dir / "events.jsonl"):
        curves.add(event)
    return curves


def select_by(run_dir: Path) -> str:
    """The metric that decides which model of this run is kept."""
    try:
        return str(json.loads((run_dir / "spec.json").read_text(encoding="utf-8")).get("select_by", "accuracy"))
    except (OSError, ValueError):
        return "accuracy"  # a run without a readable specification still has curves to look at
