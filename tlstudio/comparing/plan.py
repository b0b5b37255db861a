"""Planning a comparison: every run is checked before the first is made, and all share data, split and seeds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tlstudio import estimating, run_inputs, weights
from tlstudio import runs as planning
from tlstudio.api.errors import OptionsError, StudioError, UsageError
from tlstudio.api.method import MethodDescriptor, Need
from tlstudio.comparing.families import PRETRAINING, family
from tlstudio.project import Project, Run
from tlstudio.registry import Registry

_FAR = 4.0  # times the usual method's time
INPUTS: tuple[Need, ...] = ("source", "teacher", "unlabelled", "runs")
Options = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A method that is not compared, and the sentence that says why. ``lacking``: what it needs and was not given."""

    method: str
    title: str
    reason: str
    lacking: tuple[Need, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A method with its options; ``plans``: one for each seed. ``estimate``: of all of them."""

    method: MethodDescriptor
    plans: tuple[planning.RunPlan, ...]
    estimate: estimating.Estimate

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
    """``methods``: ids; ``None``: all that can be used here. ``options`` of each by its id, defaults elsewhere.
    ``request``: the other arguments of ``runs.create_run``; each method is given those inputs that it has a use for.

    Raises ``UsageError``, ``OptionsError``, ``DataError`` where nothing can be compared, or something named is unknown.
    """
    options = options or {}
    if not seeds:
        raise UsageError("A comparison needs a seed at least, such as 0,1,2.")
    for name in options:
        registry.method(name)  # an unknown one is said
    info = project.dataset(dataset)
    descriptor, _ = weights.split_backbone(registry, backbone, project)
    chosen = [registry.method(name) for name in dict.fromkeys(methods)] if methods else registry.methods()
    earlier, device = project.runs(), getattr(request.get("runtime"), "device", "auto")
    entries, left_out = [], []
    for method in chosen:
        reason = method.supports(info.task, info.modality, info.profile) or needs(method, request)
        if not methods and family(method) == PRETRAINING:
            reason = reason or "It makes a backbone for other methods, and takes long. Name it to compare it as well."
        if reason:
            left_out.append(LeftOut(method.id, method.title, reason, lacking(method, request)))
            continue
        own = {**request, **of_use(method, request), "options": options.get(method.id, {})}
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
            left_out.append(LeftOut(method.id, method.title, str(error)))
            continue
        guess = estimating.estimate(info, descriptor, method, plans[0].options.model_dump(), earlier, device)
        entries.append(Entry(method=method, plans=tuple(plans), estimate=guess))
    if not entries:
        raise UsageError(f"There is nothing to compare. {' '.join(one.reason for one in left_out)}".rstrip())
    return Plan(entries=tuple(sorted(entries, key=lambda entry: entry.seconds)), left_out=tuple(left_out))


def suggested(planned: Plan) -> list[str]:
    """Methods that a comparison begins with, where the user has not chosen: without pre-training, and without those
    that would take far longer than the others.
    """
    usual = [entry for entry in planned.entries if family(entry.method) != PRETRAINING]
    if not usual:
        return []
    middle = sorted(entry.seconds for entry in usual)[len(usual) // 2]
    return [entry.method.id for entry in usual if entry.seconds <= _FAR * middle]


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
    """The command line's ``method.key=value``, by method. Raises ``UsageError``, ``OptionsError``."""
    from tlstudio.api.options import parse_settings

    texts: dict[str, list[str]] = {}
    for setting in settings:
        name, dot, rest = setting.partition(".")
        if not dot or "=" in name:
            raise UsageError(f"'--set {setting}' is not understood; write --set METHOD.KEY=VALUE.")
        texts.setdefault(name, []).append(rest)
    return {name: parse_settings(registry.method(name).options, some).model_dump() for name, some in texts.items()}
