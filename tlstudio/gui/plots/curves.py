"""The numbers of one run, gathered from its events: what every plot of it draws. No Qt here."""

import dataclasses
import json
from pathlib import Path

from tlstudio.api.events import EpochDone, Event, JobStarted, PhaseStarted, Resumed, StepDone, from_json
from tlstudio.gui.plots.series import Series

LOWER_IS_BETTER = ("loss", "mae", "rmse", "error")
SHARES = ("accuracy", "precision", "recall", "f1", "miou", "dice", "auc")


def lower_is_better(name: str) -> bool:
    return any(part in name for part in LOWER_IS_BETTER)


def is_share(name: str) -> bool:
    """Whether values of this metric lie between 0 and 1 and are read as percent."""
    return any(part in name for part in SHARES)


_SHORT = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "miou": "mIoU", "f1_macro": "F1", "balanced_accuracy": "bal."}


def metric_name(name: str) -> str:
    """Short, for tables: ``f1_macro`` to ``F1``."""
    return _SHORT.get(name, name.replace("_", " "))


def metric_title(name: str) -> str:
    """``val_f1_macro`` to ``Validation F1 macro``."""
    words = name.removeprefix("val_").replace("_", " ")
    words = words.replace("roc auc", "ROC-AUC").replace("pr auc", "PR-AUC").replace("f1", "F1").replace("r2", "R²")
    words = words.replace("miou", "mIoU").replace("mae", "MAE").replace("rmse", "RMSE")
    split = "Training" if name.startswith("train_") else "Validation"
    return f"{split} {words.removeprefix('train ')}"


@dataclasses.dataclass(frozen=True)
class PhaseMark:
    """Where a phase began: in epochs, and after which step."""

    epoch: float
    title: str
    index: int = 0
    step: int = 0


class RunCurves:
    """Series by name. ``train_loss`` has one point a step, the others one an epoch."""

    def __init__(self, select_by: str = "val_accuracy") -> None:
        self.select_by = select_by
        self.steps = Series()
        self.metrics: dict[str, Series] = {}
        self.phases: list[PhaseMark] = []
        self.epoch = 0.0
        self.expected_epochs = 0.0
        self._kept: list[tuple[int, int]] = []  # step and epoch of each model that was the best when it came
        self._step = 0
        self._stepped = False
        self._anew = False  # a worker has started that does not go on where another left off

    def add(self, event: Event) -> bool:
        """Takes what can be drawn from ``event``; true where something changed."""
        if self._anew and isinstance(event, StepDone | EpochDone | PhaseStarted):
            self._go_back(Resumed(step=0, epoch=0, text=""))
        match event:
            case JobStarted():
                self._anew = self._step > 0
                return False
            case StepDone():
                self._add_step(event)
            case EpochDone():
                self._add_epoch(event)
            case PhaseStarted():
                self._add_phase(event)
            case Resumed():
                self._go_back(event)
            case _:
                return False
        return True

    def _add_step(self, event: StepDone) -> None:
        """Spreads the losses of the steps that were not told of singly between the last point and this one."""
        losses = event.losses or [event.loss]
        before, count = min(self.epoch, event.epoch), len(losses)
        first = event.step - count + 1
        for number, loss in enumerate(losses):
            epoch = before + (event.epoch - before) * (number + 1) / count
            self.steps.append(epoch, loss, first + number)
        self.epoch = max(self.epoch, event.epoch)
        self._step = event.step
        self._stepped = True

    def _add_epoch(self, event: EpochDone) -> None:
        self.epoch, self._step = max(self.epoch, float(event.epoch)), event.step
        for name, value in event.metrics.items():
            self.metrics.setdefault(name, Series(64)).append(float(event.epoch), value, event.step)
        if not self._stepped and "train_loss" in event.metrics:  # a phase that reports no steps
            self.steps.append(float(event.epoch), event.metrics["train_loss"], event.step)
        self._stepped = False
        if event.best:
            self._kept.append((event.step, event.epoch))

    def _add_phase(self, event: PhaseStarted) -> None:
        """One that is begun again after an interruption keeps its place."""
        mark = PhaseMark(self.epoch, event.title, event.index, self._step)
        for place, known in enumerate(self.phases):
            if known.index >= event.index:
                mark = known if known.index == event.index else mark
                del self.phases[place:]
                break
        self.phases.append(mark)
        self.expected_epochs = mark.epoch + event.epochs

    def _go_back(self, event: Resumed) -> None:
        """What was said of later steps no longer counts."""
        self._anew = False
        self.steps.drop_after(event.step, event.epoch + (1 if event.step else 0))  # it may be amid an epoch
        for series in self.metrics.values():
            series.drop_after(event.step, event.epoch)
        self.phases = [mark for mark in self.phases if mark.step <= event.step]
        self._kept = [kept for kept in self._kept if kept[0] <= event.step and kept[1] <= event.epoch]
        ends = [float(s.x[-1]) for s in (self.steps, *self.metrics.values()) if len(s)]
        self.epoch, self._step = max([float(event.epoch), *ends]), event.step
        self._stepped = len(self.steps) > 0 and self.epoch > event.epoch

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
        if name == self.select_by and self._kept:
            hits = (series.x == self._kept[-1][1]).nonzero()[0]
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
