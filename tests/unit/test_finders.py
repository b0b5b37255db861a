"""Learning rate and batch size are found on a copy: what is proposed, and that nothing else notices."""

import hashlib
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tlstudio import runs
from tlstudio.api.errors import StoppedByUser, UsageError
from tlstudio.api.events import Event, Finished, Progress
from tlstudio.control import Control
from tlstudio.finding import curves
from tlstudio.finding.batch import find_batch
from tlstudio.finding.rate import find_rate
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events

RATES = curves.rates(1e-7, 1.0, 100)
RUNTIME: dict[str, Any] = {
    "device": "cpu", "precision": "float32", "memory_format": "contiguous", "workers": 0, "beside": True,
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "dataset": "shades",
    "backbone": "glyphnet",
    "method": "fine-tuning",
    "options": {"epochs": 1, "batch_size": 8},
    "runtime": RUNTIME,
}


def result(events: Any) -> dict[str, Any]:
    """What a generator of events returns in the end."""
    while True:
        try:
            assert isinstance(next(events), Event)
        except StopIteration as done:
            found: dict[str, Any] = done.value
            return found


def sweep(fall: float, best: float, noise: float) -> list[float]:
    """A loss that stays, falls by ``fall`` towards the rate ``best``, and runs away soon after."""
    drawn = np.random.default_rng(0)
    logs = np.log10(RATES)
    curve = 2.0 - fall / (1 + np.exp(-3 * (logs - math.log10(best) + 1.5))) + np.exp(6 * (logs - math.log10(best) - 1))
    return [float(v) for v in curve + noise * drawn.normal(size=len(curve))]


def test_that_smoothing_takes_out_the_bias_of_its_beginning() -> None:
    assert curves.smoothed([3.0] * 5) == pytest.approx([3.0] * 5)
    assert curves.smoothed([1.0, 0.0], beta=0.9) == pytest.approx([1.0, 0.9 * 0.1 / (1 - 0.81)])


def test_that_rates_rise_evenly_in_the_logarithm() -> None:
    assert RATES[0] == 1e-7
    assert RATES[-1] == pytest.approx(1.0)
    assert RATES[50] / RATES[49] == pytest.approx(10 ** (7 / 99))


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_that_the_rate_lies_in_the_valley_before_its_bottom(noise: float) -> None:
    losses = sweep(1.0, 1e-2, noise)
    rate, rule = curves.suggestion(RATES, losses, curves.smoothed(losses))
    assert rule == "valley"
    assert rate is not None
    assert 1e-4 < rate < 1e-2


def test_that_where_the_loss_never_falls_the_rate_keeps_away_from_the_edge() -> None:
    losses = sweep(0.0, 1e-2, 0.2)
    rate, rule = curves.suggestion(RATES, losses, curves.smoothed(losses))
    assert rule == "edge"
    assert rate is not None
    assert 1e-3 < rate < 1e-1
    assert curves.suggestion(RATES, [], []) == (None, "")


def test_that_a_loss_of_four_times_its_best_is_the_end() -> None:
    calm = [1.0] * 20
    assert not curves.diverges(calm)
    assert not curves.diverges([*calm, 3.9])
    assert curves.diverges([*calm, 4.1])
    assert not curves.diverges([0.1, *[1.0] * 11]), "the first batches do not count"


def test_that_a_batch_is_doubled_until_twice_in_a_row_nothing_is_gained() -> None:
    assert curves.best_batch([10]) == (0, False)
    assert curves.best_batch([10, 19, 30, 30.5]) == (2, False)
    assert curves.best_batch([10, 19, 30, 30.5, 29]) == (2, True)
    assert curves.best_batch([10, 9, 30]) == (2, False)


def _digests(folder: Path) -> dict[str, str]:
    """Of everything in a project but the cache of features and the files of SQLite that come and go."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.relative_to(folder).parts and not path.name.endswith(("-wal", "-shm"))
    }


def _numbers() -> str:
    """The state of NumPy's global generator."""
    return str(np.random.get_state(legacy=False))


def _train(project: Project, registry: Registry) -> bytes:
    request = {**REQUEST, "runtime": RuntimePreferences(**RUNTIME)}
    run = runs.create_run(project, registry, **request)
    *_, last = run_events(run.dir, Control())
    assert isinstance(last, Finished), last
    return (run.dir / "model.safetensors").read_bytes()


def test_that_a_run_before_and_after_is_the_same_to_the_last_bit(shades_project: Project, registry: Registry) -> None:
    before = _train(shades_project, registry)
    files, python, numbers, cpu = _digests(shades_project.path), random.getstate(), _numbers(), torch.get_rng_state()
    rate = result(find_rate(Control(), shades_project, registry, REQUEST, steps=15, low=1e-6))
    batch = result(find_batch(Control(), shades_project, registry, REQUEST, largest=4))
    assert _digests(shades_project.path) == files
    assert random.getstate() == python
    assert _numbers() == numbers
    assert torch.equal(torch.get_rng_state(), cpu)
    assert _train(shades_project, registry) == before

    assert rate["phase"] == "Fine-tuning, all layers"
    assert len(rate["rates"]) == len(rate["losses"]) == len(rate["smoothed"]) <= 15
    assert (rate["option"], rate["now"]) == ("learning_rate", 3e-4)
    assert rate["value"] is None or rate["value"] == pytest.approx(rate["suggestion"], rel=0.1)
    assert (batch["sizes"], batch["suggestion"], batch["value"], batch["now"]) == ([4], 4, 4, 8)
    assert batch["samples_per_second"][0] > 0


def test_that_methods_without_steps_are_refused_and_stopping_stops(shades_project: Project, registry: Registry) -> None:
    solved = {**REQUEST, "method": "feature-extraction", "options": {}}
    with pytest.raises(UsageError, match="no rate"):
        result(find_rate(Control(), shades_project, registry, solved))
    control = Control()
    steps = find_rate(control, shades_project, registry, {**REQUEST, "options": {"stages": "one"}})
    seen = list(_until_stopped(steps, control, after=2))
    assert sum(isinstance(event, Progress) and event.unit == "steps" for event in seen) == 2


def _until_stopped(events: Iterator[Event], control: Control, after: int) -> Iterator[Event]:
    """Those of a job that is asked to stop after so many steps."""
    steps = 0
    try:
        for event in events:
            yield event
            steps += isinstance(event, Progress) and event.unit == "steps"
            if steps == after:
                control.request("stop")
    except StoppedByUser:
        return
    pytest.fail("it went on")


def test_that_the_worker_finds_on_cached_features_too(shades_project: Project) -> None:
    request = {**REQUEST, "method": "feature-extraction", "options": {"head": "linear", "batch_size": 8}}
    arguments = {"project": str(shades_project.path), "request": request, "steps": 20}
    *_, last = events_of("find-rate", arguments, Control())
    assert isinstance(last, Finished), last
    assert last.result["now"] == 1e-3
