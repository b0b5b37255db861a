"""The phases of a CAM transfer: stages A to D of its definition, and what is computed between them."""

from collections.abc import Iterable, Sequence

from torch import nn

from tlstudio.api import MethodContext, ParameterGroup, Phase, Schedule, Stream
from tlstudio_builtins.methods.cam_options import CamOptions
from tlstudio_builtins.methods.cam_parts import CamParts
from tlstudio_builtins.methods.layers import decayed

DECAY = 0.01  # of AdamW, on matrices and kernels
_BELOW = 0.1  # rate of pretrained layers against that of a fresh head
_ROWS = 32  # maps in a batch of stage C
_CURVE = Schedule(kind="cosine", warmup=0.05)


def stages(context: MethodContext, options: CamOptions, parts: CamParts) -> list[Phase]:
    """In their order. ``fold-k`` leaves out the k-th part; ``probabilities`` collects what the folds say of theirs."""
    o = options
    phases = [_source(context, o, parts)] if context.source and o.source_epochs else []
    if parts.student is not None:
        phases.append(_student(context, o, parts))
    phases.append(computed("maps", "Source network: its maps, and a linear probe on them"))
    phases += [_target(context, o, parts, k) for k in range(o.folds)]
    phases.append(_target(context, o, parts, None))
    phases.append(computed("probabilities", "Probabilities for samples that each network never saw"))
    phases.append(_attention(context, o, parts))
    phases.append(computed("whole", "All parts together", predicts=""))
    if o.joint_epochs:
        phases.append(_joint(context, o, parts))
        phases.append(computed("probe", "A linear probe on the source network as it is now", predicts=""))
    return phases


def computed(name: str, title: str, predicts: str = "-") -> Phase:
    return Phase(name=name, title=title, epochs=1, groups=(), streams=(), compute=True, predicts=predicts)


def stream(context: MethodContext, o: CamOptions, **others: object) -> Stream:
    safe, augmentation = context.descriptor.flip_safe, o.augmentation
    modality = context.source.modality if others.get("data") == "source" and context.source else context.modality
    if augmentation == "auto":
        augmentation = "characters" if modality == "image" and not safe else "light"
    return Stream(augmentation=augmentation, flip=safe, batch_size=o.batch_size, **others)  # type: ignore[arg-type]


def grouped(model: nn.Module, name: str, prefixes: Sequence[str], rate: float) -> Iterable[ParameterGroup]:
    """Parameters below ``prefixes``; biases and normalisation are not decayed."""
    named = {n: p for n, p in model.named_parameters() if n.startswith(tuple(f"{prefix}." for prefix in prefixes))}
    yield from decayed(name, list(named), named, rate, DECAY)


def _source(context: MethodContext, o: CamOptions, parts: CamParts) -> Phase:
    return Phase(
        name="source",
        title="Source network, on the source data",
        epochs=o.source_epochs,
        groups=(
            *grouped(parts, "source head", ["source.head"], o.source_rate),
            *grouped(parts, "source network", ["source.backbone"], o.source_rate / 3),
        ),
        streams=(stream(context, o, data="source"),),
        batch_norm="train",
        schedule=_CURVE,
        clip_norm=1.0,
        predicts="source",
        validate_on="source",
    )


def _student(context: MethodContext, o: CamOptions, parts: CamParts) -> Phase:
    return Phase(
        name="student",
        title="Student of the source network, from the other modality alone",
        epochs=o.target_epochs,
        groups=tuple(grouped(parts, "student", ["student"], o.source_rate)),
        streams=(stream(context, o),),
        batch_norm="train",
        schedule=_CURVE,
        clip_norm=1.0,
        predicts="-",
    )


def _target(context: MethodContext, o: CamOptions, parts: CamParts, fold: int | None) -> Phase:
    prefix, number = (f"folds.{fold}", fold) if fold is not None else ("target", o.folds)
    below = _BELOW if o.target_network == "copy" else 1.0
    heads = [f"{prefix}.head", *([f"projectors.{number}"] if len(parts.projectors) else [])]
    return Phase(
        name=f"fold-{fold}" if fold is not None else "target",
        title="Target network" if fold is None else f"Target network without part {fold + 1} of {o.folds}",
        epochs=o.target_epochs,
        groups=(
            *grouped(parts, "head", heads, o.target_rate),
            *grouped(parts, "target network", [f"{prefix}.backbone"], o.target_rate * below),
        ),
        streams=(stream(context, o, fold=None if fold is None else (fold, o.folds)),),
        batch_norm="train",
        schedule=_CURVE,
        clip_norm=1.0,
        predicts="-" if fold is not None else "target",
    )


def _attention(context: MethodContext, o: CamOptions, parts: CamParts) -> Phase:
    return Phase(
        name="attention",
        title="Attention and classifier, on cached maps",
        epochs=o.attention_epochs,
        groups=tuple(grouped(parts, "attention", ["attend"], o.attention_rate)),
        streams=(Stream(made=True, batch_size=_ROWS),),
        schedule=_CURVE,
        clip_norm=1.0,
        predicts="attend" if context.profile.val_items else "-",
        criterion="-attention_loss" if context.profile.val_items else "",
    )


def _joint(context: MethodContext, o: CamOptions, parts: CamParts) -> Phase:
    streams = [stream(context, o)]
    heads = []
    if context.source:
        streams.append(stream(context, o, name="source", data="source"))
        heads = ["source.head"]
    source = "source.backbone" if parts.student is None else "student"
    return Phase(
        name="joint",
        title="Everything together, source and target" if context.source else "Everything together",
        epochs=o.joint_epochs,
        groups=(
            *grouped(parts, "attention", ["attend", *heads], o.attention_rate * _BELOW),
            *grouped(parts, "source network", [source], o.source_rate * _BELOW),
            *grouped(parts, "target network", ["target"], o.target_rate * _BELOW),
        ),
        streams=tuple(streams),
        schedule=_CURVE,
        clip_norm=1.0,
    )
