"""Distillation: a student learns from labels and from a frozen teacher that sees the same view of every sample."""

import dataclasses
from collections.abc import Generator
from typing import Any

import torch
from torch import nn

from tlstudio.api import (
    UNLABELLED,
    Batch,
    MethodContext,
    Outputs,
    Phase,
    StepOutput,
    StepState,
    Stream,
    Teacher,
    Tools,
    TrainingError,
)
from tlstudio.api.events import Event, Message
from tlstudio.training.modules import Scaled
from tlstudio_builtins.methods import distillation_levels as levels
from tlstudio_builtins.methods import distillation_teacher as teachers
from tlstudio_builtins.methods.distillation_card import refusal
from tlstudio_builtins.methods.distillation_options import DistillationOptions
from tlstudio_builtins.methods.distillation_terms import SHARE_FROM_RANDOM, Terms
from tlstudio_builtins.methods.distillation_views import SharedView, geometry
from tlstudio_builtins.methods.layers import decayed
from tlstudio_builtins.methods.tuning import Tuning

_MADE = "teacher/"  # before the name of a split, in the name of a stream
_RATE, _RATE_FROM_RANDOM, _SGD = 3e-4, 3e-3, 10.0


class Distillation(Tuning):
    """``at``: where the student lies in what ``build`` returns. Without a teacher (a finished model that is made
    again) there is nothing else in it.
    """

    at = "student."

    def _around(self, network: nn.Module, context: MethodContext) -> nn.Module:
        assert isinstance(context.options, DistillationOptions)
        self._options, self._teacher = context.options, context.teacher
        self._from_random = not context.pretrained
        self._scores: dict[str, float] = {}
        self._answers: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._pairs: list[levels.Pair] = []
        root = nn.Module()
        root.student = network
        if context.teacher is not None:
            self._prepare(context, context.teacher, root)
        return root

    def _prepare(self, context: MethodContext, teacher: Teacher, root: nn.Module) -> None:
        o = self._options
        classes = len(context.class_names) if context.class_counts else 0
        reason = refusal(o.loss, o.features, context.task, context.modality, classes)
        if reason:
            raise TrainingError(reason)
        root.teacher = self._watched = teacher.module.eval().requires_grad_(False)
        std = torch.tensor(self.network.head.scaling()[0] if isinstance(self.network.head, Scaled) else [1.0])
        self._soften = Terms(o, context.task, self._from_random, std)
        augmentation = self._plain_stream(context, teacher).augmentation
        self._kept = self._answers_stay(augmentation) and not context.objective.pixels
        if o.answers == "once" and not self._kept:
            raise TrainingError(
                "The teacher cannot answer once and for all where feature maps are compared, pictures are blended or "
                "every pixel has a class. Set 'answers' to view, or 'features' to none and 'mixup' and 'cutmix' to 0."
            )
        shape = geometry(context.modality, augmentation, context.objective.pixels)
        looks = context.preprocessing if self._kept else teacher.preprocessing  # nobody else, where answers are kept
        self._view = SharedView(context.preprocessing, looks, shape)
        if o.features == "none":
            return
        watched = teachers.backbone_of(teacher.module)
        sides = (1, 1) if context.objective.pixels else (context.preprocessing.crop, teacher.preprocessing.crop)
        found = levels.pairs(context.descriptor.levels, sides[0], teacher.descriptor.levels, sides[1])
        if watched is None or not found:
            raise TrainingError(
                f"The student's backbone '{context.descriptor.id}' and the teacher's '{teacher.descriptor.id}' name no "
                "feature levels that could be compared. Set 'features' to none, or choose other backbones."
            )
        self._watched, self._pairs = watched, levels.chosen(found, o.features)
        if o.features == "hints":
            root.projectors = levels.projectors(self._pairs)

    def _answers_stay(self, augmentation: str) -> bool:
        """Whether the teacher answers a sample in every epoch alike, and its answers are all that is wanted."""
        o = self._options
        same = augmentation == "none" or o.answers == "once"
        return same and o.features == "none" and not (o.mixup or o.cutmix)

    # --- phases --------------------------------------------------------------------------------------------

    def phases(self, context: MethodContext) -> list[Phase]:
        head = [self._head_phase(context)] if self._options.stages == "two" and not self._from_random else []
        check = Phase(name="teacher", title="What the teacher knows", epochs=1, groups=(), streams=(), compute=True,
                      predicts="-")  # fmt: skip
        compared = Phase(name="comparison", title="Teacher and student", epochs=1, groups=(), streams=(), compute=True)
        return [check, *head, *self._later_phases(context), compared]

    def _later_phases(self, context: MethodContext) -> list[Phase]:
        o = self._options
        rate = o.learning_rate or (_RATE_FROM_RANDOM if self._from_random else _RATE) * (
            _SGD if o.optimizer == "sgd" else 1.0
        )
        parameters = dict(self.root.named_parameters())
        names = [name for name in parameters if not name.startswith("teacher.")]
        groups = decayed("student", names, parameters, rate, o.weight_decay)
        title = "Learning from the teacher"
        phase = self._phase(context, title, groups, o.batch_norm)
        streams = list(phase.streams)
        if context.unlabelled and o.unlabelled == "teach":
            pool = dataclasses.replace(streams[0], name=UNLABELLED, split=UNLABELLED, sampler="natural")
            items = context.profile.train_items  # also of those whose labels are hidden
            more = context.unlabelled > min(sum(context.class_counts) or items, items)
            streams = [pool, *streams] if more else [*streams, pool]  # the larger sets the pace, the other goes round
        if context.teacher is not None and self._kept:
            streams += [
                Stream(name=_MADE + stream.split, split=stream.split, made=True, batch_size=stream.batch_size)
                for stream in streams
            ]
        return [dataclasses.replace(phase, streams=tuple(streams))]

    def _stream(self, context: MethodContext) -> Stream:
        """One view for both, mirrored only where neither of them is for characters."""
        if context.teacher is None:
            return super()._stream(context)
        plain = self._plain_stream(context, context.teacher)
        return dataclasses.replace(plain, preprocessing=self._view.preprocessing)

    def _plain_stream(self, context: MethodContext, teacher: Teacher) -> Stream:
        safe = context.descriptor.flip_safe and teacher.descriptor.flip_safe
        both = dataclasses.replace(context, descriptor=dataclasses.replace(context.descriptor, flip_safe=safe))
        return super()._stream(both)

    # --- the teacher, before and after -----------------------------------------------------------------------

    def compute(self, phase: Phase, tools: Tools) -> Generator[Event | dict[str, Any], None, None]:
        assert self._teacher is not None
        task, title = self._context.task, self._teacher.title
        if phase.name == "comparison":
            found = yield from tools.outputs(self.predictor(), "val")
            if len(found.indices) and self._scores:
                own = teachers.measures(task, tools.score(found))
                yield {**_named("teacher", self._scores), **_named("student", own)}
                good, sentence = teachers.verdict(title, task, self._scores, own)
                yield Message(level="info" if good else "warning", text=sentence)
            return
        found = yield from tools.outputs(self._teacher.module, "val", preprocessing=self._teacher.preprocessing)
        if not len(found.indices):
            yield Message(level="warning", text="There is no validation split: whether the teacher is any good is not "
                          "known.")  # fmt: skip
            return
        values = tools.score(found)
        guess = teachers.constant(found, task)
        if guess is not None:
            teachers.check_use(title, task, values, tools.score(guess))
        self._scores = teachers.measures(task, values)
        yield _named("teacher", self._scores)
        if self._from_random and not self._options.alpha and self._options.loss in ("logits", "cwd"):
            yield Message(
                text=f"The student has random weights: the teacher counts by {SHARE_FROM_RANDOM}, the labels by "
                f"{1 - SHARE_FROM_RANDOM:.1f}. Set 'alpha' to change that."
            )

    def validate(self, phase: Phase, tools: Tools) -> Generator[Event, None, dict[str, float]]:
        """The teacher's figures beside the student's, as a level line."""
        yield from ()
        return _named("teacher", self._scores)

    def state_dict(self) -> dict[str, Any]:
        return dict(self._scores)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._scores = {name: float(value) for name, value in state.items()}

    def rows(self, stream: Stream, tools: Tools) -> Generator[Event, None, Outputs]:
        """What the teacher says of a split, once: without augmentation it is the same in every epoch."""
        assert self._teacher is not None
        found = yield from tools.outputs(self._teacher.module, stream.split, preprocessing=self._teacher.preprocessing)
        place = torch.full((int(found.indices.max()) + 1 if len(found.indices) else 0,), -1, dtype=torch.int64)
        place[found.indices] = torch.arange(len(found.indices))
        self._answers[stream.split] = (found.rows, place)
        return found

    # --- one step --------------------------------------------------------------------------------------------

    def step(self, batch: dict[str, Batch], state: StepState) -> StepOutput:
        train, pool = batch["train"], batch.get(UNLABELLED)
        if state.phase.name == "head":
            if train.inputs.ndim >= 4:
                train = dataclasses.replace(train, inputs=self._view.for_student(train.inputs))
            return super().step({"train": train}, state)
        mixed, count = self._mixed(train, state), len(train.targets)
        seen = train.inputs if mixed is None else mixed.inputs
        seen = seen if pool is None else torch.cat([seen, pool.inputs])
        outputs, maps_s = self._student(self._view.for_student(seen))
        told, maps_t = self._teach(seen, batch)
        hard, soft = self._losses(outputs, told, train.targets, count)
        if mixed is not None:
            others = self._losses(outputs, told, mixed.partners, count)
            hard, soft = (mixed.share * a + (1 - mixed.share) * b for a, b in zip((hard, soft), others, strict=True))
        mapped = self._mapped(maps_s, maps_t) if self._pairs else torch.zeros_like(hard)
        loss = self._soften.weighed(hard, soft, mapped, state)
        parts = torch.stack([hard.detach(), soft.detach(), mapped.detach()]).tolist()
        wanted = (True, self._options.loss != "none", bool(self._pairs))
        names = ("labels_loss", "teacher_loss", "maps_loss")
        logs = {name: value for name, value, there in zip(names, parts, wanted, strict=True) if there}
        if mixed is not None:
            return StepOutput(loss, logs=logs)
        return StepOutput(loss, outputs[:count], train.targets, logs)

    def _losses(
        self, outputs: torch.Tensor, told: torch.Tensor, targets: torch.Tensor, count: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the labels, which the first ``count`` samples have, and of the teacher."""
        hard = self._context.objective.loss(outputs[:count], targets)
        if len(told) > count:  # the teacher decides what has no label
            targets = (
                torch.cat([targets, told[count:].argmax(1).to(targets.dtype)]) if self._soften.by_class else targets
            )
        return hard, self._soften.soft(outputs.float(), told.float(), targets)

    def _student(self, inputs: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        with levels.watched(self.network.backbone, [a for a, _ in self._pairs], inputs) as maps:
            return self.network(inputs), maps

    def _teach(self, seen: torch.Tensor, batch: dict[str, Batch]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        assert self._teacher is not None
        if self._answers:
            kept = [self._answer(name, batch[name].indices) for name in ("train", UNLABELLED) if name in batch]
            return torch.cat(kept).to(seen.device), {}
        inputs, module = self._view.for_teacher(seen), self._teacher.module
        with torch.no_grad(), levels.watched(self._watched, [b for _, b in self._pairs], inputs) as maps:
            return module(inputs), maps

    def _answer(self, split: str, indices: torch.Tensor) -> torch.Tensor:
        rows, place = self._answers[split]
        return rows[place[indices.cpu()]]

    def _mapped(self, student: dict[str, torch.Tensor], teacher: dict[str, torch.Tensor]) -> torch.Tensor:
        o = self._options
        projected = getattr(self.root, "projectors", None) or nn.ModuleDict()
        return levels.distance(self._pairs, student, teacher, o.features, o.attention_power, projected)


def _named(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in values.items()}
