"""Predictors of plugins that keep to less than the protocol asks."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tlstudio.api import ExporterDescriptor, ExportError, ModelCard, Preprocessing, hookimpl
from tlstudio.export import verify
from tlstudio.prediction import predict
from tlstudio.registry import Registry

CARD = ModelCard(
    class_names=("cat", "dog"),
    preprocessing=Preprocessing(resize=8, crop=8),
    backbone="none",
    weights="",
    method="",
    task="classification",
    dataset="",
    metrics={},
    plugins={},
    created="",
    tlstudio_version="",
)


class Moody:
    """Answers 'dog', unless a picture's name is that of an error to raise; remembers how many it was given."""

    card = CARD
    sizes: list[int] = []  # noqa: RUF012 - of all instances: the application makes them

    def load(self, path: Path) -> "Moody":
        return self

    def logits(self, pictures: list[Path]) -> np.ndarray:
        self.sizes.append(len(pictures))
        for picture in pictures:
            if picture.stem in ("ValueError", "MemoryError"):
                raise {"ValueError": ValueError, "MemoryError": MemoryError}[picture.stem]("it is odd")
            if picture.stem == "ExportError":
                raise ExportError("The model is damaged.")
        return self.logits_of_pixels(np.zeros(len(pictures)))

    def logits_of_pixels(self, pixels: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0, 1], np.float32), (len(pixels), 1))


@pytest.fixture
def registry() -> Registry:
    module = ModuleType("moody")
    descriptor = ExporterDescriptor(
        id="moody", title="Moody", description="", factory=f"{__name__}:Moody", suffix=".moody"
    )
    module.tlstudio_exporters = hookimpl(lambda: [descriptor], specname="tlstudio_exporters")  # type: ignore[attr-defined]
    found = Registry.discover()
    found.register("moody", module)
    assert not found.problems
    return found


def _files(folder: Path, *names: str) -> list[Path]:
    for name in ("model.moody", *names):
        (folder / name).touch()
    return [folder / name for name in names]


def test_that_an_unexpected_error_at_one_picture_never_stops_the_rest(registry: Registry, tmp_path: Path) -> None:
    files = _files(tmp_path, "a.png", "ValueError.png", "MemoryError.png", "b.png")
    found = predict(tmp_path / "model.moody", files, registry=registry)["predictions"]
    assert [entry.get("class") for entry in found] == ["dog", None, None, "dog"]
    assert "ValueError.png could not be predicted (ValueError: it is odd)." in found[1]["error"]
    assert "MemoryError" in found[2]["error"]


def test_that_a_model_that_cannot_be_used_is_no_fault_of_a_picture(registry: Registry, tmp_path: Path) -> None:
    files = _files(tmp_path, "a.png", "ExportError.png")
    with pytest.raises(ExportError, match="The model is damaged"):
        predict(tmp_path / "model.moody", files, registry=registry)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [1, 1]), (40, [1, 16, 16, 7])])
def test_that_verification_asks_for_one_picture_alone_and_for_many_at_once(
    tmp_path: Path, count: int, sizes: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    Moody.sizes.clear()
    np.save(tmp_path / "inputs.npy", np.zeros((count, 3, 8, 8), np.uint8))
    request = {
        "format": "moody",
        "factory": f"{__name__}:Moody",
        "path": str(tmp_path / "model.moody"),
        "samples": [f"{number}.png" for number in range(count)],
    }
    verify._answer(request, tmp_path)
    assert Moody.sizes == sizes
    assert capsys.readouterr().out.split()[-1] == str(count)
    with np.load(tmp_path / "answer.npz") as answer:
        assert answer["from_files"].shape == answer["from_inputs"].shape == (count, 2)
