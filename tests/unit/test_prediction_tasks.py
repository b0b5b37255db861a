"""Model files of labels, numbers, masks and texts: the same file answers without torch as with it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tlstudio.api import ModelCard, Preprocessing, UsageError
from tlstudio.cli.models import named, worded
from tlstudio.prediction import predict
from tlstudio.prediction.torch_model import TorchPredictor
from tlstudio.registry import Registry

PLAIN = Preprocessing(resize=32, crop=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def card(task: str, names: tuple[str, ...], **more: object) -> ModelCard:
    return ModelCard(
        class_names=names, preprocessing=PLAIN, backbone="none", weights="", method="", task=task, dataset="",
        metrics={}, plugins={}, created="", tlstudio_version="", **more,  # type: ignore[arg-type]
    )  # fmt: skip


class Brightness(nn.Module):
    """Mean of each channel, ``[N, 3]``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class Words(nn.Module):
    """Bytes ``[N, L]`` to ``[N, 2]``: the second answer is the share of exclamation marks."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(257, 1)
        with torch.no_grad():
            self.table.weight.zero_()
            self.table.weight[ord("!") + 1] = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        share = self.table(x).mean(1)
        return torch.cat([0.1 - share, share], 1)


def light_or_dark() -> nn.Module:
    """A class for each pixel: the second where it is light."""
    layer = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[1] = 10.0
        layer.bias.copy_(torch.tensor([15.0, 0.0]))  # type: ignore[union-attr]
    return layer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, exporter = tmp_path_factory.mktemp("models"), Registry.discover().exporter("onnx").load()()
    made = {
        "masks": (light_or_dark(), card("segmentation", ("dark", "light"), parameters={"side": 64},
                                        rebuild={"encoding": {"pixels": [0, 255]}})),
        "numbers": (Brightness(), card("regression", ("red", "green", "blue"))),
        "labels": (nn.Sequential(Brightness(), nn.Linear(3, 3)), card("multilabel", ("a", "b", "c"))),
        "texts": (Words(), card("classification", ("ham", "spam"), modality="text", parameters={"length": 64})),
    }  # fmt: skip
    torch.manual_seed(0)
    for name, (model, described) in made.items():
        exporter.export(model.eval(), described, folder / f"{name}.onnx")
    Image.fromarray(np.repeat(np.repeat([[0, 255]], 50, 1), 40, 0).astype(np.uint8)).save(folder / "half.png")
    return folder


def test_that_a_mask_has_the_size_of_its_picture_and_the_values_of_the_training_masks(
    files: Path, tmp_path: Path
) -> None:
    twice = tmp_path / "other" / "half.png"
    twice.parent.mkdir()
    twice.write_bytes((files / "half.png").read_bytes())
    result = predict(files / "masks.onnx", [files / "half.png", twice], out=tmp_path / "out")
    first, second = result["predictions"]
    assert result["task"] == "segmentation"
    assert first["shares"] == pytest.approx({"dark": 0.5, "light": 0.5}, abs=0.02)
    assert first["mask_values"] == {"dark": 0, "light": 255}
    assert first["mask"] != second["mask"]
    with Image.open(first["mask"]) as mask:
        assert (mask.size, mask.mode) == ((100, 40), "P")
        pixels = np.asarray(mask)
    assert (pixels[:, :48] == 0).all()
    assert (pixels[:, 52:] == 255).all()
    again = predict(files / "masks.onnx", [files / "half.png"], out=tmp_path / "out")["predictions"][0]
    assert "exists already" in again["error"], "nothing is replaced"
    assert "mask" not in predict(files / "masks.onnx", [files / "half.png"])["predictions"][0]
    assert worded(first).startswith("dark 5")


def test_that_numbers_and_labels_have_their_names(files: Path) -> None:
    picture = files / "half.png"
    (entry,) = predict(files / "numbers.onnx", [picture])["predictions"]
    assert entry["values"] == pytest.approx({"red": 0.5, "green": 0.5, "blue": 0.5}, abs=0.02)
    assert worded(entry).startswith("red 0.5")
    (entry,) = predict(files / "labels.onnx", [picture], top=2)["predictions"]
    assert len(entry["scores"]) == 2
    assert set(entry["labels"]) <= {"a", "b", "c"}
    assert {row["class"] for row in entry["scores"] if row["probability"] >= 0.5} <= set(entry["labels"])


def test_that_texts_are_typed_or_lie_in_files_or_in_lines_of_them(files: Path, tmp_path: Path) -> None:
    model = files / "texts.onnx"
    (tmp_path / "a.txt").write_text("hello there", encoding="utf-8")
    (tmp_path / "rows.txt").write_bytes("first\r\n\r\nwin!!!!!!!!!!!!! äö\n".encode())
    typed = predict(model, [tmp_path / "a.txt"], typed=["free!!!!!!!!!!!!!!!!", "  "])["predictions"]
    assert [entry.get("class") for entry in typed] == ["ham", "spam", None]
    assert [named(entry) for entry in typed] == [str(tmp_path / "a.txt"), "free!!!!!!!!!!!!!!!!", ""]
    assert typed[2]["error"] == "The text is empty."
    rows = predict(model, [tmp_path / "rows.txt", tmp_path / "none.txt"], by_line=True)["predictions"]
    assert [(entry.get("line"), entry.get("class")) for entry in rows] == [(1, "ham"), (3, "spam"), (None, None)]
    assert "There is no file" in rows[2]["error"]
    assert predict(model, [tmp_path])["predictions"][0]["file"] == str(tmp_path / "a.txt")
    with pytest.raises(UsageError, match="pictures, which cannot be typed"):
        predict(files / "numbers.onnx", [], typed=["hello"])


def test_that_a_part_of_a_file_is_a_sample(files: Path, tmp_path: Path) -> None:
    from tlstudio.places import place

    content = (files / "half.png").read_bytes()
    (tmp_path / "shard.tar").write_bytes(b"x" * 512 + content)
    here = place(tmp_path / "shard.tar", 512, len(content))
    result = predict(files / "masks.onnx", [here], out=tmp_path / "out")["predictions"][0]
    assert result["file"] == here
    assert Path(result["mask"]).name == "shard_512_mask.png"
    assert "bytes 512" in named(result)


def test_that_masks_and_texts_are_predicted_without_torch(files: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys; from tlstudio.prediction import predict\n"
        f"folder, out = {str(files)!r}, {str(tmp_path / 'out')!r}\n"
        "one = predict(folder + '/masks.onnx', [folder + '/half.png'], out=out)\n"
        "two = predict(folder + '/texts.onnx', [], typed=['hello'])\n"
        "heavy = [m for m in ('torch', 'torchvision', 'onnx', 'sklearn', 'scipy') if m in sys.modules]\n"
        "print(json.dumps([one, two, heavy]))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, two, heavy = json.loads(done.stdout)
    assert heavy == []
    assert "mask" in one["predictions"][0]
    assert two["predictions"][0]["class"] == "ham"


def test_that_the_model_in_memory_answers_as_the_file_does(files: Path) -> None:
    exporter = Registry.discover().exporter("onnx").load()()
    described = exporter.load(files / "texts.onnx").card
    inputs = np.random.default_rng(0).integers(0, 257, (3, 64))
    in_memory = TorchPredictor(Words(), described).logits_of_inputs(inputs)
    np.testing.assert_allclose(exporter.load(files / "texts.onnx").logits_of_inputs(inputs), in_memory, atol=1e-6)
