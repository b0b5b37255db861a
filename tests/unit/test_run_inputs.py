"""What a run is given beside its data: a source, a teacher, samples without labels, finished runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tlstudio import history, runs
from tlstudio.api import MethodDescriptor, Outputs, ParameterGroup, Phase, StepOutput, Stream, UsageError
from tlstudio.api.events import Failed
from tlstudio.control import Control
from tlstudio.project import Manifest, Project, SplitData
from tlstudio.registry import Registry
from tlstudio.testing import _plugin
from tlstudio.training import sides
from tlstudio.training.spec import RunSpec
from tlstudio.worker import events_of
from tlstudio_builtins.methods.feature_extraction import FeatureExtraction


def draw(folder: Path, seed: int, names: tuple[str, ...] = ("dark", "light"), count: int = 14) -> None:
    rng = np.random.default_rng(seed)
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 90, (24, 24, 3)) + 150 * place // max(1, len(names) - 1)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stocked")
    Project.create(folder / "p.tlproj").close()
    for seed, (name, names) in enumerate(
        {"target": ("dark", "light"), "source": ("light", "dark"), "other": ("up", "down")}.items()
    ):
        draw(folder / name, seed, names)
        arguments = {"project": str(folder / "p.tlproj"), "source": str(folder / name), "name": name}
        assert not [e for e in events_of("import-data", arguments, Control()) if isinstance(e, Failed)]
    return folder / "p.tlproj"


@pytest.fixture
def project(stocked: Path) -> Iterator[Project]:
    with Project.open(stocked) as opened:
        yield opened


def split_of(hashes: list[str], values: list[str], groups: list[str] | None = None) -> SplitData:
    count = len(hashes)
    return SplitData(
        paths=[f"/x/{n}" for n in range(count)],
        labels=[0] * count,
        hashes=hashes,
        item_ids=list(range(count)),
        values=values,
        groups=groups or [],
    )


def manifest_of(train: SplitData, val: SplitData) -> Manifest:
    nothing = split_of([], [])
    splits = {"train": train, "val": val, "test": nothing}
    return Manifest(
        dataset="d", revision=1, root=Path("/x"), class_names=("a", "b"), splits=splits, fingerprint="0" * 64
    )


def test_that_few_labels_are_as_many_for_each_class_and_a_part_of_more_labels() -> None:
    whole = manifest_of(split_of([f"h{n}" for n in range(20)], ["a", "b"] * 10), split_of([], []))
    two, five = (sides.few_labels(whole, count, seed=3) for count in (2, 5))
    assert sorted(two.splits["train"].values) == ["a"] * 2 + ["b"] * 2
    assert set(two.splits["train"].hashes) < set(five.splits["train"].hashes)
    assert len(two.splits["unlabelled"].paths) == 16
    assert two.splits["unlabelled"].values == []
    assert set(two.splits["unlabelled"].labels) == {-1}
    other = sides.few_labels(whole, 2, seed=4)
    assert set(other.splits["train"].hashes) != set(two.splits["train"].hashes)


def test_that_copies_keep_their_label_together() -> None:
    train = split_of(["h0", "h0", "h1", "h2"], ["a", "a", "a", "b"])
    few = sides.few_labels(manifest_of(train, split_of([], [])), 1, seed=0)
    assert not set(few.splits["train"].hashes) & set(few.splits["unlabelled"].hashes)


def test_that_a_pool_leaves_out_what_is_validated_on() -> None:
    own = manifest_of(split_of(["h0"], ["a"]), split_of(["h1", "h2"], ["a", "b"]))
    pool = manifest_of(split_of(["h1", "h7"], ["a", "b"]), split_of(["h8", "h2"], ["a", "a"]))
    found = sides.with_pool(own, pool).splits["unlabelled"]
    assert found.hashes == ["h7", "h8"]
    assert found.values == []


def test_that_no_group_is_in_two_parts_and_classes_are_spread() -> None:
    groups = [f"g{n // 4}" for n in range(80)]
    parts = sides.parts_of(split_of([f"h{n}" for n in range(80)], ["a", "b"] * 40, groups), 5, seed=1)
    assert all(len({part for part, group in zip(parts, groups, strict=True) if group == g}) == 1 for g in set(groups))
    assert sorted(set(parts)) == [0, 1, 2, 3, 4]
    single = sides.parts_of(split_of([f"h{n}" for n in range(50)], (["a"] * 4 + ["b"]) * 10), 5, seed=1)
    assert all(sum(p == k and n % 5 == 4 for n, p in enumerate(single)) == 2 for k in range(5))


class Given(FeatureExtraction):
    """Learns like feature extraction, and looks at what it was given on the way."""

    def phases(self, context: Any) -> list[Phase]:
        self.context = context
        first = Phase(name="look", title="Looking", epochs=1, groups=(), compute=True, predicts="-")
        names = tuple(f"head.{name}" for name, _ in self._model.head.named_parameters())
        streams = (
            Stream(name="train", made=True, batch_size=8),
            Stream(name="source", data="source", views=("light", "none"), batch_size=4),
            Stream(name="pool", split="unlabelled", relabelled=True, batch_size=4),
            Stream(name="rest", split="unlabelled", fold=(0, 2), batch_size=4),
        )
        last = Phase(
            name="learn", title="Learning", epochs=2, groups=(ParameterGroup("head", names, 1e-2),), streams=streams
        )
        return [first, last]

    def compute(self, phase: Phase, tools: Any) -> Iterator[Any]:
        with pytest.raises(Exception, match="cannot have"):
            yield from tools.outputs(self._model, "test")
        found = yield from tools.outputs(self._model, "val")
        teacher = self.context.teacher
        taught = yield from tools.outputs(teacher.module, "val", preprocessing=teacher.preprocessing)
        pool = yield from tools.outputs(self._model, "unlabelled")
        assert (pool.targets == -1).all()
        assert len(tools.items("unlabelled")) == len(pool.targets) == self.context.unlabelled
        source = yield from tools.outputs(self._model, "train", data="source")
        own = yield from tools.outputs(self._model, "train")
        assert source.targets.bincount().tolist() == list(self.context.source.class_counts)
        assert sorted(self.context.class_names) == sorted(self.context.source.class_names)
        assert len(own.targets) == 4
        yield {
            "untrained": tools.score(found)["accuracy"],
            "teacher": tools.score(taught)["accuracy"],
            "starts": float(len(self.context.runs)),
        }

    def rows(self, stream: Stream, tools: Any) -> Any:
        features = yield from tools.features("train")
        return Outputs(features.rows, features.targets, features.indices)

    def relabel(self, stream: Stream) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor([1, 3, 4]), torch.tensor([0, 1, 1])

    def step(self, batch: dict[str, Any], state: Any) -> StepOutput:
        assert batch["train"].inputs.ndim == 2
        assert len(batch["source"].views) == 2
        assert batch["source"].views[0].shape == batch["source"].inputs.shape
        assert not torch.equal(batch["source"].views[0], batch["source"].views[1])
        assert set(batch["pool"].indices.tolist()) <= {1, 3, 4}
        assert set(batch["pool"].targets.tolist()) <= {0, 1}
        assert (batch["rest"].targets == -1).all()
        outputs = self._model.head(batch["train"].inputs)
        return StepOutput(torch.nn.functional.cross_entropy(outputs, batch["train"].targets), outputs)

    def validate(self, phase: Phase, tools: Any) -> Iterator[Any]:
        yield from ()
        return {"own": 1.0}


@pytest.fixture
def registry() -> Registry:
    known = Registry.discover()
    like = known.method("feature-extraction")
    card = MethodDescriptor(
        id="given",
        title="Given",
        description="For a test.",
        factory=f"{__name__}:Given",
        options=like.options,
        needs=("source", "teacher", "unlabelled", "runs"),
        same_classes=True,
    )
    known.register("given-plugin", _plugin(card))
    return known


PLAN = {"dataset": "target", "backbone": "glyphnet"}


def trained(project: Project, registry: Registry, **request: Any) -> tuple[int, list[Any]]:
    run = runs.create_run(project, registry, **{**PLAN, **request})
    events = list(events_of("train", {"run_dir": str(run.dir), "registry": registry}, Control()))
    failed = [event for event in events if isinstance(event, Failed)]
    assert not failed, failed[0].traceback
    project.update_run(run.id, state="finished", model=f"runs/{run.id}/model.safetensors")
    return run.id, events


def test_that_a_method_gets_what_it_was_given(project: Project, registry: Registry) -> None:
    teacher, _ = trained(project, registry, method="feature-extraction")
    run, events = trained(
        project, registry, method="given", source="source", teacher=f"run:{teacher}", labels_per_class=2,
        runs=(teacher,),
    )  # fmt: skip
    told = [event.metrics for event in events if hasattr(event, "metrics")]
    assert told[0]["teacher"] == 1.0
    assert told[0]["starts"] == 1.0
    assert told[1]["own"] == 1.0
    assert history.read(project.run_dir(run)) == []  # the caller keeps the history
    spec = RunSpec.load(project.run_dir(run))
    assert spec.teacher == f"run:{teacher}"
    assert spec.source is not None
    assert len(spec.teacher_sha256) == 64


def test_that_a_backbone_with_a_fitted_head_can_teach(project: Project, registry: Registry) -> None:
    _, events = trained(
        project, registry, method="given", source="source", teacher="glyphnet", labels_per_class=2, runs=(1,)
    )
    told = [event.metrics for event in events if hasattr(event, "metrics")]
    assert told[0]["teacher"] == 1.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"source": ""}, "needs a second data set"),
        ({"source": "other"}, "differ in dark, down, light, up"),
        ({"source": "target"}, "must be another data set"),
        ({"teacher": ""}, "needs a teacher"),
        ({"teacher": "run:99"}, "no run 99"),
        ({"teacher": "nobody"}, "is no run .*, no model file and no backbone"),
        ({"labels_per_class": 0}, "needs samples without labels"),
        ({"unlabelled": "target"}, "is the data set itself"),
        ({"method": "feature-extraction"}, "has no use for a second data set"),
    ],
)
def test_that_what_does_not_fit_is_refused_before_anything_starts(
    project: Project, registry: Registry, changes: dict[str, Any], sentence: str
) -> None:
    good = {"method": "given", "source": "source", "teacher": "glyphnet", "labels_per_class": 2, "runs": (1,)}
    with pytest.raises(UsageError, match=sentence):
        runs.plan_run(project, registry, **{**PLAN, **good, **changes})
