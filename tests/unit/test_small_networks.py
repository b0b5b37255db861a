"""The small students: what their cards say, the published CIFAR-10 weights, and what those see in photographs."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tlstudio import weights
from tlstudio.api import BackboneDescriptor
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.data.transforms import Normalizer, decode, make_transform
from tlstudio.registry import Registry
from tlstudio.weights.importing import import_job
from tlstudio_builtins.backbones.small_networks_card import small_backbones

SMALL = {descriptor.id: descriptor for descriptor in small_backbones()}
MOBILENET_V2 = 2_223_872  # parameters without its classifier
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture(params=SMALL.values(), ids=lambda descriptor: descriptor.id)
def descriptor(request: pytest.FixtureRequest) -> BackboneDescriptor:
    found: BackboneDescriptor = request.param
    return found


def classifier_parameters(descriptor: BackboneDescriptor) -> int:
    return 10 * (descriptor.feature_dim + 1) if descriptor.head_prefixes else 0


def test_that_the_card_counts_parameters_and_operations(descriptor: BackboneDescriptor) -> None:
    network, size = descriptor.load()().eval(), descriptor.input_size
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        features = network(torch.zeros(2, 3, size, size))
    assert features.shape == (2, descriptor.feature_dim)
    assert counter.get_total_flops() / 4e9 == pytest.approx(descriptor.gflops, rel=0.01)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count + classifier_parameters(descriptor) == descriptor.parameters


def test_that_the_levels_have_the_declared_channels_and_strides(descriptor: BackboneDescriptor) -> None:
    network, size, seen = descriptor.load()().eval(), descriptor.input_size, {}
    for level in descriptor.levels:
        network.get_submodule(level.module).register_forward_hook(
            lambda _m, _i, out, name=level.name: seen.update({name: tuple(out.shape)})
        )
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    for level in descriptor.levels:
        assert seen[level.name] == (1, level.channels, size // level.stride, size // level.stride)


def test_that_the_stages_name_every_parameter_exactly_once(descriptor: BackboneDescriptor) -> None:
    entries = [entry for stage in descriptor.stages for entry in stage.modules]
    for name, _ in descriptor.load()().named_parameters():
        assert sum(name.startswith(entry + ".") for entry in entries) == 1, name


def test_that_two_of_them_are_at_most_a_tenth_of_mobilenet_v2() -> None:
    tenth = [name for name, one in SMALL.items() if one.parameters <= MOBILENET_V2 / 10]
    assert tenth == ["resnet8", "mobilenet_v1_025"]


def test_that_the_features_of_an_odd_size_are_finite_and_not_all_alike(descriptor: BackboneDescriptor) -> None:
    torch.manual_seed(0)
    network = descriptor.load()()
    features = network(torch.randn(4, 3, descriptor.input_size + 5, descriptor.input_size - 3))
    assert torch.isfinite(features).all()
    assert features.std(0).max() > 0.01


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[nn.Module, Any]]:
    """ResNet-20 with the published file, as the application takes it in, and what the import said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLSTUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        registry, file = Registry.discover(safe_mode=True), shared_data / "weights" / "resnet20-12fca82f.th"
        job: Generator[Event, None, dict[str, Any]] = import_job(
            Control(), "resnet20", str(file), "cifar", registry=registry
        )
        while True:
            try:
                next(job)
            except StopIteration as end:
                result = end.value
                break
        descriptor = registry.backbone("resnet20")
        network: nn.Module = descriptor.load()()
        weights.load_into(network, descriptor, weights.resolve(descriptor, "cifar"))
        yield network.eval(), result


def test_that_the_published_cifar10_file_is_taken_in_completely(imported: tuple[nn.Module, Any]) -> None:
    network, result = imported
    counters = [name for name in network.state_dict() if name.endswith("num_batches_tracked")]  # newer than the file
    assert result["matched"] == len(network.state_dict()) - len(counters)
    assert sorted(result["ignored_head"]) == ["linear.bias", "linear.weight"]
    note = json.loads(Path(result["path"]).with_suffix(".json").read_text(encoding="utf-8"))
    assert note["source_sha256"].startswith(SMALL["resnet20"].weights[0].sha256)


@pytest.mark.parametrize(("photo", "seen"), [("cat_720p", "cat"), ("owl", "bird"), ("parrot", "bird")])
def test_that_its_weights_recognise_animals_in_photographs(
    imported: tuple[nn.Module, Any], shared_data: Path, photo: str, seen: str
) -> None:
    file = shared_data / "weights" / "resnet20-12fca82f.th"
    published = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    preprocessing = SMALL["resnet20"].weights[0].preprocessing
    picture = make_transform(preprocessing)(decode(str(shared_data / "photos" / f"{photo}.jpg")))
    inputs = Normalizer(preprocessing, torch.device("cpu"), torch.contiguous_format)(picture[None])
    with torch.inference_mode():
        features = imported[0](inputs)
        logits = features @ published["module.linear.weight"].T + published["module.linear.bias"]
    assert CIFAR10[int(logits.argmax())] == seen
