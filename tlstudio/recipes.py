"""Recipes of methods: their values for a data set and a backbone, and what was changed afterwards. No torch here."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tlstudio.api.errors import OptionsError, PluginError, ProjectError, UsageError
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.options import Options, parse_options
from tlstudio.api.recipe import Recipe, RecipeFacts
from tlstudio.project import DatasetInfo, ItemFilter, Project, Run
from tlstudio.registry import Registry
from tlstudio.training.spec import ChosenRecipe, RunSpec
from tlstudio.weights import NONE, ResolvedWeights, resolve, split_backbone

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Filled:
    """``values``: every option of the method, as JSON has it; ``changed``: those of them that are not the defaults."""

    recipe: Recipe
    values: dict[str, Any]
    changed: dict[str, Any]
    remark: str


def facts_of(project: Project, info: DatasetInfo, backbone: Any, weights: ResolvedWeights) -> RecipeFacts:
    """``backbone``: a ``BackboneDescriptor``."""
    return RecipeFacts(
        profile=info.profile,
        task=info.task,
        modality=info.modality,
        backbone=backbone,
        preprocessing=weights.preprocessing,
        pretrained=weights.id != NONE,
        picture=_usual_picture(project, info) if info.modality in ("image", "video") else None,
    )


def gather(project: Project, registry: Registry, dataset: str, backbone: str, weights_id: str = "") -> RecipeFacts:
    """Likewise by name. Raises ``UsageError``, ``WeightsError``."""
    descriptor, named = split_backbone(registry, backbone, project)
    found = resolve(descriptor, weights_id or named, project=project)
    return facts_of(project, project.dataset(dataset), descriptor, found)


def named(method: MethodDescriptor, recipe: str) -> Recipe:
    """Raises ``UsageError`` that lists what there is."""
    for known in method.recipes:
        if known.id == recipe:
            return known
    there = f"there are: {', '.join(known.id for known in method.recipes)}" if method.recipes else "it has none"
    raise UsageError(f"'{method.title}' has no recipe '{recipe}'; {there}.")


def fill(method: MethodDescriptor, recipe: str, facts: RecipeFacts) -> Filled:
    """Raises ``UsageError`` where there is no such recipe or it makes no sense here, ``PluginError`` where it gives
    values that the method does not take.
    """
    chosen = named(method, recipe)
    if reason := _asked(method, chosen, chosen.supports, facts):
        raise UsageError(f"The recipe '{chosen.title}' cannot be used here. {reason}")
    options = dict(_asked(method, chosen, chosen.options, facts))
    try:
        given = {name: _rounded(value) for name, value in options.items()}
        values = parse_options(method.options, given).model_dump(mode="json")
    except OptionsError as error:
        raise PluginError(f"The recipe '{chosen.id}' of '{method.id}' gives values that it lacks: {error}") from error
    remark = _asked(method, chosen, chosen.remark, facts)
    return Filled(chosen, values, _apart(values, _defaults(method.options)), remark)


def reason_against(method: MethodDescriptor, recipe: Recipe, facts: RecipeFacts) -> str:
    """Why it cannot be used here, be it that it fails; empty where it can."""
    try:
        return _asked(method, recipe, recipe.supports, facts) or ""
    except PluginError as error:
        return str(error)


def _asked(method: MethodDescriptor, recipe: Recipe, function: Callable[[RecipeFacts], _T], facts: RecipeFacts) -> _T:
    try:
        return function(facts)
    except Exception as error:  # a plugin's function may raise anything
        what = f"{type(error).__name__}: {error}"
        raise PluginError(f"The recipe '{recipe.id}' of '{method.id}' fails: {what}") from error


def chosen_in(filled: Filled) -> ChosenRecipe:
    """As a run's specification keeps it."""
    return ChosenRecipe(id=filled.recipe.id, title=filled.recipe.title, options=filled.values)


def of_run(run: Run) -> ChosenRecipe | None:
    """The recipe that the run's options began with; cheap, since it never changes."""
    return _of_run(run.dir, run.created)


@functools.lru_cache(maxsize=10_000)
def _of_run(run_dir: Path, _created: float) -> ChosenRecipe | None:
    try:
        return RunSpec.load(run_dir).recipe
    except ProjectError:
        return None  # whoever needs the specification says so


def changed_after(recipe: ChosenRecipe, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not as the recipe gave them, with the values that they have."""
    return _apart(options, recipe.options)


def sentence(recipe: ChosenRecipe, options: Mapping[str, Any], method: MethodDescriptor | None = None) -> str:
    """``Recipe fastai; changed after: Epochs 3 (instead of 15).`` ``method``: for the options' titles."""
    fields = method.options.model_fields if method else {}
    parts = [
        f"{(fields[name].title if name in fields else '') or name} {_spell(value)} (instead of "
        f"{_spell(recipe.options.get(name))})"
        for name, value in changed_after(recipe, options).items()
    ]
    return f"Recipe: {recipe.title}{'; changed after: ' + ', '.join(parts) if parts else ', as it is'}."


def _apart(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in others or value != others[name]}


def _defaults(model: type[Options]) -> dict[str, Any]:
    return model().model_dump(mode="json")


def _rounded(value: Any) -> Any:
    """As a form shows it, so that showing a value does not change it."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _spell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _usual_picture(project: Project, info: DatasetInfo) -> tuple[int, int] | None:
    """The one in the middle by area."""
    view = project.view(info.name, ItemFilter(order="pixels"))
    for item in view.page(view.count // 2, 1):
        if item.width and item.height:
            return item.width, item.height
    return None
