"""What a run that holds can be asked about the model in its memory."""

import contextlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

from tlstudio.api.errors import StudioError, UsageError
from tlstudio.api.events import Event
from tlstudio.evaluation import evaluate_predictions
from tlstudio.registry import Registry
from tlstudio.training.evaluating import outputs_of_split
from tlstudio.training.predict import predict_files
from tlstudio.training.preparation import Prepared

AsValidated = Callable[[], AbstractContextManager[Any]]


class Answers:
    """Questions that are put to a run while it holds, about the model as it is at this moment."""

    def __init__(self, prepared: Prepared, registry: Registry) -> None:
        self._run, self._registry = prepared, registry

    def answer(self, question: dict[str, Any], as_validated: AsValidated = contextlib.nullcontext) -> dict[str, Any]:
        """What ``tlstudio evaluate`` or ``predict`` would print; ``error`` with a sentence where it cannot be had."""
        try:
            with as_validated():
                if question["command"] == "evaluate":
                    return self._evaluate(str(question.get("split", "val")))
                return self._predict(list(question.get("files", ())), int(question.get("top", 5)))
        except (StudioError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def _evaluate(self, split: str) -> dict[str, Any]:
        run = self._run
        if split not in run.manifest.splits:
            raise UsageError(f"There is no split '{split}'. There are: {', '.join(run.manifest.splits)}.")
        part = run.manifest.splits[split]
        if not part.paths:
            raise UsageError(f"The {split} split holds no {run.subject.modality.noun[1]}.")
        found = _result(outputs_of_split(run.method.predictor(), part, run.subject, run.manifest.root, run.runtime, 32))
        entry = evaluate_predictions(
            found.outputs.numpy(),
            found.targets.numpy(),
            task=run.subject.task,
            info=run.subject.info,
            metrics=self._registry.metrics(),
            seed=0,
            train_items=len(run.manifest.splits["train"].paths),
        )
        return {"split": split, **entry}

    def _predict(self, files: list[str], top: int) -> dict[str, Any]:
        run, task = self._run, self._run.subject.make_task()
        entries: list[dict[str, Any]] = []
        for file in files:
            events: list[Event] = []
            outputs, kept = _result(
                predict_files(run.method.predictor(), [file], run.subject, runtime=run.runtime), events
            )
            if not kept:
                entries.append({"file": file, "error": next((e.text for e in events if hasattr(e, "text")), "")})
                continue
            entries.append({"file": file, **task.decode(outputs[0], top)})
        return {"predictions": entries}


def _result(steps: Generator[Event, None, Any], events: list[Event] | None = None) -> Any:
    while True:
        try:
            event = next(steps)
        except StopIteration as done:
            return done.value
        if events is not None:
            events.append(event)
