"""Runs that memory, numbers, files or the disk let down, in this process, with real training on real digits."""

import json
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.going_on_material import MakeRun, Step, all_events, changed_step, last_event, of_kind
from tlstudio import history
from tlstudio.api import Batch, MethodContext, StepOutput, StepState
from tlstudio.api.events import (
    Checkpointed,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    Message,
    Resumed,
    StepDone,
)
from tlstudio.control import Control
from tlstudio.event_log import EventLog
from tlstudio.training import checkpoint_files
from tlstudio.worker import run_events
from tlstudio_builtins.methods.fine_tuning import FineTuning


def test_that_running_out_of_memory_halves_the_batch_and_keeps_the_effective_one(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, alone: list[Event]
) -> None:
    def starve(step: Step) -> Step:
        def starved(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            if state.phase.name == "all" and state.step >= 3 and len(batch["train"].targets) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return step(self, batch, state)

        return starved

    with changed_step(monkeypatch, starve):
        run_dir = make_run("starved")
        events, control = [], Control()
        for event in run_events(run_dir, control):
            events.append(event)
            if isinstance(event, StepDone) and event.step == 8:
                control.request("park")
        rest = all_events(run_dir)
    assert isinstance(rest[-1], Finished)
    warnings = [m.text for m in of_kind(Message, events) if m.level == "warning"]
    assert len(warnings) == 1
    assert "parts of at most 4 samples" in warnings[0]
    assert not [m for m in of_kind(Message, rest) if m.level == "warning"], "after resuming it is still known"
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

    with changed_step(monkeypatch, starve):
        failed = last_event(make_run())
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
    with changed_step(monkeypatch, poison):
        events = all_events(run_dir)
    messages = [m.text for m in of_kind(Message, events) if m.level == "warning"]
    if times == 3:
        assert isinstance(events[-1], Failed)
        assert "even with 0.01 of the learning rate" in events[-1].sentence
        assert (run_dir / "model.safetensors").exists(), "the best model so far is kept"
        return
    assert isinstance(events[-1], Finished)
    assert "0.1 of what was set" in messages[0]
    assert of_kind(Resumed, events)[0].step == 7
    rates = {e.step: e.lr for e in of_kind(StepDone, events)}
    usual = {e.step: e.lr for e in of_kind(StepDone, alone)}
    assert rates[9] == pytest.approx(usual[9] * 0.1**times)
    if times == 2:
        assert of_kind(Resumed, events)[1].step == 0, "the second time to the beginning of the phase"


def test_that_weights_that_are_no_numbers_are_never_written_into_a_checkpoint(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[weakref.ref[torch.nn.Module]] = []
    let_go: list[bool] = []

    def poison(step: Step) -> Step:
        def poisoned(self: FineTuning, batch: dict[str, Batch], state: StepState) -> StepOutput:
            output = step(self, batch, state)
            if state.phase.name == "all" and state.step == 5 and not broken:
                broken.append(weakref.ref(self.network))
                with torch.no_grad():
                    self.network.head.linear.bias[0] = float("inf")
            return output

        return poisoned

    def build(self: FineTuning, context: MethodContext) -> torch.nn.Module:
        let_go.extend(network() is None for network in broken)
        return built(self, context)

    built = FineTuning.build
    monkeypatch.setattr(FineTuning, "build", build)
    with changed_step(monkeypatch, poison):
        events = all_events(make_run())
    assert isinstance(events[-1], Finished)
    assert any("is no longer a number" in m.text for m in of_kind(Message, events))
    assert all(np.isfinite(v) for e in of_kind(EpochDone, events) for v in e.metrics.values())
    assert let_go == [True], "the network that went wrong is gone before another is built"


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
    skipped = {m.text for m in of_kind(Message, events) if "was skipped" in m.text}
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
    events = all_events(run_dir)
    assert isinstance(events[-1], Finished)
    assert of_kind(Resumed, events)[0].step < 6
    assert any(f"{newest} is damaged" in m.text and "bytes instead of" in m.text for m in of_kind(Message, events))
    told = [fact for fact in history.facts(history.read(run_dir)) if fact[0] != "message"]
    assert told == [fact for fact in history.facts(alone) if fact[0] != "message"]


def test_that_a_run_without_a_whole_checkpoint_begins_again(make_run: MakeRun, alone: list[Event]) -> None:
    run_dir, control = make_run("none"), Control()
    for event in run_events(run_dir, control):
        if isinstance(event, StepDone) and event.step == 4:
            control.request("park")
    for folder in checkpoint_files.listed(run_dir):
        (folder / checkpoint_files.MANIFEST).write_text("{}")
    assert isinstance(last_event(run_dir), Finished)
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
    failed = last_event(run_dir)
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
