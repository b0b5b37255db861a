"""Following a history that another process writes, and cuts back when it resumes."""

from pathlib import Path

import pytest

from tlstudio.api.events import Event, Finished, JobStarted, Message, Resumed, StepDone, to_json
from tlstudio.event_tail import EventTail
from tlstudio.project.run_files import last_terminal_event


def _step(number: int) -> StepDone:
    return StepDone(step=number, epoch=0.0, loss=1.0, lr=0.1, images_per_second=1.0)


def _start(pid: int) -> JobStarted:
    return JobStarted(title="train", pid=pid)


def _append(folder: Path, *events: Event) -> int:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(to_json(event) + "\n" for event in events)
        return file.tell()


def _told(events: list[Event]) -> list[object]:
    return [event.step if isinstance(event, StepDone) else type(event).__name__ for event in events]


def test_that_a_follower_begins_at_the_end_and_sees_what_is_added_once(tmp_path: Path) -> None:
    _append(tmp_path, _start(1), _step(1))
    tail = EventTail(tmp_path)
    assert tail.read() == []
    _append(tmp_path, _step(2))
    assert _told(tail.read()) == [2]
    assert tail.read() == []


def test_that_a_follower_of_a_run_without_a_history_waits_for_it(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    assert tail.read() == []
    _append(tmp_path, _start(1), _step(1))
    assert _told(tail.read()) == ["JobStarted", 1]


def test_that_history_up_to_the_position_and_what_follows_leave_nothing_out(tmp_path: Path) -> None:
    _append(tmp_path, _start(1), _step(1), _step(2))
    tail = EventTail(tmp_path)
    before = (tmp_path / "events.jsonl").read_bytes()[: tail.position]
    _append(tmp_path, _step(3))
    assert before.count(b"\n") + len(tail.read()) == 4


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_that_a_line_that_is_only_half_there_is_waited_for(tmp_path: Path, cut: int) -> None:
    _append(tmp_path, _start(1))
    line = to_json(_step(2)) + "\n"
    with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(line[:cut])
        file.flush()
        tail = EventTail(tmp_path)
        assert tail.read() == []
        file.write(line[cut:])
    assert _told(tail.read()) == [2]


@pytest.mark.parametrize("grown", [0, 1, 40])
def test_that_a_history_that_was_cut_back_goes_on_at_the_next_worker(tmp_path: Path, grown: int) -> None:
    _append(tmp_path, _start(1))
    end = _append(tmp_path, _step(1))
    _append(tmp_path, *(_step(n) for n in range(2, 9)))
    tail = EventTail(tmp_path)
    with (tmp_path / "events.jsonl").open("r+b") as file:
        file.truncate(end)
    if not grown:
        assert tail.read() == [], "the first worker's words are not told again"
    again = [_start(2), Resumed(step=1, epoch=0, text="Goes on."), *(_step(2 + n) for n in range(grown))]
    _append(tmp_path, *again)
    assert tail.read() == again
    _append(tmp_path, _step(99))
    assert _told(tail.read()) == [99]


@pytest.mark.parametrize("seen_empty", [False, True])
def test_that_a_run_that_begins_from_nothing_says_that_no_step_counts(tmp_path: Path, seen_empty: bool) -> None:
    _append(tmp_path, _start(1), _step(1), _step(2))
    tail = EventTail(tmp_path)
    (tmp_path / "events.jsonl").write_text("")
    if seen_empty:
        assert tail.read() == []
    _append(tmp_path, _start(2), _step(1))
    events = tail.read()
    assert _told(events) == ["JobStarted", "Resumed", 1]
    assert isinstance(events[1], Resumed)
    assert events[1].step == 0


def test_that_the_last_word_is_that_of_the_last_worker(tmp_path: Path) -> None:
    assert last_terminal_event(tmp_path) is None
    _append(tmp_path, _start(1), _step(1), Finished(status="stopped"))
    said = last_terminal_event(tmp_path)
    assert isinstance(said, Finished)
    assert said.status == "stopped"
    _append(tmp_path, _start(2), Message(text="On it."))
    assert last_terminal_event(tmp_path) is None
