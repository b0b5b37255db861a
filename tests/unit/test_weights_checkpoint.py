"""Reading checkpoints: what is understood, what is refused, and that nothing in a file is ever executed."""

import argparse
import collections
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tlstudio.api import WeightsError
from tlstudio.weights import checkpoint, matching

STATE = {"conv.weight": torch.randn(4, 3, 3, 3), "fc.weight": torch.randn(2, 4), "fc.bias": torch.zeros(2)}


def saved(path: Path, content: object, **how: object) -> Path:
    torch.save(content, path, **how)
    return path


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        collections.OrderedDict(STATE),
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {}}, "args": argparse.Namespace(lr=0.1)},
        {"model_state_dict": STATE, "loss": 0.5},
        {"net": STATE, "acc": 93.1, "epoch": torch.tensor(3)},
        {"ema": STATE},
        {"model": {"state_dict": STATE}},
        {"model_ema": {"n_averaged": torch.tensor(7), **STATE}},
        {"model": STATE, "best_acc1": np.float64(71.3), "epochs": np.int64(3)},
        {"somewhere_else": STATE, "iteration": 12},
        {"pytorch-lightning_version": "2.4.0", "state_dict": STATE, "callbacks": {}, "loops": {"fit": {}}},
    ],
)
def test_that_plain_and_nested_state_dicts_are_found(tmp_path: Path, content: object) -> None:
    tensors = checkpoint.read_tensors(saved(tmp_path / "x.pth", content))
    assert tensors.keys() == STATE.keys()
    assert all(torch.equal(tensors[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th", ".bin", ".tar", ""])
def test_that_the_content_decides_and_not_the_files_ending(tmp_path: Path, suffix: str) -> None:
    old = saved(tmp_path / f"old{suffix}", STATE, _use_new_zipfile_serialization=False)
    assert checkpoint.read_tensors(old).keys() == STATE.keys()
    save_file(STATE, tmp_path / f"safe{suffix}")
    assert checkpoint.read_tensors(tmp_path / f"safe{suffix}").keys() == STATE.keys()


def test_that_the_network_is_preferred_over_its_running_average(tmp_path: Path) -> None:
    average = {name: value + 1 for name, value in STATE.items()}
    tensors = checkpoint.read_tensors(saved(tmp_path / "x.pth", {"ema": average, "model": STATE}))
    assert torch.equal(tensors["fc.bias"], STATE["fc.bias"])


def test_that_a_file_saved_on_a_gpu_is_read_without_one(tmp_path: Path) -> None:
    saved(tmp_path / "cpu.pth", STATE)
    with zipfile.ZipFile(tmp_path / "cpu.pth") as source, zipfile.ZipFile(tmp_path / "gpu.pth", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl"):
                assert b"X\x03\x00\x00\x00cpu" in data
                data = data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:1")
            target.writestr(name, data)
    tensors = checkpoint.read_tensors(tmp_path / "gpu.pth")
    assert all(torch.equal(tensors[name], STATE[name]) for name in STATE)


class Hostile:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"echo owned > {self.victim}",))


@pytest.mark.parametrize("how", ["pickle", "torch zip", "torch old", "inside a state dict"])
def test_that_a_hostile_pickle_is_refused_and_nothing_of_it_runs(tmp_path: Path, how: str) -> None:
    victim, path = tmp_path / "owned", tmp_path / "x.pth"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Hostile(victim)))
    elif how == "inside a state dict":
        torch.save({"state_dict": {**STATE, "extra": Hostile(victim)}}, path)
    else:
        torch.save(Hostile(victim), path, _use_new_zipfile_serialization=how == "torch zip")
    with pytest.raises(WeightsError, match=r"more than numbers.*never done.*state_dict"):
        checkpoint.read_tensors(path)
    assert not victim.exists()
    if how != "pickle":
        with pytest.raises(WeightsError, match=r"system"):
            checkpoint.read_tensors(path)


def test_that_a_whole_pickled_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"Linear.*state_dict\(\) alone"):
        checkpoint.read_tensors(saved(tmp_path / "x.pth", nn.Linear(2, 2)))


def test_that_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"script/{name}", b"x")
    with pytest.raises(WeightsError, match="TorchScript"):
        checkpoint.read_tensors(path)


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_that_a_truncated_file_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "x.pth"
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    path.write_bytes(data[: max(12, int(len(data) * share))])
    with pytest.raises(WeightsError, match=r"cut short or damaged"):
        checkpoint.read_tensors(path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"\n <html lang='en'>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n", "Git LFS"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 64, "Keras"),
        (b"\x1f\x8b\x08" + b"\0" * 64, "unpack"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 64, "picture"),
        (b"just some text that is nothing", "no file of weights"),
        (b"\x80\x02" + b"garbage" * 9, "cut short or damaged"),
        (struct.pack("<Q", 1 << 29) + b"{}", "cut short or damaged"),
    ],
)
def test_that_other_files_are_refused_by_name(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=sentence):
        checkpoint.read_tensors(path)


def test_that_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file"):
        checkpoint.read_tensors(tmp_path / "nowhere.pth")
    with pytest.raises(WeightsError, match="folder"):
        checkpoint.read_tensors(tmp_path)


def test_that_a_zip_without_weights_and_a_file_without_tensors_are_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    with pytest.raises(WeightsError, match="without PyTorch weights"):
        checkpoint.read_tensors(tmp_path / "x.npz")
    with pytest.raises(WeightsError, match=r"entries epoch, best"):
        checkpoint.read_tensors(saved(tmp_path / "x.pth", {"epoch": 3, "best": 0.5}))
    with pytest.raises(WeightsError, match="it is a list"):
        checkpoint.read_tensors(saved(tmp_path / "y.pth", [torch.zeros(3)]))


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "backbone.", "model.", "net.", "encoder.", "_orig_mod.", "module._orig_mod.model.backbone."],
)
def test_that_wrappers_prefixes_are_taken_off_by_name(prefix: str) -> None:
    own = {"conv.weight": STATE["conv.weight"]}
    report, fitting = matching.match(own, {prefix + name: value for name, value in STATE.items()}, ("fc.",))
    assert report.complete
    assert fitting.keys() == own.keys()
    assert report.ignored_head == ("fc.weight", "fc.bias")


def test_that_a_classifier_beside_a_wrapped_network_is_left_out() -> None:
    found = {"backbone.conv.weight": STATE["conv.weight"], "head.weight": torch.zeros(2, 4)}
    report, _ = matching.match({"conv.weight": STATE["conv.weight"]}, found)
    assert report.complete
    assert report.ignored_head == ("head.weight",)


def test_that_a_prefix_that_only_some_names_have_is_no_wrapper() -> None:
    found = {"module.conv.weight": STATE["conv.weight"], "stem.weight": torch.zeros(2, 4)}
    report, _ = matching.match({"conv.weight": STATE["conv.weight"]}, found)
    assert report.missing == ("conv.weight",)
    assert set(report.unexpected) == found.keys()


def test_that_long_lists_are_cut_after_ten_and_counted() -> None:
    own = {f"layer{i}.weight": torch.zeros(1) for i in range(25)}
    report, _ = matching.match(own, {"other": torch.zeros(1), "layer3.weight": torch.zeros(2, 2)})
    text = report.explain()
    assert "24 missing (layer0.weight" in text
    assert "and 14 more" in text
    assert "1 unexpected (other)" in text
    assert "layer3.weight: 2×2 instead of 1" in text


@pytest.mark.parametrize(
    "found",
    [
        torch.zeros(4, 3, 3, 3, dtype=torch.int8),
        torch.zeros(4, 3, 3, 3, dtype=torch.complex64),
        torch.zeros(4, 3, 3, 3, device="meta"),
        torch.zeros(4, 3, 3, 3).to_sparse(),
    ],
)
def test_that_numbers_of_another_kind_do_not_fit(found: torch.Tensor) -> None:
    report, _ = matching.match({"conv.weight": STATE["conv.weight"]}, {"conv.weight": found})
    assert not report.complete
    assert "conv.weight" in report.misshaped
