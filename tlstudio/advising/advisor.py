"""The table of situations: fewer than 20 labels a class, up to 500, more; and what else there is to know."""

import shlex
from typing import Any

from tlstudio import estimating, weights
from tlstudio.advising.advice import Advice, Alternative
from tlstudio.advising.situation import Machine, Situation
from tlstudio.api.backbone import BackboneDescriptor
from tlstudio.api.errors import UsageError
from tlstudio.api.method import MethodDescriptor
from tlstudio.estimating import duration
from tlstudio.project import Project
from tlstudio.ranking import store
from tlstudio.registry import Registry

GOALS = ("accuracy", "small", "shift")
FEW, MANY = 20, 500  # labels of the rarest class
LOPSIDED = 5.0
PATIENCE_S = 3600.0  # on a machine without GPU, beyond which a run is not proposed
FEW_TEST = 200
_PROBE, _TUNE = ("feature-extraction",), ("fine-tuning",)


def advise(
    project: Project,
    registry: Registry,
    dataset: str,
    *,
    backbone: str = "",
    goal: str = "accuracy",
    machine: Machine | None = None,
) -> Advice:
    """``backbone``: an id, perhaps with weights, or empty: one that is ready here. ``goal``: ``small`` for a model that
    is to run on little hardware, ``shift`` where later data may differ.

    Raises ``UsageError`` where nothing can be proposed.
    """
    if goal not in GOALS:
        raise UsageError(f"A goal can be {', '.join(GOALS)}, not '{goal}'.")
    known = Situation.of(project, registry, dataset, machine)
    if not known.train:
        raise UsageError(f"The data set '{dataset}' has nothing to train on yet.")
    if known.task.label == "class" and len(known.info.class_names) < 2:
        raise UsageError(
            f"The data set '{dataset}' has no labels to learn from. A method can be given it as samples without "
            "labels, and a backbone can be pre-trained on it."
        )
    reasons: list[str] = []
    about_backbone: list[str] = []
    descriptor, weights_id = _backbone(project, registry, known, backbone, about_backbone)
    method, inputs = _method(registry, known, goal, descriptor, reasons)
    options = _options(known, method, descriptor, reasons)
    if known.shift:
        reasons.append(f"{known.shift} So test figures say how well it works elsewhere; see the goal 'shift'.")
    reasons += _by_likeness(known)
    reasons += about_backbone
    values = {**{name: field.default for name, field in method.options.model_fields.items()}, **options}
    device = "cuda" if known.machine.gpu else "auto"
    guess = estimating.estimate(known.info, descriptor, method, values, known.runs, device)
    if not known.machine.gpu and guess.seconds > PATIENCE_S and method.id not in _PROBE:
        probe = _usable(registry, known, _PROBE)
        if probe is not None:
            reasons.insert(
                0,
                f"{method.title} would take {'roughly' if guess.rough else 'about'} {duration(guess.seconds)} on "
                f"{known.machine.words}, {guess.source}; begin with {probe.title}, which takes one pass.",
            )
            method, inputs, options = probe, {}, {}
            guess = estimating.estimate(known.info, descriptor, method, {}, known.runs, device)
    reasons.append(
        f"One run takes {'roughly' if guess.rough else 'about'} {duration(guess.seconds)} on {known.machine.words}, "
        f"{guess.source}."
    )
    seeds = 3 if known.test < FEW_TEST or known.labels < FEW else 1
    if seeds > 1:
        reasons.append(
            f"Three seeds: {known.test:,} test {known.noun} and {known.labels:,} labels of the rarest class say little "
            "about a single one."
            if known.per_class
            else f"Three seeds: {known.test:,} test {known.noun} say little about a single one."
        )
    return Advice(
        dataset=dataset,
        method=method.id,
        title=method.title,
        options=options,
        backbone=descriptor.id,
        weights=weights_id,
        backbone_title=descriptor.title,
        inputs=inputs,
        seeds=seeds,
        seconds=guess.seconds,
        reasons=tuple(reasons),
        alternatives=tuple(_alternatives(project, registry, known, method)),
    )


def _backbone(
    project: Project, registry: Registry, known: Situation, wanted: str, reasons: list[str]
) -> tuple[BackboneDescriptor, str]:
    if wanted:
        descriptor, named = weights.split_backbone(registry, wanted, project)
        return descriptor, weights.resolve(descriptor, named, project=project).id
    ranking = store.load(project.path, known.info.name, known.info.revision)
    if ranking is not None and len(ranking.rows) > 1 and ranking.rows[0].probe is not None:
        first = ranking.rows[0]
        reasons.append(
            f"{first.title} came first of {len(ranking.rows)} backbones on your data: {ranking.metric} "
            f"{first.probe:.3f} ± {first.probe_sd or 0:.3f} over {ranking.folds} folds of a linear probe."
        )
        return registry.backbone(first.backbone), first.weights
    takes = registry.modality(known.info.modality).backbones
    ready: list[tuple[float, float, BackboneDescriptor, dict[str, Any]]] = []
    for entry in weights.catalog(registry):
        descriptor = registry.backbone(entry["id"])
        if descriptor.modality not in takes or (known.task.label == "mask" and not descriptor.levels):
            continue
        if descriptor.supports(known.info.task, known.info.modality, known.info.profile):
            continue
        known_for = max((published["accuracy"] or 0.0 for published in entry["weights"]), default=0.0)
        ready += [
            (known_for, -descriptor.gflops, descriptor, {"id": own["name"], "trained_on": "", "accuracy": None})
            for own in entry["imported"]
        ]
        ready += [
            (published["accuracy"] or 0.0, -descriptor.gflops, descriptor, published)
            for published in entry["weights"]
            if published["bundled"] or published["cached"]
        ]
    if ready:
        *_, descriptor, published = max(ready, key=lambda each: each[:2])
        score = f", {published['accuracy']:.1f} % there as published" if published["accuracy"] else ""
        origin = f"trained on {published['trained_on']}{score}" if published["trained_on"] else "your own weights"
        reasons.append(
            f"{descriptor.title} is on this computer, {origin}; which of {len(ready)} suits your data 'tlstudio rank' "
            "tells."
            if len(ready) > 1
            else f"{descriptor.title} is the only fitting backbone whose weights are on this computer, {origin}."
        )
        return descriptor, published["id"]
    for descriptor in registry.backbones():
        if descriptor.modality in takes and not descriptor.weights:
            reasons.append(f"No pretrained backbone for {known.info.modality} is on this computer: random weights.")
            return descriptor, weights.NONE
    raise UsageError(
        f"There is no backbone for {known.info.modality} whose weights are on this computer. Import or download some."
    )


def _method(
    registry: Registry, known: Situation, goal: str, descriptor: BackboneDescriptor, reasons: list[str]
) -> tuple[MethodDescriptor, dict[str, Any]]:
    finished = [run for run in known.runs if run.state == "finished" and run.dataset == known.info.name]
    if goal == "shift":
        tuned = [run for run in finished if run.method in _TUNE and run.backbone == descriptor.id]
        wise = _usable(registry, known, ("wise-ft",))
        if tuned and wise is not None:
            reasons.append(
                f"Later data may differ: run {tuned[-1].id} is fine-tuned, and halfway back to where it began (alpha "
                "0.5) models hold up better elsewhere (Wortsman et al. 2022)."
            )
            return wise, {"runs": (tuned[-1].id,)}
        reasons.append(
            f"Later data may differ: 0 fine-tuned runs of {descriptor.title} are there yet; after one, WiSE-FT is next."
        )
    if goal == "small":
        distil = _usable(registry, known, ("distillation",))
        if finished and distil is not None:
            best = max(finished, key=lambda run: (run.score("val") or 0.0, run.id))
            reasons.append(
                f"A small model is wanted, and run {best.id} can teach one: {best.select_by} "
                f"{best.score('val') or 0:.3f} on validation."
            )
            return distil, {"teacher": f"run:{best.id}"}
        reasons.append(
            "A small model is wanted, but 0 finished runs on this data set could teach one: train one first."
        )
    what = f"{known.labels:,} labels of the rarest class" if known.per_class else f"{known.train:,} training items"
    if known.labels < FEW:
        chosen = _usable(registry, known, _PROBE) or _usable(registry, known, _TUNE)
        bound = f"fewer than {FEW}" if known.per_class else f"fewer than {FEW * 10}"
        reasons.append(f"{what[:1].upper()}{what[1:]}, {bound}: too few to move a backbone; only the head is fitted.")
    else:
        chosen = _usable(registry, known, _TUNE) or _usable(registry, known, _PROBE)
        bound = f"between {FEW} and {MANY}" if known.labels <= MANY else f"more than {MANY}"
        if not known.per_class:
            bound = f"{FEW * 10} or more"
        reasons.append(
            f"{what[:1].upper()}{what[1:]}, {bound}: first the head, then every layer at a low rate (LP-FT)."
        )
    if chosen is None:
        raise UsageError(f"No method can be proposed for the task of '{known.info.name}'.")
    return chosen, {}


def _options(
    known: Situation, method: MethodDescriptor, descriptor: BackboneDescriptor, reasons: list[str]
) -> dict[str, Any]:
    """Those that the table names and the method has."""
    wanted: dict[str, Any] = {"alpha": 0.5} if method.id == "wise-ft" else {}
    if method.id in _TUNE and known.per_class and known.labels > MANY and known.task.label == "class":
        wanted["mixup"] = 0.2
        reasons.append(f"Mixup 0.2, from {MANY} labels of the rarest class on ({known.labels:,} here).")
        if "transformer" in f"{descriptor.family} {descriptor.description}".lower():
            wanted["stage_decay"] = 0.75
            reasons.append(f"{descriptor.title} is a transformer: each stage learns at 0.75 of the next one's rate.")
    if known.imbalance > LOPSIDED:
        wanted["imbalance"] = "logit-adjustment"
        reasons.append(
            f"The largest class is {known.imbalance:.1f} times the smallest, more than {LOPSIDED:g}: logit adjustment, "
            "and the model is chosen by a metric that counts every class the same."
        )
    return {name: value for name, value in wanted.items() if name in method.options.model_fields}


def _by_likeness(known: Situation) -> list[str]:
    """A sentence for each source that the doctor has compared."""
    said = []
    for source in known.sources:
        if (alike := known.likeness.get(source.name)) is not None:
            advice = "more than 0.8 speaks for domain adaptation (MCC) where its labels are used"
            if not alike.apart:
                advice = "both can be learnt from together, without domain adaptation"
            looks = "different" if alike.apart else "alike"
            said.append(f"'{source.name}' has the same classes and looks {looks}: {alike.words}; {advice}.")
    return said


def _alternatives(
    project: Project, registry: Registry, known: Situation, chosen: MethodDescriptor
) -> list[Alternative]:
    found: list[Alternative] = []

    def add(ids: tuple[str, ...], reason: str) -> None:
        method = _usable(registry, known, ids)
        if method is not None and method.id != chosen.id and method.id not in {one.method for one in found}:
            found.append(Alternative(method.id, method.title, reason))

    if known.pools:
        pool = max(known.pools, key=lambda other: other.profile.items)
        add(
            ("flexmatch", "fixmatch"),
            f"With '{pool.name}': {pool.profile.items:,} samples without labels, if these are of the same kinds.",
        )
    if known.sources:
        source = max(known.sources, key=lambda other: other.split_counts.get("train", 0))
        count, alike = source.split_counts.get("train", 0), known.likeness.get(source.name)
        unused = f"If the labels here are not to be used: '{source.name}' has the same classes, {count:,} items."
        if alike is None:
            words = ["tlstudio", "data", "doctor", str(project.path), known.info.name, "--against", source.name]
            unused += f" Whether it looks different is told by: {shlex.join(words)}."
        if alike is None or alike.apart:
            add(("mcc",), unused)
        add(("joint",), f"Together with '{source.name}': the same classes, {count:,} items.")
    if known.others:
        other = max(known.others, key=lambda one: one.split_counts.get("train", 0))
        add(
            ("cam-transfer",),
            f"From another modality: '{other.name}', {other.profile.items:,} items; look at its controls.",
        )
    if known.labels >= FEW or not known.per_class:
        add(_PROBE, "As the baseline: one pass over the data, then seconds.")
    else:
        add(_TUNE, f"To be compared: {known.labels:,} labels of the rarest class may suffice for it.")
    return found


def _usable(registry: Registry, known: Situation, ids: tuple[str, ...]) -> MethodDescriptor | None:
    """The first of ``ids`` that is installed and supports the data."""
    here = {method.id: method for method in registry.methods()}
    for name in ids:
        method = here.get(name)
        if method is not None and not method.supports(known.info.task, known.info.modality, known.info.profile):
            return method
    return None
