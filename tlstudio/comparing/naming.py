"""Which runs of a comparison are one row, and what sets a row apart from others of the same method."""

import json
from collections.abc import Sequence
from typing import Any

from tlstudio.api.errors import StudioError
from tlstudio.api.options import NoOptions, Options, matters
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training.spec import RunSpec
from tlstudio.weights.of_runs import run_number

_NOT_SHARED = ("schema_version", "run", "project", "seed", "plugins", "runtime", "engine")


def key(project: Project, spec: RunSpec) -> str:
    """The same for runs that differ in nothing but the seed, their own or that of the runs that they began from."""
    values = {name: value for name, value in spec.model_dump(mode="json").items() if name not in _NOT_SHARED}
    values["recipe"] = spec.recipe.id if spec.recipe else ""
    values["runs"] = sorted(_key_of_run(project, run_id) or str(run_id) for run_id in spec.runs)
    for name in ("teacher", "weights"):
        number = run_number(values[name])
        if number is not None and (earlier := _key_of_run(project, number)):
            values[name] = earlier
            values.pop(f"{name}_sha256", None)
    return json.dumps(values, sort_keys=True)


def _key_of_run(project: Project, run_id: int) -> str:
    """Empty where the run is gone."""
    try:
        return key(project, RunSpec.load(project.run(run_id).dir))
    except StudioError:
        return ""


def names(registry: Registry, groups: Sequence[Sequence[RunSpec]]) -> list[tuple[str, str]]:
    """Of each row the method's title, and what sets it apart from others of the same method; ``groups``: the runs of
    each row.
    """
    specs = [group[0] for group in groups]
    found = [
        (_title(registry, spec), ", ".join(_apart(registry, specs, group)))
        for spec, group in zip(specs, groups, strict=True)
    ]
    return [
        (title, ", ".join(filter(None, (apart, f"run {spec.run}"))) if found.count((title, apart)) > 1 else apart)
        for spec, (title, apart) in zip(specs, found, strict=True)
    ]


def _title(registry: Registry, spec: RunSpec) -> str:
    try:
        return registry.method(spec.method).title
    except StudioError:
        return spec.method  # its plugin is not there any more; the run still is


def _apart(registry: Registry, specs: Sequence[RunSpec], group: Sequence[RunSpec]) -> list[str]:
    spec, backbones = group[0], {spec.backbone for spec in specs}
    weights = {(spec.backbone, spec.weights) for spec in specs} if len(backbones) == 1 else set()
    same = [other for other in specs if other.method == spec.method]
    apart = [_backbone(registry, spec)] if len(backbones) > 1 else []
    apart += [f"weights {spec.weights}"] if len(weights) > 1 else []
    apart += _settings(registry, spec, same)
    teachers = " and ".join(dict.fromkeys(one.teacher for one in group))
    earlier = ", ".join(str(run_id) for run_id in dict.fromkeys(run_id for one in group for run_id in one.runs))
    for name, words in (
        ("labels_per_class", f"{spec.labels_per_class or 'all'} labels a class"),
        ("source", _other(spec, same, "source") or "no source"),
        ("teacher", f"teacher {teachers}" if teachers else "no teacher"),
        ("unlabelled", _other(spec, same, "unlabelled") or "nothing unlabelled"),
        ("runs", f"from runs {earlier}" if earlier else "from no run"),
    ):
        if len({str(getattr(other, name)) for other in same}) > 1:
            apart.append(words)
    return apart


def _settings(registry: Registry, spec: RunSpec, same: Sequence[RunSpec]) -> list[str]:
    """Options that are not the same in all of them. Where the recipes are not, the recipe stands for its values, and
    what was changed after it follows.
    """
    model = _options(registry, spec.method)
    alike = [other for other in same if _recipe(other) == _recipe(spec)]
    apart: list[str] = []
    told = {name for name in spec.options if len({json.dumps(other.options.get(name)) for other in alike}) > 1}
    if len(alike) < len(same):
        apart.append(f"recipe {spec.recipe.title}" if spec.recipe else "no recipe")
        usual = spec.recipe.options if spec.recipe else model().model_dump(mode="json")
        told |= {name for name, value in spec.options.items() if name in usual and value != usual[name]}
    means = [name for name in spec.options if name in told and matters(model, name, spec.options)]
    return apart + [f"{name.replace('_', ' ')} {_word(spec.options[name])}" for name in means]


def _options(registry: Registry, method: str) -> type[Options]:
    try:
        return registry.method(method).options
    except StudioError:
        return NoOptions


def _other(spec: RunSpec, same: Sequence[RunSpec], name: str) -> str:
    """The other data set, with its revision where the names alone do not tell."""
    data = getattr(spec, name)
    if data is None:
        return ""
    revisions = {other.revision for one in same if (other := getattr(one, name)) and other.dataset == data.dataset}
    return f"{name} {data.dataset}{f' r{data.revision}' if len(revisions) > 1 else ''}"


def _recipe(spec: RunSpec) -> str:
    return spec.recipe.id if spec.recipe else ""


def _backbone(registry: Registry, spec: RunSpec) -> str:
    try:
        return registry.backbone(spec.backbone).title
    except StudioError:
        return spec.backbone


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
