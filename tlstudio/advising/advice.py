"""What is proposed, and why."""

import dataclasses
import shlex
from typing import Any


@dataclasses.dataclass(frozen=True)
class Alternative:
    """Another method that the situation speaks for too, and a sentence that says when."""

    method: str
    title: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advice:
    """A proposal to begin with; it does not claim to be the best. ``options`` are those that differ from the defaults,
    ``inputs`` further arguments of ``runs.create_run``; ``reasons``: sentences, each with the figure it rests on.
    """

    dataset: str
    method: str
    title: str
    options: dict[str, Any]
    backbone: str
    weights: str
    backbone_title: str
    inputs: dict[str, Any]
    seeds: int
    seconds: float
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()

    @property
    def key(self) -> str:
        """The backbone with its weights, as lists call it."""
        return f"{self.backbone}:{self.weights}"

    @property
    def sentence(self) -> str:
        seeds = f", {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{self.title} from {self.backbone_title}{seeds}"

    def command(self, project: str) -> str:
        """What trains it."""
        words = ["--dataset", self.dataset, "--backbone", self.backbone, "--weights", self.weights]
        words += ["--method", self.method]
        flags = {"source": "--source-dataset", "teacher": "--teacher", "unlabelled": "--unlabelled"}
        for name, flag in flags.items():
            if name in self.inputs:
                words += [flag, str(self.inputs[name])]
        if self.inputs.get("runs"):
            words += ["--from-run", ",".join(map(str, self.inputs["runs"]))]
        for name, value in self.options.items():
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
        if self.seeds <= 1:
            return shlex.join(["tlstudio", "train", project, *words])
        seeds = ",".join(map(str, range(self.seeds)))
        added = shlex.join(["tlstudio", "queue", project, "add", *words, "--seeds", seeds])
        return f"{added} && {shlex.join(['tlstudio', 'queue', project, 'run'])}"

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "reasons": list(self.reasons), "sentence": self.sentence}
