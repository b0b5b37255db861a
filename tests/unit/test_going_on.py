"""Runs that are interrupted, starved or led astray, in this process, with real training on real digits."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from tlstudio import history, locks, mailbox, runs
from tlstudio.api import Batch, StepOutput, StepState
from tlstudio.api.events import (
    Acknowledged,
    Answered,
    Checkpointed,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    Message,
    Resumed,
    StepDone,
    Waiting,
)
from tlstudio.control import Control
from tlstudio.event_log import EventLog
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import checkpoint_files
from tlstudio.training.spec import RuntimePreferences
from tlstudio.worker import events_of, run_events
from tlstudio_builtins.methods.fine_tuning import FineTuning

OPTIONS = {"epochs": 3, "batch_size": 16}
Step = Callable[[FineTuning, dict[str, Batch], StepState], StepOutput]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 real handwritten digits, imported."""
    folder, digits = tmp_path_factory.mktemp("going-on"), load_digits()
    for number in range(100):
        place = folder / "pictures" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(digits.images[number] * 255 / 16, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(place / f"{number:04d}.png")
    path = folder / "digits.tlproj"
    Project.create(path).close()
    arguments = {"project": str(path), "source": str(folder / "pictures"), "name": "digits"}
    last = list(events_of("import-data", arguments, Control()))[-1]
    assert isinstance(last, Finished), last
    return path


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(template: Path, tmp_path: Path) -> MakeRun:
    """A run in a copy of the project, beside a copy of its pictures."""

    def make(name: str = "a", method: str = "fine-tuning", options: Any = None, **runtime: Any) -> Path:
        place = tmp_path / name
        if not place.exists():
            shutil.copytree(template.parent, place)
        preferences = {"workers": 0, "precision": "float32", "beside": True, "checkpoint_seconds": 0, **runtime}
        with Project.open(place / "digits.tlproj") as project:
            return runs.create_run(
                project,
                Registry.discover(),
                dataset="digits",
                backbone="glyphnet",
                method=method,
                options=OPTIONS if options is None else options,
                runtime=RuntimePreferences(**preferences),
            ).dir

    return make


@pytest.fixture(scope="module")
def kept_events() -> list[Event]:
    return []


@pytest.fixture
def alone(make_run: MakeRun, kept_events: list[Event]) -> list[Event]:
    """What a run tells that nothing happens to; the same for all tests, since equal seeds give equal runs."""
    if not kept_events:
        kept_events += _all(make_run("alone"))
    return kept_events


def _all(run_dir: Path, control: Control | None = None) -> list[Event]:
    return list(run_events(run_dir, control or Control()))


def _last(run_dir: Path) -> Event:
    return _all(run_dir)[-1]


def _of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def _steps(events: list[Event]) -> list[int]:
    return [fact[1] for fact in history.facts(events) if fact[0] == "step"]


@contextlib.contextmanager
def _changed_step(monkeypatch: pytest.MonkeyPatch, change: Callable[[Step], Step]) -> Iterator[None]:
    """A fault injected into the method, below the loop."""
    with monkeypatch.context() as patch:
        patch.setattr(FineTuning, "step", change(FineTuning.step))
        yield


# --- pausing, parking, stopping --------------------------------------------------------------------------------------


def test_that_a_run_holds_answers_questions_and_goes_on_as_if_nothing_had_been(
    make_run: MakeRun, alone: list[Event]
) -> None:
    run_dir, control, events = make_run("held"), Control(), []
    picture = str(next((run_dir.parents[2] / "pictures").rglob("*.png")))
    for event in run_events(run_dir, control):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 4:
            mailbox.post(run_dir, mailbox.encode("hold"))
            time.sleep(0.2)
        if isinstance(event, Held):
            mailbox.post(run_dir, mailbox.encode("evaluate", id=7, split="val"))
            mailbox.post(run_dir, mailbox.encode("predict", id=8, files=[picture, "/no/such.png"], top=2))
            mailbox.post(run_dir, mailbox.encode("evaluate", id=9, split="other"))
        if isinstance(event, Answered) and event.result["id"] == 9:
            mailbox.post(run_dir, mailbox.encode("continue"))
    held, answers = _of(Held, events), {a.result["id"]: a.result for a in _of(Answered, events)}
    assert [h.step for h in held] == [held[0].step]
    assert len(_of(Continued, events)) == 1
    assert 0 <= answers[7]["metrics"]["accuracy_low"] <= answers[7]["metrics"]["accuracy"] <= 1
    good, bad = answers[8]["predictions"]
    assert len(good["top"]) == 2
    assert good["class"] in "0123456789"
    assert "/no/such.png" in bad["error"]
    assert "no split 'other'" in answers[9]["error"]
    assert history.facts(events) == history.facts(alone)


def test_that_a_parked_run_leaves_its_process_and_goes_on_to_the_same_end(
    make_run: MakeRun, alone: list[Event]
) -> None:
    run_dir, control, events = make_run("parked"), Control(), []
    for event in run_events(run_dir, control):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 5:
            control.request("park")
    parked = events[-1]
    assert isinstance(parked, Finished)
    assert (parked.status, parked.result["reason_kind"], parked.result["step"]) == ("parked", "asked", 5)
    assert locks.holder(run_dir / "worker.lock") is None
    rest = _all(run_dir)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].status == "finished"
    assert _of(Resumed, rest)[0].step == 5
    told = history.read(run_dir)
    assert history.facts(told) == history.facts(alone)
    assert _steps(told) == list(range(1, len(_steps(told)) + 1)), "no step is told twice, and none is missing"
    assert not (run_dir / "checkpoints").exists(), "a finished run needs no checkpoints"


def test_that_a_stopped_run_keeps_a_model_and_can_still_be_resumed(make_run: MakeRun, alone: list[Event]) -> None:
    run_dir, control, events = make_run("stopped"), Control(), []
    for event in run_events(run_dir, control):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 6:
            control.request("stop")
    assert isinstance(events[-1], Finished)
    assert events[-1].status == "stopped"
    assert (run_dir / "model.safetensors").exists()
    assert json.loads((run_dir / "results.json").read_text())["splits"].keys() == {"val"}
    assert isinstance(_last(run_dir), Finished)
    assert history.facts(history.read(run_dir)) == history.facts(alone)
    assert json.loads((run_dir / "results.json").read_text())["splits"].keys() == {"val", "test"}


def test_that_a_command_is_acknowledged_at_once_and_stands_in_the_history(make_run: MakeRun) -> None:
    run_dir, control = make_run(), Control()
    said: list[tuple[float, Event]] = []
    posted = 0.0
    for event in run_events(run_dir, control, tell=lambda e: said.append((time.monotonic(), e))):
        if isinstance(event, StepDone) and not posted:
            posted = time.monotonic()
            mailbox.post(run_dir, mailbox.encode("stop"))
            mailbox.post(run_dir, "no command at all")
    assert [e.command for _, e in said if isinstance(e, Acknowledged)] == ["stop"]
    assert _of(Acknowledged, history.read(run_dir))
    assert history.read(run_dir)[-1].terminal, "nothing is said after the end"


def test_that_a_second_worker_on_the_same_run_is_refused(make_run: MakeRun) -> None:
    run_dir = make_run(checkpoint_seconds=60)
    events = run_events(run_dir, Control())
    next(events)
    (refused,) = run_events(run_dir, Control())
    assert isinstance(refused, Failed)
    assert str(os.getpid()) in refused.sentence
    events.close()  # type: ignore[attr-defined]  # a generator
    assert isinstance(_last(run_dir), Finished)


def test_that_a_run_waits_for_its_device_and_can_be_parked_meanwhile(make_run: MakeRun) -> None:
    first, second = (make_run(name, beside=False, checkpoint_seconds=60) for name in ("one", "two"))
    running = run_events(first, Control())
    for event in running:
        if isinstance(event, StepDone):
            break
    control = Control()
    events = []
    for event in run_events(second, control):
        events.append(event)
        if isinstance(event, Waiting):
            control.request("park")
    assert "run 1 of digits.tlproj is training" in _of(Waiting, events)[0].text
    assert isinstance(events[-1], Finished)
    assert events[-1].status == "parked"
    assert isinstance(list(running)[-1], Finished)
    assert not _of(Waiting, _all(second)), "the device is free again"


def test_that_the_averaged_weights_are_those_that_learn_and_are_kept(make_run: MakeRun) -> None:
    options = {"epochs": 4, "stages": "one", "batch_size": 8, "learning_rate": 3e-3, "patience": 0}
    averaged = [
        e.metrics["val_loss"]
        for e in _of(EpochDone, _all(make_run("averaged", options={**options, "ema": True}, checkpoint_seconds=60)))
    ]
    assert averaged[-1] < 0.8 * averaged[0] < np.log(10), "averaged, and learning"
    as_they_are = run_events(
        make_run("as-they-are", options={**options, "ema": False}, checkpoint_seconds=60), Control()
    )
    first = next(event for event in as_they_are if isinstance(event, EpochDone))
    as_they_are.close()  # type: ignore[attr-defined]  # a generator
    assert first.metrics["val_loss"] != averaged[0]


# --- what a run suffers ----------------------------------------------------------------------------------------------


def test_that_running_out_of_memory_halves_the_batch_and_keeps_the_effective_one(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, alone: list[Event]
) -> None:
    def starve(step: Step) -> Step:
        def starved(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            if state.phase.name == "all" and state.step >= 3 and len(batch["train"].targets) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return step(self, batch, state)

        return starved

    with _changed_step(monkeypatch, starve):
        run_dir = make_run("starved")
        events, control = [], Control()
        for event in run_events(run_dir, control):
            events.append(event)
            if isinstance(event, StepDone) and event.step == 8:
                control.request("park")
        rest = _all(run_dir)
    assert isinstance(rest[-1], Finished)
    warnings = [m.text for m in _of(Message, events) if m.level == "warning"]
    assert len(warnings) == 1
    assert "parts of at most 4 samples" in warnings[0]
    assert not [m for m in _of(Message, rest) if m.level == "warning"], "after resuming it is still known"
    plain_losses = {f[1]: f[2] for f in history.facts(alone) if f[0] == "step"}
    losses = {f[1]: f[2] for f in history.facts(history.read(run_dir)) if f[0] == "step"}
    assert losses.keys() == plain_losses.keys(), "as many optimizer steps as with the whole batch"
    assert [losses[k] for k in (1, 2, 3)] == [plain_losses[k] for k in (1, 2, 3)]
    assert losses[4] == pytest.approx(plain_losses[4], rel=1e-4), "the gradients' sum is that of the whole batch"


def test_that_a_single_picture_that_does_not_fit_ends_with_a_sentence(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(step: Step) -> Step:
        def starved(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

        return starved

    with _changed_step(monkeypatch, starve):
        failed = _last(make_run())
    assert isinstance(failed, Failed)
    assert "too little memory" in failed.sentence


@pytest.mark.parametrize("times", [1, 2, 3])
def test_that_a_divergence_goes_back_with_a_lower_rate_at_most_twice(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, times: int, alone: list[Event]
) -> None:
    seen = 0

    def poison(step: Step) -> Step:
        def poisoned(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            nonlocal seen
            output = step(self, batch, state)
            if state.phase.name == "all" and state.step == 7 and seen < times:
                seen += 1
                return StepOutput(output.loss * float("nan"), output.output, output.target)
            return output

        return poisoned

    run_dir = make_run()
    with _changed_step(monkeypatch, poison):
        events = _all(run_dir)
    messages = [m.text for m in _of(Message, events) if m.level == "warning"]
    if times == 3:
        assert isinstance(events[-1], Failed)
        assert "even with 0.01 of the learning rate" in events[-1].sentence
        assert (run_dir / "model.safetensors").exists(), "the best model so far is kept"
        return
    assert isinstance(events[-1], Finished)
    assert "0.1 of what was set" in messages[0]
    assert _of(Resumed, events)[0].step == 7
    rates = {e.step: e.lr for e in _of(StepDone, events)}
    usual = {e.step: e.lr for e in _of(StepDone, alone)}
    assert rates[9] == pytest.approx(usual[9] * 0.1**times)
    if times == 2:
        assert _of(Resumed, events)[1].step == 0, "the second time to the beginning of the phase"


def test_that_weights_that_are_no_numbers_are_never_written_into_a_checkpoint(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 0

    def poison(step: Step) -> Step:
        def poisoned(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            nonlocal seen
            output = step(self, batch, state)
            if state.phase.name == "all" and state.step == 5 and not seen:
                seen = 1
                with torch.no_grad():
                    self.network.head.linear.bias[0] = float("inf")
            return output

        return poisoned

    with _changed_step(monkeypatch, poison):
        events = _all(make_run())
    assert isinstance(events[-1], Finished)
    assert any("is no longer a number" in m.text for m in _of(Message, events))
    assert all(np.isfinite(v) for e in _of(EpochDone, events) for v in e.metrics.values())


def test_that_files_that_vanish_are_skipped_counted_and_told_until_there_are_too_many(make_run: MakeRun) -> None:
    run_dir = make_run(checkpoint_seconds=60)
    pictures = sorted((run_dir.parents[2] / "pictures").rglob("*.png"))
    events = []
    for event in run_events(run_dir, Control()):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 3:
            for path in pictures[::25]:
                path.unlink()
    assert isinstance(events[-1], Finished)
    skipped = {m.text for m in _of(Message, events) if "was skipped" in m.text}
    assert len(skipped) == len(pictures[::25]), "each of them is told, whatever its split"

    run_dir = make_run("gone", checkpoint_seconds=60)
    for event in run_events(run_dir, Control()):
        if isinstance(event, StepDone) and event.step == 3:
            shutil.rmtree(run_dir.parents[2] / "pictures")
    assert isinstance(event, Failed)
    assert "can no longer be read" in event.sentence


def test_that_damaged_checkpoints_are_passed_over_with_a_sentence(make_run: MakeRun, alone: list[Event]) -> None:
    run_dir, control = make_run("damaged"), Control()
    for event in run_events(run_dir, control):
        if isinstance(event, StepDone) and event.step == 6:
            control.request("park")
    newest = max(checkpoint_files.listed(run_dir), key=checkpoint_files.serial)
    tensors = newest / checkpoint_files.TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-100])
    events = _all(run_dir)
    assert isinstance(events[-1], Finished)
    assert _of(Resumed, events)[0].step < 6
    assert any(f"{newest} is damaged" in m.text and "bytes instead of" in m.text for m in _of(Message, events))
    told = [fact for fact in history.facts(history.read(run_dir)) if fact[0] != "message"]
    assert told == [fact for fact in history.facts(alone) if fact[0] != "message"]


def test_that_a_run_without_a_whole_checkpoint_begins_again(make_run: MakeRun, alone: list[Event]) -> None:
    run_dir, control = make_run("none"), Control()
    for event in run_events(run_dir, control):
        if isinstance(event, StepDone) and event.step == 4:
            control.request("park")
    for folder in checkpoint_files.listed(run_dir):
        (folder / checkpoint_files.MANIFEST).write_text("{}")
    assert isinstance(_last(run_dir), Finished)
    assert history.facts(history.read(run_dir)) == history.facts(alone)


def test_that_a_manifest_cannot_name_files_outside_its_folder(make_run: MakeRun) -> None:
    run_dir, control = make_run(), Control()
    for event in run_events(run_dir, control):
        if isinstance(event, Checkpointed) and event.step == 2:
            control.request("park")
    newest = max(checkpoint_files.listed(run_dir), key=checkpoint_files.serial)
    manifest = json.loads((newest / checkpoint_files.MANIFEST).read_text())
    manifest["files"][0]["file"] = "../../spec.json"
    (newest / checkpoint_files.MANIFEST).write_text(json.dumps(manifest))
    found, problems = checkpoint_files.newest(run_dir)
    assert found is None or found.folder != newest
    assert "leaves its folder" in problems[0]


def test_that_other_weights_under_the_same_name_are_refused(make_run: MakeRun) -> None:
    run_dir, control = make_run(), Control()
    for event in run_events(run_dir, control):
        if isinstance(event, StepDone) and event.step == 3:
            control.request("park")
    for folder in checkpoint_files.listed(run_dir):
        state = json.loads((folder / checkpoint_files.STATE).read_text())
        state["initial"][next(iter(state["initial"]))] = "0" * 32
        sha256 = checkpoint_files.write_text(folder / checkpoint_files.STATE, json.dumps(state))
        manifest = json.loads((folder / checkpoint_files.MANIFEST).read_text())
        entry = next(e for e in manifest["files"] if e["file"] == checkpoint_files.STATE)
        entry |= {"sha256": sha256, "bytes": (folder / checkpoint_files.STATE).stat().st_size}
        (folder / checkpoint_files.MANIFEST).write_text(json.dumps(manifest))
    failed = _last(run_dir)
    assert isinstance(failed, Failed)
    assert "is not the one that run 1 began with" in failed.sentence


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_that_a_history_on_a_full_disk_gives_up_its_reserve_and_parks_the_run(tmp_path: Path) -> None:
    checkpoint_files.keep_reserve(tmp_path)
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    control = Control()
    with EventLog(tmp_path, control) as log:
        log.write(Held(step=1))
        assert control.park_requested
        assert control.park_reason[1] == "disk-full"
        assert not (tmp_path / "checkpoints" / "reserve").exists()
        log.write(Finished(status="parked"))  # no error, though nothing can be written
