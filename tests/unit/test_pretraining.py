"""Pre-training as runs: every objective conforms, the probe leaves the backbone alone, others begin from it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tlstudio import runs
from tlstudio.api import MethodDescriptor, Phase, UsageError
from tlstudio.api.events import EpochDone, Event, Failed, Finished, PhaseStarted
from tlstudio.control import Control
from tlstudio.data.transforms import make_transform
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.seeding import local_randomness
from tlstudio.testing import check_method
from tlstudio.training import checkpoint_files, saving
from tlstudio.training.preparation import prepare
from tlstudio.training.spec import RunSpec, RuntimePreferences
from tlstudio.worker import events_of
from tlstudio_builtins.methods.pretraining_card import CARDS

QUICK = RuntimePreferences(
    device="cpu", precision="float32", memory_format="contiguous", workers=0, beside=True, checkpoint_seconds=0
)
BY_ID = {card.id: card for card in CARDS}


def train(project: Project, registry: Registry, **request: Any) -> Iterator[Event]:
    request = {"dataset": "shades", "backbone": "resnet8", "weights_id": "none", **request}
    run = runs.create_run(project, registry, runtime=QUICK, **request)
    for event in events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()):
        assert not isinstance(event, Failed), event.sentence + event.traceback
        if isinstance(event, Finished):
            project.update_run(run.id, state="finished", metrics=event.result["metrics"])
        yield event


@pytest.mark.parametrize("method", CARDS, ids=lambda card: card.id)
def test_that_every_objective_conforms(method: MethodDescriptor) -> None:
    masked = method.id == "pretrain-masked"
    options: dict[str, Any] = {"epochs": 1, "batch_size": 17, "compare": method.id == "pretrain-supervised"}
    options |= {"depth": 1} if masked else {"hidden": 32, "memory": 20} if method.id == "pretrain-simclr" else {}
    check_method(method, options=options, backbone="vit_tiny" if masked else "resnet8", interruptions=2)


def test_that_a_backbone_learns_without_labels_is_probed_frozen_and_is_begun_from(
    shades_project: Project, registry: Registry
) -> None:
    options = {"epochs": 1, "batch_size": 8, "hidden": 32}
    at_probe: dict[str, torch.Tensor] = {}
    events = []
    for event in train(shades_project, registry, method="pretrain-simclr", options=options, labels_per_class=3, seed=1):
        events.append(event)
        if isinstance(event, PhaseStarted) and event.name == "probe":
            found, _ = checkpoint_files.newest(shades_project.run_dir(1))
            assert found is not None
            at_probe = saving.load(found)
    values = [event.metrics for event in events if isinstance(event, EpochDone)]
    assert {"random_knn_accuracy", "random_probe_accuracy"} <= values[0].keys()
    assert 0 <= values[1]["knn_accuracy"] <= 1

    folder = shades_project.run_dir(1)
    model = load_file(folder / "model.safetensors")
    learnt = {name.removeprefix("model/model."): t for name, t in at_probe.items() if name.startswith("model/model.b")}
    assert learnt
    assert all(torch.equal(model[name], tensor) for name, tensor in learnt.items())  # buffers too
    card = json.loads((folder / "backbone_card.json").read_text(encoding="utf-8"))
    assert (card["objective"], card["dataset"], card["labels_per_class"]) == ("SimCLR", "shades", 3)
    assert card["labelled"] == 6  # and the others were seen, too: 16 or so in one epoch
    assert card["samples_seen"] > 6
    assert {"knn_accuracy", "probe_accuracy"} <= card.keys()
    assert {"knn_accuracy", "probe_accuracy"} <= card["random"].keys()

    for _ in train(shades_project, registry, method="feature-extraction", weights_id="run:1"):
        pass
    assert RunSpec.load(shades_project.run_dir(2)).weights == "run:1"
    begun = load_file(shades_project.run_dir(2) / "model.safetensors")
    assert all(torch.equal(t, model[name]) for name, t in begun.items() if name.startswith("backbone."))
    with pytest.raises(UsageError, match="trained the backbone 'resnet8'"):
        next(train(shades_project, registry, backbone="glyphnet", method="feature-extraction", weights_id="run:1"))


def test_that_a_masked_autoencoder_says_which_backbones_it_takes(shades_project: Project, registry: Registry) -> None:
    run = runs.create_run(
        shades_project, registry, dataset="shades", backbone="resnet8", method="pretrain-masked", runtime=QUICK
    )
    *_, last = events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control())
    assert isinstance(last, Failed)
    assert "ViT tiny" in last.sentence


@pytest.mark.parametrize(
    ("method", "task", "modality", "possible"),
    [
        ("pretrain-simclr", "classification", "image", True),
        ("pretrain-simclr", "regression", "audio", True),
        ("pretrain-simclr", "classification", "text", False),
        ("pretrain-gan", "multilabel", "audio", True),
        ("pretrain-autoencoder", "classification", "video", False),
        ("pretrain-masked", "classification", "text", False),
        ("pretrain-supervised", "classification", "text", True),
        *((name, "segmentation", "image", False) for name in BY_ID),
    ],
)
def test_that_what_makes_no_sense_is_greyed_out_with_the_reason(
    method: str, task: str, modality: str, possible: bool
) -> None:
    reason = BY_ID[method].supports(task, modality, None)
    assert (reason is None) == possible
    assert reason is None or reason.endswith((".", "here."))


def test_that_contrastive_views_differ_and_repeat_with_their_seed(registry: Registry, tmp_path: Path) -> None:
    preset = registry.backbone("glyphnet").weights[0].preprocessing
    transform, picture = make_transform(preset, "contrastive", flip=False), torch.arange(3 * 48 * 60) % 251
    made = []
    for seed in (1, 2, 1):
        with local_randomness(seed):
            made.append(transform(picture.reshape(3, 48, 60).to(torch.uint8)))
    assert all(view.shape == (3, preset.crop, preset.crop) and view.dtype == torch.uint8 for view in made)
    assert torch.equal(made[0], made[2])
    assert not torch.equal(made[0], made[1])


def test_that_the_card_of_the_small_transformer_is_true(registry: Registry) -> None:
    descriptor = registry.backbone("vit_tiny")
    network, seen = descriptor.load()().eval(), {}
    for level in descriptor.levels:
        network.get_submodule(level.module).register_forward_hook(
            lambda _m, _i, out, name=level.name: seen.update({name: out.shape})
        )
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, descriptor.feature_dim)
    assert all(seen[level.name] == (1, 65, level.channels) for level in descriptor.levels)
    names = [name for name, _ in network.named_parameters()]
    entries = [entry for stage in descriptor.stages for entry in stage.modules]
    assert sum(parameter.numel() for parameter in network.parameters()) == descriptor.parameters
    assert all(sum(name == e or name.startswith(f"{e}.") for e in entries) == 1 for name in names)


def test_that_pictures_are_mirrored_unless_the_backbone_or_the_user_says_no(
    shades_project: Project, registry: Registry
) -> None:
    for backbone, flip, mirrored in (("resnet8", "auto", True), ("glyphnet", "auto", False), ("resnet8", "off", False)):
        phase = phases_of(shades_project, registry, backbone=backbone, options={"flip": flip})[1]
        assert {stream.flip for stream in phase.streams} == {mirrored}


def test_that_samples_without_labels_are_seen_in_proportion(shades_project: Project, registry: Registry) -> None:
    _, phase, probe = phases_of(shades_project, registry, options={"batch_size": 16}, labels_per_class=2)
    sizes = {stream.split: stream.batch_size for stream in phase.streams}
    assert list(sizes) == ["unlabelled", "train"]  # an epoch is that of the larger one
    assert sum(sizes.values()) == 16
    assert sizes["train"] == 4  # of 16 or so training items 4 have labels
    assert phase.criterion == "knn_accuracy"
    assert (probe.compute, probe.groups) == (True, ())


def phases_of(project: Project, registry: Registry, **request: Any) -> list[Phase]:
    request = {"dataset": "shades", "backbone": "resnet8", "method": "pretrain-simclr", **request}
    run = runs.create_run(project, registry, runtime=QUICK, weights_id="none", **request)
    steps = prepare(Control(), RunSpec.load(run.dir), project, registry, None)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: list[Phase] = done.value.phases
            return found
