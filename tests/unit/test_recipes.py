"""Recipes: published values of a method's options, computed from what is known of the data, and what was changed."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tlstudio import recipes, runs, weights
from tlstudio.api import DatasetProfile, Optimizer, ParameterGroup, Phase, Recipe, RecipeFacts, Schedule, UsageError
from tlstudio.api.errors import PluginError
from tlstudio.api.events import Finished, Message
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.testing import check_method
from tlstudio.training import restore
from tlstudio.training.optimizers import NamedOptimizer
from tlstudio.training.schedule import factor
from tlstudio.training.spec import RunSpec
from tlstudio.weights import heads
from tlstudio.worker import events_of
from tlstudio_builtins.methods.fine_tuning_recipes import RECIPES

Facts = Callable[..., RecipeFacts]


@pytest.fixture
def facts(registry: Registry) -> Facts:
    def made(items: int, backbone: str = "resnet18", **rest: Any) -> RecipeFacts:
        profile = DatasetProfile(
            items=items, train_items=items, val_items=0, test_items=0, classes=2, smallest_class=1, largest_class=items
        )
        known = registry.backbone(backbone)
        preset = known.weights[0].preprocessing
        return RecipeFacts(
            profile=profile, task="classification", modality="image", backbone=known, preprocessing=preset, **rest
        )

    return made


@pytest.mark.parametrize("items", [1, 20, 419, 19_999, 20_000, 2_000_000])
@pytest.mark.parametrize("backbone", ["resnet18", "vit_b_16", "glyphnet"])
def test_that_every_recipe_gives_values_that_its_method_takes(
    facts: Facts, registry: Registry, items: int, backbone: str
) -> None:
    method = registry.method("fine-tuning")
    for pretrained in (True, False):
        known = facts(items, backbone, pretrained=pretrained)
        for recipe in method.recipes:
            if recipe.supports(known):
                continue
            filled = recipes.fill(method, recipe.id, known)
            assert filled.values.keys() == method.options.model_fields.keys()
            assert filled.changed
            assert recipe.description.endswith(".")
            assert recipe.source


@pytest.mark.parametrize(
    ("items", "steps", "warmup", "drops", "mixup"),
    [
        (19_999, 500, 100, (200, 300, 400), 0.0),
        (20_000, 10_000, 500, (3_000, 6_000, 9_000), 0.1),
        (499_999, 10_000, 500, (3_000, 6_000, 9_000), 0.1),
        (500_000, 20_000, 500, (6_000, 12_000, 18_000), 0.1),
    ],
)
def test_that_the_rule_of_bit_gives_the_published_steps(
    facts: Facts, items: int, steps: int, warmup: int, drops: tuple[int, ...], mixup: float
) -> None:
    from tlstudio_builtins.methods.fine_tuning_options import FineTuningOptions
    from tlstudio_builtins.methods.tuning import _schedule

    method = Registry.discover().method("fine-tuning")
    values = recipes.fill(method, "bit-hyperrule", facts(items)).values
    schedule = _schedule(FineTuningOptions(**values))
    assert [step for step in range(warmup, steps) if factor(schedule, step, steps) < 0.99 * factor(
        schedule, step - 1, steps
    )] == list(drops)  # fmt: skip
    assert factor(schedule, warmup, steps) == 1
    assert factor(schedule, warmup // 2, steps) == pytest.approx(0.5, abs=0.02)
    assert factor(schedule, steps - 1, steps) == pytest.approx(1e-3)
    assert (values["mixup"], values["learning_rate"], values["weight_decay"]) == (mixup, 0.003, 0.0)
    assert values["batch_size"] * values["accumulate"] == 512
    assert values["epochs"] * math.ceil(items / 512) == pytest.approx(steps, rel=0.05)


@pytest.mark.parametrize(("picture", "asked"), [((95, 96), "160 pixels, cropped to 128"), ((96, 96), "512 pixels")])
def test_that_what_a_recipe_cannot_do_is_said_for_these_pictures(
    facts: Facts, registry: Registry, picture: tuple[int, int], asked: str
) -> None:
    filled = recipes.fill(registry.method("fine-tuning"), "bit-hyperrule", facts(100, picture=picture))
    assert asked in filled.remark
    assert "256 and 224" in filled.remark


def test_that_fastais_rates_fall_evenly_to_a_hundredth_of_the_heads(facts: Facts, registry: Registry) -> None:
    known = facts(400)
    values = recipes.fill(registry.method("fine-tuning"), "fastai", known).values
    last = values["learning_rate"] * values["backbone_rate"]
    first = last * values["stage_decay"] ** (len(known.backbone.stages) - 1)
    assert first == pytest.approx(1e-5, rel=1e-4)
    assert last / values["learning_rate"] == pytest.approx(values["stage_decay"])
    assert (values["head_rate"], values["head_epochs"], values["warmup"]) == (2e-3, 1, 0.3)


def test_that_one_cycle_rises_and_falls_by_half_cosines() -> None:
    schedule = Schedule(kind="one-cycle", warmup=0.25, start=0.2, floor=1e-5)
    found = [factor(schedule, step, 400) for step in range(400)]
    assert found[0] == pytest.approx(0.2)
    assert found[50] == pytest.approx(0.6)
    assert found[100] == max(found) == 1
    assert found[250] == pytest.approx(0.5, abs=1e-4)
    assert found[399] < 1e-3


def test_that_a_rate_doubles_each_epoch_until_it_is_the_heads() -> None:
    model = torch.nn.ModuleDict({"backbone": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 2)})
    groups = (
        ParameterGroup("head", ("head.weight", "head.bias"), 0.01),
        ParameterGroup("backbone", ("backbone.weight",), 0.001, growth=2.0, most=10.0),
    )
    phase = Phase(name="p", title="P", epochs=9, groups=groups, optimizer=Optimizer(kind="sgd", nesterov=False))
    optimizer = NamedOptimizer(model, phase)
    assert optimizer._optimizer.param_groups[0]["nesterov"] is False
    rates = []
    for epoch in range(6):
        optimizer.set_factor(1.0, epoch)
        rates.append([group["lr"] for group in optimizer._optimizer.param_groups])
    assert [rate[0] for rate in rates] == [0.01] * 6
    assert [rate[1] for rate in rates] == pytest.approx([0.001, 0.002, 0.004, 0.008, 0.01, 0.01])


def test_that_a_recipe_that_makes_no_sense_here_is_refused_with_the_reason(facts: Facts, registry: Registry) -> None:
    method = registry.method("fine-tuning")
    with pytest.raises(UsageError, match="for transformers, and ResNet-18 is none"):
        recipes.fill(method, "vit-mae", facts(100))
    with pytest.raises(UsageError, match="spoil pretrained weights"):
        recipes.fill(method, "from-scratch", facts(100))
    with pytest.raises(UsageError, match=r"no recipe 'nonesuch'; there are: strong-augmentation, fastai"):
        recipes.fill(method, "nonesuch", facts(100))
    with pytest.raises(UsageError, match="it has none"):
        recipes.fill(registry.method("feature-extraction"), "fastai", facts(100))


def test_that_a_plugins_recipe_with_wrong_values_is_told_as_the_plugins_fault(facts: Facts, registry: Registry) -> None:
    wrong = Recipe(id="w", title="W", description="W.", source="W", options=lambda _facts: {"epochs": 0, "speed": 1})
    method = dataclasses.replace(registry.method("fine-tuning"), recipes=(wrong,))
    with pytest.raises(PluginError, match=r"'w' of 'fine-tuning'.*'epochs'"):
        recipes.fill(method, "w", facts(100))
    assert len({recipe.id for recipe in RECIPES}) == len(RECIPES)
    for part in ("options", "supports", "remark"):
        failing = dataclasses.replace(registry.method("fine-tuning").recipes[0], **{part: lambda facts: facts.nothing})
        with pytest.raises(PluginError, match=r"of 'fine-tuning' fails: AttributeError: .*'nothing'"):
            recipes.fill(dataclasses.replace(method, recipes=(failing,)), failing.id, facts(100))
        assert bool(recipes.reason_against(method, failing, facts(100))) == (part == "supports")


def test_that_a_run_keeps_its_recipe_and_says_what_was_changed_after(
    shades_project: Project, registry: Registry
) -> None:
    request: dict[str, Any] = {"dataset": "shades", "backbone": "glyphnet", "method": "fine-tuning"}
    options = {"epochs": 1, "batch_size": 16}
    run = runs.create_run(shades_project, registry, recipe="tllib-erm", options=options, **request)
    spec = RunSpec.load(run.dir)
    assert spec.recipe is not None
    assert (spec.recipe.id, spec.options["optimizer"], spec.options["epochs"]) == ("tllib-erm", "sgd", 1)
    assert recipes.changed_after(spec.recipe, spec.options) == options
    *events, last = events_of("train", {"run_dir": str(run.dir)}, Control())
    assert isinstance(last, Finished), last
    (told,) = [event.text for event in events if isinstance(event, Message) and event.text.startswith("Recipe")]
    assert "TLlib ERM; changed after: Epochs, all layers 1 (instead of 10000), Batch size 16 (instead of 48)." in told
    shades_project.update_run(run.id, state="finished")
    known = registry.backbone("glyphnet")
    head = heads.of(known, weights.resolve(known, f"run:{run.id}", shades_project))
    features = torch.rand(3, known.feature_dim)
    own = restore.load_model(shades_project, registry, run.id).model.get_submodule("head")
    assert torch.allclose(features.double() @ head.weight.T + head.bias, own(features).double(), atol=1e-5)
    plain = runs.create_run(shades_project, registry, **request)
    assert RunSpec.load(plain.dir).recipe is None
    untouched = runs.plan_run(shades_project, registry, recipe="fastai", **request)
    assert untouched.recipe is not None
    assert recipes.sentence(untouched.recipe, untouched.options.model_dump(mode="json")) == "Recipe: fastai, as it is."
    assert recipes.gather(shades_project, registry, "shades", "glyphnet").picture == (16, 16)


def test_that_a_killed_run_goes_on_bit_for_bit_within_a_cycle_and_while_rates_grow(registry: Registry) -> None:
    options = {
        "stages": "one",
        "epochs": 2,
        "batch_size": 12,
        "optimizer": "momentum",
        "schedule": "one-cycle",
        "warmup": 0.3,
        "backbone_rate": 0.1,
        "backbone_growth": 2.0,
        "mixup": 0.2,
    }
    check_method(registry.method("fine-tuning"), options=options, interruptions=2)
