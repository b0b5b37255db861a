"""Runs that their user holds, parks, stops or asks, in this process, with real training on real digits."""

import json
import os
import time

import numpy as np

from tests.unit.going_on_material import MakeRun, all_events, last_event, of_kind, steps_told
from tlstudio import history, locks, mailbox
from tlstudio.api.events import (
    Acknowledged,
    Answered,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    Resumed,
    StepDone,
    Waiting,
)
from tlstudio.control import Control
from tlstudio.worker import run_events


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
    held, answers = of_kind(Held, events), {a.result["id"]: a.result for a in of_kind(Answered, events)}
    assert [h.step for h in held] == [held[0].step]
    assert len(of_kind(Continued, events)) == 1
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
    rest = all_events(run_dir)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].status == "finished"
    assert of_kind(Resumed, rest)[0].step == 5
    told = history.read(run_dir)
    assert history.facts(told) == history.facts(alone)
    assert steps_told(told) == list(range(1, len(steps_told(told)) + 1)), "no step is told twice, and none is missing"
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
    assert isinstance(last_event(run_dir), Finished)
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
    assert of_kind(Acknowledged, history.read(run_dir))
    assert history.read(run_dir)[-1].terminal, "nothing is said after the end"


def test_that_a_second_worker_on_the_same_run_is_refused(make_run: MakeRun) -> None:
    run_dir = make_run(checkpoint_seconds=60)
    events = run_events(run_dir, Control())
    next(events)
    (refused,) = run_events(run_dir, Control())
    assert isinstance(refused, Failed)
    assert str(os.getpid()) in refused.sentence
    events.close()  # type: ignore[attr-defined]  # a generator
    assert isinstance(last_event(run_dir), Finished)


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
    assert "run 1 of digits.tlproj is training" in of_kind(Waiting, events)[0].text
    assert isinstance(events[-1], Finished)
    assert events[-1].status == "parked"
    assert isinstance(list(running)[-1], Finished)
    assert not of_kind(Waiting, all_events(second)), "the device is free again"


def test_that_the_averaged_weights_are_those_that_learn_and_are_kept(make_run: MakeRun) -> None:
    options = {"epochs": 4, "stages": "one", "batch_size": 8, "learning_rate": 3e-3, "patience": 0}
    averaged = [
        e.metrics["val_loss"]
        for e in of_kind(
            EpochDone, all_events(make_run("averaged", options={**options, "ema": True}, checkpoint_seconds=60))
        )
    ]
    assert averaged[-1] < 0.8 * averaged[0] < np.log(10), "averaged, and learning"
    as_they_are = run_events(
        make_run("as-they-are", options={**options, "ema": False}, checkpoint_seconds=60), Control()
    )
    first = next(event for event in as_they_are if isinstance(event, EpochDone))
    as_they_are.close()  # type: ignore[attr-defined]  # a generator
    assert first.metrics["val_loss"] != averaged[0]
