"""Learning from a source and the target at once: ``L(W1, W2; Ds) + λ L(W2; Dt)``."""

import copy
from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import nn

from tlstudio.api import (
    Batch,
    Data,
    MethodContext,
    Objective,
    Outputs,
    ParameterGroup,
    Phase,
    Schedule,
    SolveData,
    StepOutput,
    StepState,
    Stream,
    Tools,
    TrainingError,
)
from tlstudio.api.controls import ControlRow, Controls, Look
from tlstudio.api.events import Event, Message
from tlstudio.training.modules import Classifier, StandardizedLinear
from tlstudio_builtins.methods.domain_norm import SourceNetwork, SourceStatistics
from tlstudio_builtins.methods.joint_options import JointOptions
from tlstudio_builtins.methods.joint_terms import gain, pull, weights
from tlstudio_builtins.methods.layers import decayed, stage_groups

_EMA = 0.99


class Joint:
    """``target``: the predictor, θ' and h_t. ``source``: θ and h_s, the backbone being the target's unless the tie is
    soft. ``baseline``: what learns from the target alone, or stays as it is but for its head.
    """

    def build(self, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, JointOptions)
        self._context, self._options = context, context.options
        self._target = Classifier(context.backbone, context.objective.head(context.descriptor.feature_dim))
        parts: dict[str, nn.Module] = {"target": self._target}
        if context.source is not None:  # None: the finished model is made again from its file
            parts |= self._beside(context.source.objective)
        self._model = nn.ModuleDict(parts)
        if "baseline" in parts and context.task in ("classification", "multilabel"):
            self.controls = self._controls
        return self._model

    def phases(self, context: MethodContext) -> list[Phase]:
        o, sequential = self._options, self._options.tie == "sequential"
        if context.source is None:
            raise TrainingError("The joint objective needs a source: a second data set with labels.")
        if context.source.objective.pixels:
            raise TrainingError(
                f"The source '{context.source.dataset}' has masks, and the joint objective learns answers for whole "
                "samples. Choose a source with classes, labels or numbers."
            )
        target, source = self._stream("target"), self._stream("source")
        phases = [self._computed("heads", "Best linear heads on the frozen backbone", predicts="-")]
        if o.baseline == "trained":
            groups = (*self._backbone("baseline."), *self._head("baseline.head."))
            phases.append(
                self._gradient("baseline", "Target alone, for comparison", groups, (target,), predicts="baseline")
            )
        own = (*self._backbone("target."), *self._head("target.head."))
        theirs = tuple(self._head("source.network.head."))
        if sequential:
            first = (*self._backbone("target."), *theirs)
            phases += [
                self._gradient("source", "Source", first, (source,), predicts="source", validate_on="source"),
                self._computed("head", "Best linear head on the backbone as it is now", predicts="-"),
                self._gradient("target", "Target", own, (target,)),
            ]
        else:
            theirs += tuple(self._backbone("source.network.")) if o.tie == "soft" else ()
            phases.append(self._gradient("joint", "Source and target", (*own, *theirs), (target, source)))
        return [*phases, self._computed("gain", "Transfer gain")] if o.baseline != "none" else phases

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, objective = batch["target"] if "target" in batch else batch["source"], self._context.objective
        if state.phase.name in ("baseline", "target"):
            outputs = self._model["baseline" if state.phase.name == "baseline" else "target"](train.inputs)
            return StepOutput(objective.loss(outputs, train.targets), outputs, train.targets)
        assert self._context.source is not None
        theirs = self._context.source.objective
        if state.phase.name == "source":
            return StepOutput(theirs.loss(self._model["source"](train.inputs), train.targets))
        other = batch["source"]
        outputs, others = self._both(train.inputs, other.inputs)
        one, two = objective.loss(outputs, train.targets), theirs.loss(others, other.targets)
        o = self._options
        first, second = weights(o.course, o.weight, state.step, state.steps)
        loss = first * two + second * one
        logs = {"target_loss": float(one.detach()), "source_loss": float(two.detach())}
        if o.tie == "soft":
            distance = pull(self._target.backbone, self._source().backbone)
            loss = loss + o.mu * distance
            logs["distance"] = float((2 * distance.detach()) ** 0.5)
        return StepOutput(loss, outputs, train.targets, logs)

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        if phase.name == "gain":
            yield from self._gain(tools)
        elif phase.name == "head":
            yield from self._fit(self._target.head, "target", tools, self._target.backbone)
        else:
            yield from self._fit(self._target.head, "target", tools)
            if "baseline" in self._model:
                self._model["baseline"].get_submodule("head").load_state_dict(self._target.head.state_dict())
            yield from self._fit(self._source().head, "source", tools)

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        """The source's metrics, named ``source_...``, wherever its network is not validated anyway."""
        assert self._context.source is not None
        if phase.name not in ("joint", "target") or not self._context.source.profile.val_items:
            return {}
        found = yield from tools.outputs(self._model["source"], "val", data="source")
        return {f"source_{name}": value for name, value in tools.score(found, data="source").items()}

    def predictor(self) -> nn.Module:
        return self._target

    def _controls(self, look: Look) -> Generator[Event, None, Controls]:
        """What learnt from the target alone, on the same samples: of validation and of test."""
        trained = self._options.baseline == "trained"
        found = yield from look(self._model["baseline"])
        title = "The target alone, by the same schedule" if trained else "Linear head on the frozen backbone"
        row = ControlRow(id="target-only", title=title, kind="baseline", outputs=found.rows)
        return Controls(rows=(row,), indices=found.indices, claim="learning from the source too helps on the target")

    # --- parts -------------------------------------------------------------------------------------------------

    def _beside(self, objective: Objective) -> dict[str, nn.Module]:
        o, context = self._options, self._context
        soft = o.tie == "soft"
        backbone = copy.deepcopy(context.backbone) if soft else context.backbone
        head = nn.Identity() if objective.pixels else objective.head(context.descriptor.feature_dim)
        network = Classifier(backbone, head)
        separate = o.tie == "hard" and o.batch_norm == "domain"
        parts: dict[str, nn.Module] = {
            "source": SourceNetwork(network, SourceStatistics(network) if separate else None)
        }
        if o.baseline != "none":
            parts["baseline"] = copy.deepcopy(self._target)
        return parts

    def _source(self) -> Classifier:
        network: Classifier = self._model["source"].network  # type: ignore[assignment]  # made so in _beside
        return network

    def _both(self, target: torch.Tensor, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs of both; in one batch, where statistics are shared and the inputs have one shape."""
        o = self._options
        if o.tie == "hard" and o.batch_norm != "domain" and target.shape[1:] == source.shape[1:]:
            features = self._target.backbone(torch.cat((target, source)))
            return self._target.head(features[: len(target)]), self._source().head(features[len(target) :])
        return self._target(target), self._model["source"](source)

    # --- phases ------------------------------------------------------------------------------------------------

    def _stream(self, data: Data) -> Stream:
        o, context = self._options, self._context
        safe, augmentation = context.descriptor.flip_safe, o.augmentation
        if augmentation == "auto":
            augmentation = "characters" if context.modality == "image" and not safe else "light"
        return Stream(
            name=data,
            data=data,
            augmentation=augmentation,
            flip=safe,
            batch_size=o.batch_size if data == "target" else o.source_batch_size,
            sampler=o.sampler,
        )

    def _gradient(
        self,
        name: str,
        title: str,
        groups: tuple[ParameterGroup, ...],
        streams: tuple[Stream, ...],
        predicts: str = "",
        validate_on: Data = "target",
    ) -> Phase:
        o = self._options
        return Phase(
            name=name,
            title=title,
            epochs=o.source_epochs if name == "source" else o.epochs,
            groups=groups,
            streams=streams,
            batch_norm="frozen" if o.batch_norm == "frozen" else "train",
            schedule=Schedule(kind="cosine", warmup=o.warmup),
            patience=o.patience,
            ema=_EMA if o.ema else None,
            clip_norm=o.clip_norm,
            predicts=predicts,
            validate_on=validate_on,
        )

    def _computed(self, name: str, title: str, predicts: str = "") -> Phase:
        epochs = 1 if name == "head" else 2  # as many reports
        return Phase(name=name, title=title, epochs=epochs, groups=(), streams=(), compute=True, predicts=predicts)

    def _head(self, prefix: str) -> Iterator[ParameterGroup]:
        o, parameters = self._options, dict(self._model.named_parameters())
        names = [name for name in parameters if name.startswith(prefix)]
        yield from decayed(prefix.rstrip("."), names, parameters, o.learning_rate, o.weight_decay)

    def _backbone(self, prefix: str) -> Iterator[ParameterGroup]:
        o = self._options
        yield from stage_groups(
            self._model,
            self._context.descriptor,
            prefix=f"{prefix}backbone.",
            rate=o.learning_rate * o.backbone_rate,
            decay=o.stage_decay,
            weight_decay=o.weight_decay,
        )

    # --- closed solutions --------------------------------------------------------------------------------------

    def _fit(
        self, head: nn.Module, data: Data, tools: Tools, backbone: nn.Module | None = None
    ) -> Generator[Event | dict[str, Any], None, None]:
        """The best linear head on features of the pretrained backbone, or of ``backbone`` as it is."""
        found: dict[str, Outputs] = {}
        for split in ("train", "val"):
            if backbone is None:
                found[split] = yield from tools.features(split, data=data)
            else:
                found[split] = yield from tools.outputs(backbone, split, data=data)
        train, val = ((each.rows, each.targets) for each in found.values())
        context = self._context
        assert context.source is not None
        objective = context.objective if data == "target" else context.source.objective
        home = next(head.parameters()).device
        head.cpu()
        if isinstance(head, StandardizedLinear):
            head.fit_scale(train[0])
        if objective.solvable:
            for _ in objective.solve(head, SolveData(train=train, val=val, seed=tools.seed), 0.0, "natural"):
                pass
        if len(val[1]):
            with torch.inference_mode():
                rows = head(val[0]).float()
            scores = tools.score(Outputs(rows, val[1], found["val"].indices), data=data)
            yield {("source_probe_" if data == "source" else "probe_") + name: scores[name] for name in scores}
        head.to(home)

    def _gain(self, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        if not self._context.profile.val_items:
            yield Message(text="The target has no validation split, on which the transfer gain could be measured.")
            return
        joint = yield from tools.outputs(self._target, "val")
        alone = yield from tools.outputs(self._model["baseline"], "val")
        trained = self._options.baseline == "trained"
        compared = "after learning from the target alone" if trained else "with a linear head on the frozen backbone"
        found = gain(tools.score, joint, alone, self._context.task, tools.seed)
        yield Message(level="warning" if found.value < 0 else "info", text=found.sentence(compared))
        yield {
            "transfer_gain": found.value, "transfer_gain_low": found.low, "transfer_gain_high": found.high,
            f"baseline_{found.metric}": found.alone,
        }  # fmt: skip
