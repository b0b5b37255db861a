"""What features are worth: the vote of the nearest neighbours, a linear probe, the same of random weights, and the card
that lies beside the model.
"""

import copy
import json
import os
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from tlstudio.api import MethodContext, Outputs, SolveData, Tools
from tlstudio.api.events import Event
from tlstudio_builtins.methods.pretraining_losses import neighbour_accuracy

CARD_FILE = "backbone_card.json"
_SPEC = ("dataset", "revision", "data_fingerprint", "weights", "seed", "source", "unlabelled", "labels_per_class")


class Probe:
    """Of one run. ``compared``: what random weights came to, JSON-able; part of the checkpoint."""

    def __init__(self, context: MethodContext, model: nn.Module, objective: str) -> None:
        self._context, self._model, self._objective = context, model, objective
        self.compared: dict[str, Any] = {}

    def vote(self, tools: Tools, most: int) -> Generator[Event, None, float]:
        """Accuracy on validation of the neighbours among about ``most`` training samples; the backbone as it is."""
        backbone, items = self._backbone, self._context.profile.train_items
        fold = (0, -(-items // most)) if items > most else None
        known = yield from tools.outputs(backbone, "train", fold=fold)
        asked = yield from tools.outputs(backbone, "val")
        return self._accuracy(known, asked)

    def compare(self, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        """The weights that it begins with, and, where these are not random, random ones too."""
        start = self._worth((yield from tools.features("train")), (yield from tools.features("val")), tools)
        self.compared = {"start": start, "random": start}
        if self._context.pretrained:
            random = self._random_backbone()
            known, asked = (yield from tools.outputs(random, "train")), (yield from tools.outputs(random, "val"))
            self.compared["random"] = self._worth(known, asked, tools)
        yield {f"random_{name}": value for name, value in self.compared["random"].items()}

    def run(self, tools: Tools, seen: int) -> Generator[Event | dict[str, Any], None, None]:
        """Fits the model's head to the frozen backbone's features, and writes the card."""
        train, val = (yield from tools.features("train")), (yield from tools.features("val"))
        head: nn.Module = self._model.head  # type: ignore[assignment]  # of a classifier
        yield from self._fit(head, train, val, tools)
        worth = self._judge(head, train, val, tools)
        head.to(tools.device)
        card = self._card(tools, worth, seen, len(train.rows))
        temporary = tools.folder / f"{CARD_FILE}.tmp"
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, tools.folder / CARD_FILE)
        if "knn_accuracy" in worth:
            yield {"knn_accuracy": worth["knn_accuracy"]}

    # --- one measurement -----------------------------------------------------------------------------------

    def _worth(self, train: Outputs, val: Outputs, tools: Tools) -> dict[str, float]:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self._context.seed)
            head = self._context.objective.head(train.rows.shape[1])
        for _ in self._fit(head, train, val, tools):
            pass
        return self._judge(head, train, val, tools)

    def _fit(self, head: nn.Module, train: Outputs, val: Outputs, tools: Tools) -> Any:
        data = SolveData((train.rows, train.targets), (val.rows, val.targets), tools.seed)
        return self._context.objective.solve(head.cpu(), data, 0.0, "natural")

    def _judge(self, head: nn.Module, train: Outputs, val: Outputs, tools: Tools) -> dict[str, float]:
        """``knn_accuracy`` and ``probe_...``, on the validation split; empty where there is none."""
        if not len(val.rows):
            return {}
        head.eval()
        with torch.inference_mode():
            outputs = head.cpu()(val.rows)
        scores = tools.score(Outputs(outputs, val.targets, val.indices))
        values = {f"probe_{name}": value for name, value in scores.items()}
        if self._context.task == "classification":
            values["knn_accuracy"] = self._accuracy(train, val)
        return values

    def _accuracy(self, known: Outputs, asked: Outputs) -> float:
        return neighbour_accuracy(
            known.rows, known.targets, asked.rows, asked.targets, max(1, len(self._context.class_names))
        )

    @property
    def _backbone(self) -> nn.Module:
        found: nn.Module = self._model.backbone  # type: ignore[assignment]  # of a classifier
        return found

    def _random_backbone(self) -> nn.Module:
        """As the application builds it before any weights are loaded."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self._context.seed)
            fresh: nn.Module = self._context.descriptor.load()()
        network = copy.deepcopy(self._backbone).cpu()  # with what takes the frames of films apart, where it is films
        network.load_state_dict(fresh.state_dict())
        return network

    def _card(self, tools: Tools, worth: dict[str, float], seen: int, labelled: int) -> dict[str, Any]:
        try:
            spec = json.loads((tools.folder / "spec.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            spec = {}
        return {
            "schema_version": 1,
            "objective": self._objective,
            "backbone": self._context.descriptor.id,
            **{name: spec.get(name) for name in _SPEC},
            "options": spec.get("options", {}),
            "samples_seen": seen,
            "labelled": labelled,
            "split": "val",
            **worth,
            "random": self.compared.get("random", {}),
            "start": self.compared.get("start", {}),
        }
