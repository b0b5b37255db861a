"""The objectives of pre-training, each over the same phases."""

import math
from collections.abc import Generator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import Batch, MethodContext, Optimizer, Schedule, StepOutput, StepState, Stream, Tools, TrainingError
from tlstudio.api.events import Event
from tlstudio.training.modules import Classifier
from tlstudio_builtins.methods import pretraining_decoder as decoding
from tlstudio_builtins.methods.pretraining import Parts, Pretraining, joined, usual_augmentation
from tlstudio_builtins.methods.pretraining_gan import NOISE, Spectral, adversarial_losses
from tlstudio_builtins.methods.pretraining_gan import Generator as Drawing
from tlstudio_builtins.methods.pretraining_losses import nt_xent
from tlstudio_builtins.methods.pretraining_mae import HeldOutError, MaskedAutoencoder, MaskedDecoder, check_transformer
from tlstudio_builtins.methods.pretraining_memory import Memory
from tlstudio_builtins.methods.pretraining_options import (
    AdversarialOptions,
    AutoencoderOptions,
    ContrastiveOptions,
    MaskedOptions,
    SupervisedOptions,
)

Loss = Generator[Event, None, float | None]
_MOST_NUMBERS = 1 << 25  # in a memory
_SCALE = 256  # the batch size that published rates are for


class Supervised(Pretraining):
    """Cross-entropy of the labels, those of the source where there is one, from the weights as they come."""

    objective = "Supervised"
    options: SupervisedOptions

    def make_parts(self, context: MethodContext) -> Parts:
        self._data = "source" if context.source else "target"
        self._objective = context.source.objective if context.source else context.objective
        return {"head": self._objective.head(context.descriptor.feature_dim)}

    def has_held_out(self) -> bool:
        c = self.context
        return bool((c.source.profile if c.source else c.profile).val_items)

    def streams(self) -> tuple[Stream, ...]:
        o, c = self.options, self.context
        return (
            Stream(
                data="source" if c.source else "target",
                augmentation=usual_augmentation(c),
                flip=self.mirrors(),
                batch_size=o.batch_size,
            ),
        )

    def optimizer(self) -> Optimizer:
        return Optimizer(kind="sgd", momentum=0.9)

    def rate(self) -> float:
        o = self.options
        return o.learning_rate * o.batch_size / _SCALE

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        train = batches["train"]
        outputs = self.parts["head"](self.backbone(train.inputs))
        return StepOutput(self._objective.loss(outputs, train.targets), outputs, train.targets)

    def held_out(self, tools: Tools) -> Loss:
        data: Any = self._data
        found = yield from tools.outputs(Classifier(self.backbone, self.parts["head"]), "val", data=data)
        return tools.score(found, data=data)["loss"] if len(found.rows) else None


class Autoencoder(Pretraining):
    """The mean squared error of the pixels that a decoder draws from the coarsest level of what was spoilt."""

    objective = "Denoising autoencoder"
    options: AutoencoderOptions

    def make_parts(self, context: MethodContext) -> Parts:
        self._level = decoding.coarsest(context.descriptor)
        return {"decoder": decoding.Decoder(self._level.channels, self._level.stride)}

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        o, x = self.options, joined(batches)
        spoilt = x
        if o.corruption == "noise":
            spoilt = decoding.add_noise(x, o.sigma, self.context.preprocessing, state.generator)
        elif o.corruption == "mask":
            spoilt = decoding.hide_cells(x, o.hidden, state.generator)
        drawn = self.parts["decoder"](decoding.map_of(self.backbone, self._level, spoilt), x.shape[-2:])
        return StepOutput(F.mse_loss(drawn.float(), x.float()))

    def held_out(self, tools: Tools) -> Loss:
        module = decoding.Reconstruction(self.backbone, self.parts["decoder"], self._level)
        return (yield from _mean(tools, module))


class Masked(Pretraining):
    """The pixels of the patches that a vision transformer was not shown."""

    objective = "Masked autoencoder"
    options: MaskedOptions

    def make_parts(self, context: MethodContext) -> Parts:
        o = self.options
        check_transformer(context.backbone, context.descriptor)
        plain = MaskedAutoencoder(context.backbone, nn.Identity(), o.hidden)
        features = context.descriptor.feature_dim
        width = o.width or min(512, max(64, features // 2 // 64 * 64))
        depth = o.depth or (8 if width == 512 else 2)
        return {"decoder": MaskedDecoder(features, plain.patches, plain.side, width, depth)}

    def optimizer(self) -> Optimizer:
        return Optimizer(betas=(0.9, 0.95))

    def rate(self) -> float:
        o = self.options
        return o.learning_rate * o.batch_size / _SCALE

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        o = self.options
        masked = MaskedAutoencoder(self.backbone, self.parts["decoder"], o.hidden)
        return StepOutput(masked.errors(joined(batches), state.generator).mean())

    def held_out(self, tools: Tools) -> Loss:
        o = self.options
        return (yield from _mean(tools, HeldOutError(self.backbone, self.parts["decoder"], o.hidden)))


class Adversarial(Pretraining):
    """The backbone learns to tell pictures from those that a generator makes, which learns to deceive it."""

    objective = "GAN discriminator"
    options: AdversarialOptions

    def make_parts(self, context: MethodContext) -> Parts:
        o = self.options
        judge = nn.Linear(context.descriptor.feature_dim, 1)
        parts: Parts = {"judge": judge, "generator": Drawing(context.preprocessing.crop, context.preprocessing)}
        if o.spectral:
            self._bounds = Spectral(context.backbone), Spectral(judge)
            parts |= {"spectral": self._bounds[0], "spectral_judge": self._bounds[1]}
        return parts

    def has_held_out(self) -> bool:
        return False  # neither loss says how good the features are

    def streams(self) -> tuple[Stream, ...]:
        return self.shared_out(Stream(augmentation="none"))

    def optimizer(self) -> Optimizer:
        return Optimizer(betas=(0.5, 0.999))

    def schedule(self) -> Schedule:
        return Schedule(kind="constant")

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        real, judge = joined(batches), self.parts["judge"]
        if "spectral" in self.parts:
            self._bounds[0].bound(self.backbone)
            self._bounds[1].bound(judge)
        noise = torch.randn(len(real), NOISE, generator=state.generator).to(real.device)
        opponent, drawing = adversarial_losses(self.parts["generator"], self.backbone, judge, real, noise)
        logs = {"discriminator_loss": float(opponent.detach()), "generator_loss": float(drawing.detach())}
        return StepOutput(opponent + drawing, logs=logs)


class Contrastive(Pretraining):
    """SimCLR: two views of a picture are to be nearer to each other than to the views of all others."""

    objective = "SimCLR"
    options: ContrastiveOptions
    held_out_is_cheap = False

    def make_parts(self, context: MethodContext) -> Parts:
        o, features = self.options, context.descriptor.feature_dim
        hidden = o.hidden or min(2048, max(512, features))
        projector = nn.Sequential(
            nn.Linear(features, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, o.projection),
        )
        if o.memory * o.projection > _MOST_NUMBERS:
            raise TrainingError(
                f"A memory of {o.memory:,} projections of {o.projection:,} numbers each is too large for checkpoints; "
                f"together they may be {_MOST_NUMBERS:,} at most. Make 'memory' or 'projection' smaller."
            )
        return {"projector": projector, **({"memory": Memory(o.memory, o.projection)} if o.memory else {})}

    def streams(self) -> tuple[Stream, ...]:
        view = contrastive_augmentation(self.context)
        return self.shared_out(Stream(augmentation=view, views=(view,)))

    def loss(self, batches: dict[str, Batch], state: StepState) -> StepOutput:
        o = self.options
        first = joined(batches)
        second = torch.cat([batch.views[0] for batch in batches.values()])
        projected = self.parts["projector"](self.backbone(torch.cat([first, second])))
        one, other = projected.chunk(2)
        if not o.memory:
            return StepOutput(nt_xent(one, other, o.temperature))
        memory, pictures = self.parts["memory"], _pictures(batches).to(one.device)
        assert isinstance(memory, Memory)
        loss = nt_xent(one, other, o.temperature, memory.others(pictures))
        memory.add(one, pictures)
        return StepOutput(loss)

    def held_out(self, tools: Tools) -> Loss:
        """Of each picture itself and one view of it, in batches as large as in training."""
        o = self.options
        module = nn.Sequential(self.backbone, self.parts["projector"])
        plain = yield from tools.outputs(module, "val")
        view = yield from tools.outputs(module, "val", augmentation=contrastive_augmentation(self.context))
        if not len(plain.rows):
            return None
        pairs = zip(torch.split(plain.rows, o.batch_size), torch.split(view.rows, o.batch_size), strict=True)
        losses = [float(nt_xent(a, b, o.temperature)) * len(a) for a, b in pairs if len(a) > 1]
        return math.fsum(losses) / len(plain.rows) if losses else None


def _pictures(batches: dict[str, Batch]) -> torch.Tensor:
    """A number for each sample, of whichever stream, int64 ``[N]``."""
    return torch.cat([len(batches) * batch.indices + place for place, batch in enumerate(batches.values())])


def contrastive_augmentation(context: MethodContext) -> str:
    """Sounds have no colours; their strongest augmentation stands in."""
    return "medium" if context.modality == "audio" else "contrastive"


def _mean(tools: Tools, module: nn.Module) -> Loss:
    found = yield from tools.outputs(module, "val")
    return float(found.rows.double().mean()) if len(found.rows) else None
