"""Altered copies whose features are kept: the same wherever a sample lies, others for another seed or number."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.unit import weights_material
from tlstudio.api import Preprocessing
from tlstudio.data.loading import SampleLoader
from tlstudio.data.views import View, view_reading
from tlstudio.project import Project
from tlstudio_builtins.modalities.image_samples import ImageSamples

FIRST = View("light", True, 0, 0)


def inputs(paths: list[str], names: list[str], view: View) -> torch.Tensor:
    samples = ImageSamples(Preprocessing(resize=24, crop=24), {})
    reading = view_reading(samples.decode, samples.transform(view.augmentation, view.flip), names, view)
    (batch,) = SampleLoader(paths, reading, batch_size=8).epoch(0)
    return batch.inputs


def test_that_a_view_depends_on_seed_content_and_number_alone(tmp_path: Path) -> None:
    random, paths = np.random.default_rng(0), []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(random.integers(0, 256, (32, 40, 3), dtype=np.uint8)).save(paths[-1])
    names = ["a", "b", "c"]
    found = inputs(paths, names, FIRST)
    assert torch.equal(found, inputs(paths, names, FIRST))
    assert torch.equal(found.flip(0), inputs(paths[::-1], names[::-1], FIRST))
    for other in (View("light", True, 0, 1), View("light", True, 1, 0)):
        assert not torch.equal(found, inputs(paths, names, other))
        assert other.key != FIRST.key


def test_that_views_are_computed_once_and_learnt_from(tmp_path: Path) -> None:
    with Project.open(weights_material.copied_to(tmp_path)) as project:
        plain, _, _ = weights_material.train(project, "feature-extraction", {"l2": 0.1})
        cache = project.path / "cache" / "features"
        before = {file.name for file in cache.iterdir()}
        run, result, _ = weights_material.train(project, "feature-extraction", {"l2": 0.1, "views": 2})
        kept = {file: sum(f.stat().st_size for f in file.glob("*.f32")) for file in cache.iterdir()}
        again, same, _ = weights_material.train(project, "feature-extraction", {"l2": 0.1, "views": 2})
        assert kept == {file: sum(f.stat().st_size for f in file.glob("*.f32")) for file in cache.iterdir()}
        items = len(project.manifest("digits").splits["train"].paths)
        fresh = [size for file, size in kept.items() if file.name not in before]
        assert fresh == [4 * 192 * items] * 2
        models = [(project.run_dir(number) / "model.safetensors").read_bytes() for number in (run, again, plain)]
    assert models[0] == models[1] != models[2]
    assert same["metrics"] == result["metrics"]
