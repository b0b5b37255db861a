"""The end of a run: its best model is scored, and what it predicted is kept."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from torch import nn

from tlstudio.api.events import Event, Message
from tlstudio.control import Control, Parked
from tlstudio.evaluation import columns, evaluate_predictions, save_predictions, write_results
from tlstudio.registry import Registry
from tlstudio.training import controls
from tlstudio.training.evaluating import Collected, as_results, outputs_of_features, outputs_of_split
from tlstudio.training.material import Material
from tlstudio.training.preparation import Prepared
from tlstudio.training.progress import Best
from tlstudio.training.spec import RunSpec


def collapsed(found: Collected, label: str) -> bool:
    """Whether the answers to all samples (of classes and labels their probabilities) are the same, though what is true
    of them is not. ``label``: what a label of the task is called. Not for pixels.
    """
    outputs, targets = found.outputs, found.targets
    if outputs.ndim != 2 or len(outputs) < 2 or bool((targets == targets[0]).all()):
        return False
    outputs = outputs.softmax(1) if label == "class" else outputs.sigmoid() if label == "labels" else outputs
    spread = outputs.amax(0) - outputs.amin(0)
    return bool((spread <= 1e-6 * outputs.abs().amax(0).clamp(min=1e-6)).all())


class Finish:
    def __init__(
        self,
        control: Control,
        folder: Path,
        spec: RunSpec,
        registry: Registry,
        prepared: Prepared,
        material: Material,
        best: Best,
    ) -> None:
        self._control, self._folder, self._spec, self._registry = control, folder, spec, registry
        self._run, self._material, self._best = prepared, material, best

    def score(self, selected_by: str) -> Generator[Event, None, dict[str, dict[str, float]]]:
        """Validation and, unless the user stopped, test: metrics by split. Raises ``Parked`` where that was asked."""
        model = self._run.method.predictor()
        model.load_state_dict(self._best.state)
        splits: dict[str, dict[str, Any]] = {}
        if self._material.features_only and not self._control.stop_requested:
            yield from self._material.need(("val", "test"))
        for name in ("val", "test"):
            if self._run.manifest.splits[name].paths and not (self._control.stop_requested and name == "test"):
                splits[name] = yield from self._score(name, model)
        note = (
            f"Best model by validation {selected_by}, epoch {self._best.epoch}; computed in "
            f"{self._run.runtime.precision} on {self._run.runtime.device_name}; seed {self._spec.seed}."
        )
        write_results(self._folder, as_results(splits, self._run.subject, note))
        return {name: entry["metrics"] for name, entry in splits.items()}

    @staticmethod
    def forget(folder: Path) -> None:
        """Before a run goes on: the scores of the model that it had when it was stopped."""
        (folder / "results.json").unlink(missing_ok=True)
        (folder / "controls.json").unlink(missing_ok=True)
        for path in (folder / "predictions").glob("*.npz"):
            path.unlink(missing_ok=True)

    def _score(self, name: str, model: nn.Module) -> Generator[Event, None, dict[str, Any]]:
        run, split = self._run, self._run.manifest.splits[name]
        if self._material.features_only and name in self._material.features:
            features, targets = self._material.features[name]
            outputs = outputs_of_features(model, features, run.runtime.device)
            found = Collected(outputs, targets, self._material.kept[name])
        else:
            found = yield from self._unless_parked(
                outputs_of_split(model, split, run.subject, run.manifest.root, run.runtime, batch_size=32)
            )
        if name == "val" and collapsed(found, run.subject.task.label):
            text = (
                f"The model gives the same answer for all validation {run.subject.modality.noun[1]}: it tells nothing "
                "apart, and training has most likely diverged. Train again with a lower learning rate."
            )
            yield Message(level="warning", text=text)
        outputs_, targets_ = found.outputs.numpy(), found.targets.numpy()
        item_ids = [split.item_ids[position] for position in found.kept]
        task, info = run.subject.task, run.subject.info
        save_predictions(
            self._folder, name, outputs_, targets_, item_ids, **columns(outputs_, targets_, task=task, info=info)
        )
        scored: dict[str, Any] = evaluate_predictions(
            outputs_,
            targets_,
            task=task,
            info=info,
            metrics=self._registry.metrics(),
            seed=0,
            train_items=len(run.manifest.splits["train"].paths),
        )
        if hasattr(run.method, "controls"):
            yield from controls.score(run, self._folder, self._registry, name, found, scored, self._spec.select_by)
        return scored

    def _unless_parked(self, steps: Generator[Event, None, Collected]) -> Generator[Event, None, Collected]:
        while True:
            try:
                event = next(steps)
            except StopIteration as done:
                result: Collected = done.value
                return result
            yield event
            if self._control.park_requested and not self._control.stop_requested:
                raise Parked(*self._control.park_reason)
