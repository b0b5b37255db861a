"""What a run says of its interruptions, in the words and the curves of its page."""

import numpy as np

from tlstudio.api.events import (
    Acknowledged,
    Checkpointed,
    Continued,
    EpochDone,
    Event,
    Failed,
    Finished,
    Held,
    JobStarted,
    PhaseStarted,
    Progress,
    Resumed,
    RuntimeChosen,
    StepDone,
    Waiting,
)
from tlstudio.gui.pages.run_story import RunStory
from tlstudio.gui.plots.curves import RunCurves


def begun() -> list[Event]:
    """Two phases: three epochs without steps, then two epochs of four steps each."""
    events: list[Event] = [
        JobStarted(title="train", time=100.0),
        PhaseStarted(index=0, count=2, name="head", title="head", epochs=3, steps_per_epoch=0, time=101.0),
    ]
    events += [_epoch(epoch, 0, 0.5 + epoch / 100) for epoch in (1, 2, 3)]
    events.append(PhaseStarted(index=1, count=2, name="all", title="all layers", epochs=2, steps_per_epoch=4, time=104))
    for step in range(1, 7):
        events.append(_step(step))
        if step == 4:
            events.append(_epoch(4, 4, 0.9))
    return events


def _epoch(epoch: int, step: int, value: float) -> EpochDone:
    metrics = {"val_accuracy": value, "train_loss": 1.0}
    return EpochDone(epoch=epoch, step=step, metrics=metrics, best=True, time=101.0 + epoch)


def _step(step: int, losses: list[float] | None = None) -> StepDone:
    return StepDone(
        step=step,
        epoch=3 + step / 4,
        loss=1 / step,
        lr=0.1,
        images_per_second=10,
        losses=losses or [],
        time=110.0 + step,
    )


def curves_of(events: list[Event]) -> RunCurves:
    curves = RunCurves()
    for event in events:
        curves.add(event)
    return curves


def same(one: RunCurves, other: RunCurves) -> bool:
    return (
        np.array_equal(one.steps.x, other.steps.x)
        and np.array_equal(one.steps.y, other.steps.y)
        and np.array_equal(one.steps.smoothed(0.9), other.steps.smoothed(0.9))
        and np.array_equal(one.metric("val_accuracy").x, other.metric("val_accuracy").x)
        and np.array_equal(one.metric("val_accuracy").y, other.metric("val_accuracy").y)
        and one.phases == other.phases
        and one.best("val_accuracy") == other.best("val_accuracy")
    )


def test_that_what_a_run_took_back_is_not_drawn_and_what_follows_is_as_if_it_had_never_been() -> None:
    rest = [_step(step) for step in (5, 6, 7, 8)] + [_epoch(5, 8, 0.95)]
    uninterrupted = curves_of([*begun()[:-2], *rest])
    wrong = [*begun(), _step(7), _step(8), _epoch(5, 8, 0.2)]
    resumed = curves_of([*wrong, JobStarted(title="train"), Resumed(step=4, epoch=4, text="Goes on."), *rest])
    assert same(resumed, uninterrupted)
    assert resumed.best("val_accuracy") == (5.0, 0.95)


def test_that_a_run_that_goes_back_amid_an_epoch_keeps_the_steps_before() -> None:
    curves = curves_of([*begun(), Resumed(step=5, epoch=4, text="")])
    assert list(curves.steps.x[-3:]) == [3.75, 4.0, 4.25]
    assert curves.epoch == 4.25


def test_that_how_far_an_activity_has_come_is_not_taken_for_how_far_the_run_has_come() -> None:
    story = RunStory()
    story.add(StepDone(step=9, epoch=3.0, loss=1.0, lr=0.1, images_per_second=1.0, progress=0.3))
    story.add(Progress(done=50, total=50, text="Labelling", unit="pictures"))
    assert (story.progress, story.activity) == (1.0, "Labelling: 50 of 50 pictures")
    story.add(PhaseStarted(index=2, count=9, name="look", title="Your look", epochs=1, steps_per_epoch=0))
    assert (story.progress, story.activity) == (0.3, "")
    story.add(Progress(done=50, total=50, text="Labelling", unit="pictures"))
    story.add(Finished(status="parked", result={"reason": "Look."}))
    assert story.progress == 0.3


def test_that_a_phase_that_begins_again_keeps_its_place_and_one_that_was_taken_back_goes() -> None:
    again = PhaseStarted(index=1, count=2, name="all", title="all layers", epochs=2, steps_per_epoch=4)
    curves = curves_of([*begun(), Resumed(step=0, epoch=3, text=""), again])
    assert [(mark.epoch, mark.title) for mark in curves.phases] == [(0.0, "head"), (3.0, "all layers")]
    assert curves.expected_epochs == 5.0
    back = curves_of([*begun(), Resumed(step=0, epoch=2, text="")])
    assert list(back.metric("val_accuracy").x) == [1.0, 2.0]
    assert list(back.steps.x) == [1.0, 2.0]


def test_that_a_worker_that_begins_from_nothing_clears_what_an_earlier_one_had_said() -> None:
    assert same(curves_of([*begun(), *begun()]), curves_of(begun()))


def test_that_losses_of_steps_that_were_not_told_of_singly_are_drawn_where_they_belong() -> None:
    curves = curves_of([*begun(), _step(9, [0.3, 0.2, 0.1])])
    assert list(curves.steps.y[-3:]) == [0.3, 0.2, 0.1]
    assert np.allclose(curves.steps.x[-3:], [4.75, 5.0, 5.25])


def test_that_each_state_is_told_when_it_comes() -> None:
    story = RunStory()
    states = []
    for event in (
        *begun(),
        Acknowledged(command="hold"),
        Held(step=6),
        Acknowledged(command="continue"),
        Continued(),
        Acknowledged(command="park"),
        Finished(status="parked", result={"reason": "The disk is full.", "reason_kind": "disk-full"}),
        JobStarted(title="train"),
        Waiting(text="Run 2 of flowers has the GPU."),
        RuntimeChosen(
            device="CPU", precision="float32", memory_format="contiguous", workers=0, threads=1, reason="Measured.",
            resumes="Bit for bit.",
        ),
        Acknowledged(command="stop"),
        Finished(status="stopped"),
    ):  # fmt: skip
        story.add(event)
        if not states or states[-1] != story.state:
            states.append(story.state)
    assert states == ["", "pausing", "holding", "", "parking", "", "waiting", "", "stopping", ""]
    said = [entry.text for entry in story.entries]
    assert "paused after step 6; the model stays in memory" in said
    assert "The disk is full." in said
    assert "Run 2 of flowers has the GPU." in said
    assert story.resumes == "Bit for bit."
    assert isinstance(story.ended, Finished)


def test_that_time_between_an_end_and_going_on_does_not_count() -> None:
    story = RunStory()
    story.add(JobStarted(title="train", time=1000.0))
    story.add(Failed(sentence="Killed.", time=1010.0))
    story.add(JobStarted(title="train", time=5000.0))
    assert story.ended is None
    story.add(Resumed(step=3, epoch=1, text="Goes on from step 3.", time=5001.0))
    story.add(Checkpointed(step=4, size_bytes=1, seconds=0.1, time=5004.0))
    assert story.seconds == 14.0
    assert (story.epoch, story.step) == (1, 3)
    assert (story.saved_step, story.saved_time) == (4, 5004.0)
