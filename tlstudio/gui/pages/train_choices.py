"""What a run can be given beside its data set: data sets, teachers and runs of the project, and why some cannot be."""

import dataclasses

from tlstudio import run_inputs
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import StudioError
from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.gui.pages import run_words
from tlstudio.project import DatasetInfo, Run
from tlstudio.registry import Registry
from tlstudio.weights import imported, resolve


@dataclasses.dataclass(frozen=True)
class Choice:
    """``value`` goes into the request; ``reason`` says why it cannot be chosen, empty where it can."""

    value: str
    text: str
    reason: str = ""


NEEDED: dict[Need, str] = {
    "source": "It also learns from a second data set with labels: choose the source.",
    "teacher": "It learns from a trained network: choose the teacher.",
    "unlabelled": "It needs samples without labels: choose a data set for that, or say how many labels of each class "
    "are kept.",
    "runs": "It begins from finished runs: choose them.",
}
_NOTHING: dict[Need, str] = {
    "source": "There is no second data set that it could learn from. Import one on the Data page.",
    "teacher": "There is neither a finished run nor a backbone on this computer to learn from.",
    "runs": "There is no finished run on this data set yet to begin from.",
}


def sources(method: MethodDescriptor, target: DatasetInfo, datasets: list[DatasetInfo]) -> list[Choice]:
    """Data sets with labels that the method can learn from beside ``target``."""
    kinds = method.modalities_of_source or (target.modality,)
    found = []
    for other in datasets:
        if other.name == target.name:
            continue
        reason = ""
        if other.modality not in kinds:
            reason = f"It holds {other.modality}, and the method takes {' or '.join(kinds)} here."
        elif method.same_classes and set(other.class_names) != set(target.class_names):
            differing = sorted(set(other.class_names) ^ set(target.class_names))
            reason = f"Its classes are not those of {target.name}: {', '.join(differing[:3])}."
        elif not other.split_counts.get("train"):
            reason = "It has nothing in its training split."
        found.append(Choice(other.name, f"{other.name} · {other.split_counts.get('train', 0):,} to learn from", reason))
    return sorted(found, key=lambda choice: bool(choice.reason))


def pools(target: DatasetInfo, datasets: list[DatasetInfo]) -> list[Choice]:
    """Data sets whose samples can be used without labels."""
    found = []
    for other in datasets:
        if other.name != target.name:
            reason = "" if other.modality == target.modality else f"It holds {other.modality}."
            found.append(Choice(other.name, f"{other.name} · {other.profile.items:,} items", reason))
    return sorted(found, key=lambda choice: bool(choice.reason))


def finished(registry: Registry, target: DatasetInfo, datasets: list[DatasetInfo], runs: list[Run]) -> list[Choice]:
    """Finished runs with a model for the same task, the newest first; those of this data set before others."""
    known = {dataset.name: dataset for dataset in datasets}
    found = []
    for run in reversed(runs):
        if run.state != "finished" or not run.model:
            continue
        learnt = known.get(run.dataset)
        reason = ""
        if learnt is not None and learnt.task != target.task:
            reason = f"It has learnt another task, {learnt.task}."
        elif learnt is not None and set(learnt.class_names) != set(target.class_names):
            reason = f"It has learnt the classes of {run.dataset}."
        text = f"run {run.id} · {run_words.title(registry, run)} · seed {run.seed} · {run_words.score(run, 'val')}"
        found.append((bool(reason), run.dataset != target.name, Choice(str(run.id), text, reason)))
    return [choice for *_, choice in sorted(found, key=lambda each: each[:2])]


def teachers(registry: Registry, target: DatasetInfo, datasets: list[DatasetInfo], runs: list[Run]) -> list[Choice]:
    """Finished runs, then backbones whose weights are here, which get a fitted head."""
    found = [
        Choice(f"{run_inputs.RUN}{choice.value}", choice.text, choice.reason)
        for choice in finished(registry, target, datasets, runs)
    ]
    takes = registry.modality(target.modality).backbones
    for descriptor in registry.backbones():
        if descriptor.modality in takes:
            found += _backbones(descriptor)
    return sorted(found, key=lambda choice: bool(choice.reason))


def _backbones(descriptor: BackboneDescriptor) -> list[Choice]:
    found = [
        Choice(f"{descriptor.id}:{own.name}", f"{descriptor.title} · {own.name} with a fitted head")
        for own in imported(descriptor.id)
    ]
    for published in descriptor.weights:
        try:
            here = resolve(descriptor, published.id).cached
        except StudioError:
            continue
        if here:
            found.append(Choice(f"{descriptor.id}:{published.id}", f"{descriptor.title} with a fitted head"))
    return found


def impossible(method: MethodDescriptor, target: DatasetInfo, datasets: list[DatasetInfo], runs: list[Run]) -> str:
    """Why nothing in the project meets a need of the method; empty where something may."""
    if "source" in method.needs and not any(not choice.reason for choice in sources(method, target, datasets)):
        refused = [choice for choice in sources(method, target, datasets) if choice.reason]
        return f"{refused[0].value}: {refused[0].reason}" if len(refused) == 1 else _NOTHING["source"]
    if "runs" in method.needs and not any(run.state == "finished" and run.dataset == target.name for run in runs):
        return _NOTHING["runs"]
    return ""
