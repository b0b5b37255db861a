"""Planning a comparison: every run is checked before the first is made, and all share data, split and seeds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tlstudio import estimating, recipes, run_inputs, weights
from tlstudio import runs as planning
from tlstudio.api.errors import OptionsError, StudioError, UsageError
from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.api.recipe import Recipe
from tlstudio.comparing.families import PRETRAINING, family
from tlstudio.project import Project, Run
from tlstudio.registry import Registry

_FAR = 4.0  # times the usual method's time
INPUTS: tuple[Need, ...] = ("source", "teacher", "unlabelled", "runs")
Options = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A method that is not compared, and the sentence that says why. ``method``: its id, with that of a recipe behind
    it where one was asked for. ``lacking``: what it needs and was not given.
    """

    method: str
    title: str
    reason: str
    lacking: tuple[Need, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A method with its options; ``plans``: one for each seed. ``estimate``: of all of them. ``recipe``: that of the
    method which its options begin with, ``None`` where they are the defaults.
    """

    method: MethodDescriptor
    plans: tuple[planning.RunPlan, ...]
    estimate: estimating.Estimate
    recipe: Recipe | None = None

    @property
    def key(self) -> str:
        """``fine-tuning``, ``fine-tuning:fastai``."""
        return _key(self.method, self.recipe)

    @property
    def title(self) -> str:
        return f"{self.method.title} · recipe {self.recipe.title}" if self.recipe else self.method.title

    @property
    def seconds(self) -> float:
        return self.estimate.seconds * len(self.plans)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The cheapest method first, so that there is something to see early."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def runs(self) -> int:
        return sum(len(entry.plans) for entry in self.entries)

    @property
    def seconds(self) -> float:
        return sum(entry.seconds for entry in self.entries)


def plan(
    project: Project,
    registry: Registry,
    *,
    dataset: str,
    backbone: str,
    seeds: Sequence[int],
    methods: Sequence[str] | None = None,
    options: Mapping[str, Options] | None = None,
    **request: Any,
) -> Plan:
    """``methods``: ids, ``fine-tuning:fastai`` for one that begins with a recipe; ``None``: all that can be used here,
    without recipes. ``options`` of each by the same name, defaults elsewhere, or what the recipe says.
    ``request``: the other arguments of ``runs.create_run``; each method is given those inputs that it has a use for.

    Raises ``UsageError``, ``OptionsError``, ``DataError`` where nothing can be compared, or something named is unknown.
    """
    options = options or {}
    if not seeds:
        raise UsageError("A comparison needs a seed at least, such as 0,1,2.")
    for name in options:
        _named(registry, name)  # an unknown one is said
    info = project.dataset(dataset)
    descriptor, _ = weights.split_backbone(registry, backbone, project)
    every: list[tuple[MethodDescriptor, Recipe | None]] = [(method, None) for method in registry.methods()]
    chosen = [_named(registry, name) for name in dict.fromkeys(methods)] if methods else every
    earlier, device = project.runs(), getattr(request.get("runtime"), "device", "auto")
    entries, left_out = [], []
    for method, recipe in chosen:
        name = _key(method, recipe)
        reason = method.supports(info.task, info.modality, info.profile) or needs(method, request)
        if not methods and family(method) == PRETRAINING:
            reason = reason or "It makes a backbone for other methods, and takes long. Name it to compare it as well."
        if reason:
            left_out.append(LeftOut(name, method.title, reason, lacking(method, request)))
            continue
        own = {**request, **of_use(method, request), "options": options.get(name, {})}
        own["recipe"] = recipe.id if recipe else ""
        try:
            plans = [
                planning.plan_run(
                    project, registry, dataset=dataset, backbone=backbone, method=method.id, seed=seed, **own
                )
                for seed in dict.fromkeys(seeds)
            ]
        except OptionsError as error:
            raise OptionsError(f"{method.title}: {error}", error.problems) from error
        except StudioError as error:
            left_out.append(LeftOut(name, method.title, str(error)))
            continue
        guess = estimating.estimate(info, descriptor, method, plans[0].options.model_dump(), earlier, device)
        entries.append(Entry(method=method, plans=tuple(plans), estimate=guess, recipe=recipe))
    if not entries:
        raise UsageError(f"There is nothing to compare. {' '.join(one.reason for one in left_out)}".rstrip())
    return Plan(entries=tuple(sorted(entries, key=lambda entry: entry.seconds)), left_out=tuple(left_out))


def suggested(planned: Plan) -> list[str]:
    """Keys of what a comparison begins with, where the user has not chosen: methods without recipes, without
    pre-training, and without those that would take far longer than the others.
    """
    usual = [entry for entry in planned.entries if family(entry.method) != PRETRAINING and entry.recipe is None]
    if not usual:
        return []
    middle = sorted(entry.seconds for entry in usual)[len(usual) // 2]
    return [entry.key for entry in usual if entry.seconds <= _FAR * middle]


def names(method: MethodDescriptor) -> list[str]:
    """What :func:`plan` can be given of a method: its id, then its recipes."""
    return [_key(method, recipe) for recipe in (None, *method.recipes)]


def _key(method: MethodDescriptor, recipe: Recipe | None) -> str:
    return f"{method.id}:{recipe.id}" if recipe else method.id


def _named(registry: Registry, name: str) -> tuple[MethodDescriptor, Recipe | None]:
    """Raises ``PluginError`` for an unknown method, ``UsageError`` for a recipe that it has not."""
    method, colon, recipe = name.partition(":")
    found = registry.method(method)
    return found, recipes.named(found, recipe) if colon else None


def needs(method: MethodDescriptor, request: Mapping[str, Any]) -> str:
    """A sentence where ``request`` lacks what the method needs; empty otherwise."""
    return run_inputs.missing(method, _given(request))


def lacking(method: MethodDescriptor, request: Mapping[str, Any]) -> tuple[Need, ...]:
    return tuple(need for need in method.needs if need not in _given(request))


def _given(request: Mapping[str, Any]) -> list[Need]:
    given: list[Need] = [name for name in INPUTS if request.get(name)]
    return [*given, "unlabelled"] if request.get("labels_per_class") else given


def of_use(method: MethodDescriptor, request: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs in ``request``, emptied where the method has no use for them."""
    used = (*method.needs, *method.takes)
    return {name: value if name in used else type(value)() for name, value in request.items() if name in INPUTS}


def line_up(project: Project, planned: Plan) -> list[Run]:
    """Makes the runs, as one batch at the end of the queue: the first seed of every method before the second, so
    that the table can be read early.
    """
    made: list[Run] = []
    most = max(len(entry.plans) for entry in planned.entries)
    for number in range(most):
        for entry in planned.entries:
            made.append(planning.create_planned(
                project, entry.plans[number], queued=True, batch=made[0].id if made else 0
            ))  # fmt: skip
    if len(made) > 1:
        made[0] = project.update_run(made[0].id, batch=made[0].id)
    return made


def settings_of(registry: Registry, settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The command line's ``method.key=value`` or ``method:recipe.key=value``, by what stands before the dot.

    Raises ``UsageError``, ``OptionsError``.
    """
    from tlstudio.api.options import parse_settings

    texts: dict[str, list[str]] = {}
    for setting in settings:
        name, dot, rest = setting.partition(".")
        if not dot or "=" in name:
            raise UsageError(f"'--set {setting}' is not understood; write --set METHOD.KEY=VALUE.")
        texts.setdefault(name, []).append(rest)
    found = {}
    for name, some in texts.items():
        method, recipe = _named(registry, name)
        found[name] = parse_settings(method.options, some).model_dump(exclude_unset=recipe is not None)
    return found
