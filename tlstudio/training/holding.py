"""Waiting with everything in memory, for as long as the user wants."""

from collections.abc import Callable, Generator
from typing import Any

from tlstudio.api.events import Answered, Continued, Event, Held
from tlstudio.control import Control

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def nothing_yet(_question: dict[str, Any]) -> dict[str, Any]:
    return {"error": "This run has not learned anything yet. Let it go on for a while first."}


def hold(control: Control, step: int = 0, answer: Answer = nothing_yet) -> Generator[Event, None, None]:
    """Returns at once unless that was asked for; meanwhile questions are answered."""
    if not _holds(control):
        return
    yield Held(step=step)
    while _holds(control):
        if question := control.next_question(timeout=0.5):
            yield Answered(command=question["command"], result={"id": question.get("id"), **answer(question)})
    if not control.leaving:
        yield Continued()


def _holds(control: Control) -> bool:
    return control.hold_requested and not control.leaving
