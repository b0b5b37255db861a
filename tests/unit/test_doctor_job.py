"""The doctor on small data sets of real files in which something is wrong."""

import io
import json
import shutil
import wave
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tlstudio.api.errors import DataError, StoppedByUser, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.data.importing import import_job
from tlstudio.doctor import near
from tlstudio.doctor.findings import Finding, Report
from tlstudio.doctor.job import doctor_job, examine
from tlstudio.doctor.maps import map_job
from tlstudio.doctor.report import as_text
from tlstudio.project import Change, ItemFilter, Project
from tlstudio.registry import Registry


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "p.tlproj") as made:
        yield made


@pytest.fixture
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near duplicates are given up soon: where none are planted, looking for them takes longer than all the rest."""
    monkeypatch.setattr(near, "_FRUITLESS", 10)


def result(work: Generator[Event, None, Any], events: list[Event] | None = None) -> Any:
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value
        if events is not None:
            events.append(event)


def imported(project: Project, source: Path, name: str = "d", **options: Any) -> None:
    result(import_job(Control(), str(project.path), str(source), name, **{"near": False, **options}))


def looked_over(project: Project, name: str = "d", **options: Any) -> dict[str, Finding]:
    report: Report = result(examine(project, Registry.discover(), name, Control(), **options))
    assert as_text(report)
    json.dumps(report)
    for found in report["findings"]:
        assert found["sentence"].endswith(".")
        assert found["count"]
        assert all(set(item) == {"id", "path", "label", "note", "score"} for item in found["items"])
    return {found["kind"]: found for found in report["findings"]}


def paths(found: Finding) -> list[str]:
    return [item["path"] for item in found["items"]]


def jpeg(seed: int, side: int = 24, colour: bool = True) -> bytes:
    coarse = np.random.default_rng(seed).integers(30, 226, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    (image if colour else image.convert("L")).save(buffer, "JPEG")
    return buffer.getvalue()


def fill(root: Path, counts: dict[str, int], start: int = 0) -> Path:
    number = start
    for label, count in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            number += 1
            (root / label / f"{number}.jpg").write_bytes(jpeg(number))
    return root


def digits(root: Path, count: int, wrong: int = 0) -> set[str]:
    """Scikit-learn's digits in class folders; the paths of the first ``wrong``, which lie in another's folder."""
    data = load_digits()
    names = set()
    for number in range(count):
        label = (data.target[number] + 3) % 10 if number < wrong else data.target[number]
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        grey = np.clip(data.images[number] * 16, 0, 255).astype(np.uint8)
        Image.fromarray(grey).resize((32, 32), Image.Resampling.BICUBIC).save(root / str(label) / f"{number}.png")
        if number < wrong:
            names.add(f"{label}/{number}.png")
    return names


def test_that_it_finds_what_became_of_the_files(project: Project, tmp_path: Path):
    source = fill(tmp_path / "s", {"a": 12, "b": 60})
    (source / "b" / "wide.jpg").write_bytes(jpeg(500, side=900))
    (source / "b" / "grey.jpg").write_bytes(jpeg(501, colour=False))
    (source / "b" / "black.png").write_bytes(_png(np.zeros((24, 24, 3), np.uint8)))
    (source / "b" / "broken.jpg").write_bytes(jpeg(502)[:200])
    imported(project, source)
    (source / "a" / "1.jpg").unlink()
    (source / "a" / "2.jpg").write_bytes(b"shorter")
    same_size = bytearray((source / "a" / "3.jpg").read_bytes())
    same_size[-5] ^= 0xFF
    (source / "a" / "3.jpg").write_bytes(same_size)
    found = looked_over(project, quick=True)
    assert set(found) == {
        "missing", "changed", "skipped", "imbalance", "odd-sizes", "odd-modes", "odd-brightness", "few-test-items",
    }  # fmt: skip
    assert paths(found["missing"]) == ["a/1.jpg"]
    assert set(paths(found["changed"])) == {"a/2.jpg", "a/3.jpg"}
    assert paths(found["skipped"]) == ["b/broken.jpg"]
    assert found["odd-sizes"]["items"][0]["note"] == "900 x 900 pixels"
    assert paths(found["odd-modes"]) == ["b/grey.jpg"]
    assert paths(found["odd-brightness"]) == ["b/black.png"]
    assert "imbalance=logit-adjustment" in found["imbalance"]["advice"]
    shutil.rmtree(source)
    gone = looked_over(project)
    assert "root-missing" in gone
    assert gone["root-missing"]["severity"] == "problem"


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_that_copies_conflicts_and_leaks_are_told_apart(project: Project, shared_data: Path, tmp_path: Path):
    pictures = sorted((shared_data / "sign_digits").rglob("*.[jJ][pP][gG]"))[:140:5]
    for number, file in enumerate(pictures):
        target = tmp_path / "s" / ("train" if number % 4 else "test") / "ab"[number % 2] / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    source = tmp_path / "s"
    (source / "test" / "b").mkdir()
    image = Image.open(source / "train" / "b" / "1.jpg")
    image.resize((80, 80)).save(source / "train" / "b" / "resized.jpg")
    image = Image.open(source / "train" / "b" / "3.jpg")
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(source / "test" / "b" / "flipped.jpg")
    image = Image.open(source / "train" / "b" / "5.jpg")
    image.crop((4, 6, 96, 97)).save(source / "train" / "a" / "cropped.jpg")
    shutil.copyfile(source / "train" / "a" / "2.jpg", source / "train" / "a" / "again.jpg")
    imported(project, source, splits="folders")
    where = {item.path: item for item in project.view("d", ItemFilter()).page(0, 100)}
    assert where["train/a/again.jpg"].split == where["train/a/2.jpg"].split
    found = looked_over(project, backbone="glyphnet")
    assert set(paths(found["duplicates"])) == {"train/a/2.jpg", "train/a/again.jpg"}
    near = [set(paths(found[kind])) for kind in ("near-duplicates", "near-leaks") if kind in found]
    assert {"train/b/1.jpg", "train/b/resized.jpg", "train/b/3.jpg", "test/b/flipped.jpg"} <= set.union(*near)
    assert {"train/b/3.jpg", "test/b/flipped.jpg"} <= set(paths(found["near-leaks"]))
    assert set(paths(found["label-conflicts"])) == {"train/b/5.jpg", "train/a/cropped.jpg"}
    assert len(set.union(*near)) == 6


def test_that_items_which_are_excluded_are_not_looked_at(project: Project, tmp_path: Path):
    source = fill(tmp_path / "s", {"a": 12, "b": 12})
    (source / "a" / "again.jpg").write_bytes((source / "a" / "1.jpg").read_bytes())
    imported(project, source)
    found = looked_over(project, quick=True)
    assert set(paths(found["duplicates"])) == {"a/1.jpg", "a/again.jpg"}
    again = next(item for item in found["duplicates"]["items"] if item["path"] == "a/again.jpg")
    project.edit("d", [Change(again["id"], split="excluded")], "One copy less.", "exclude")
    assert "duplicates" not in looked_over(project, quick=True)


@pytest.mark.usefixtures("few_pairs")
def test_that_wrong_labels_are_listed_first_and_open_their_items(project: Project, tmp_path: Path):
    wrong = digits(tmp_path / "s", 200, wrong=8)
    imported(project, tmp_path / "s")
    summary = result(doctor_job(Control(), str(project.path), "d"))
    assert summary["backbone"] == "glyphnet"
    assert not summary["healthy"]
    report = project.report("d")
    assert report is not None
    found = next(f for f in report["findings"] if f["kind"] == "label-errors")
    first = {item["path"] for item in found["items"][:12]}
    assert len(first & wrong) >= 7
    opened = project.view("d", ItemFilter(finding="label-errors", order="suspicion", descending=True))
    assert opened.count == len(found["items"])
    assert opened.page(0, 1)[0].id == found["items"][0]["id"]


@pytest.mark.usefixtures("few_pairs")
def test_that_a_doctor_that_was_stopped_goes_on_where_it_was(project: Project, tmp_path: Path):
    digits(tmp_path / "s", 120)
    imported(project, tmp_path / "s")
    control = Control()
    work = doctor_job(control, str(project.path), "d")
    for event in work:
        if isinstance(event, Progress) and event.text == "Learning which labels fit":
            assert event.eta >= 0
            control.request_stop()
            break
    with pytest.raises(StoppedByUser):
        result(work)
    assert project.report("d") is None
    events: list[Event] = []
    result(doctor_job(Control(), str(project.path), "d"), events)
    told = [event.text for event in events if isinstance(event, Progress)]
    assert "Computing features once" not in told
    assert "Learning which labels fit" in told
    assert project.report("d") is not None


@pytest.mark.usefixtures("few_pairs")
def test_that_numbers_and_several_labels_are_suspected_too(project: Project, tmp_path: Path):
    draw = np.random.default_rng(0)
    folder = tmp_path / "s"
    folder.mkdir()
    rows, kinds = ["file,size"], ["file,kinds"]
    for number in range(90):
        size, dark = int(draw.integers(4, 24)), bool(draw.integers(0, 2))
        pixels = draw.normal(190, 6, (32, 32, 3))
        pixels[4 : 4 + size, 4 : 4 + size] = 90 if dark else 140
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{size + (40 if number == 7 else 0)}")
        labels = [name for name, there in (("dark", dark != (number == 5)), ("large", size > 14)) if there]
        kinds.append(f"{number}.png,{'|'.join(labels)}")
    (folder / "sizes.csv").write_text("\n".join(rows) + "\n")
    (folder / "kinds.csv").write_text("\n".join(kinds) + "\n")
    imported(project, folder / "sizes.csv", "sizes", task="regression")
    found = looked_over(project, "sizes", backbone="glyphnet")
    assert paths(found["label-errors"])[0] == "7.png"
    imported(project, folder / "kinds.csv", "kinds", task="multilabel")
    found = looked_over(project, "kinds", backbone="glyphnet")
    assert "5.png" in paths(found["label-errors"])
    assert "dark" in next(i["note"] for i in found["label-errors"]["items"] if i["path"] == "5.png")


def test_that_next_to_nothing_is_looked_over_too(project: Project, tmp_path: Path):
    imported(project, fill(tmp_path / "s", {"a": 2, "b": 2}))
    found = looked_over(project, backbone="glyphnet")
    assert set(found) <= {"tiny-classes", "few-test-items", "empty-splits"}


@pytest.mark.usefixtures("few_pairs")
def test_that_two_data_sets_are_compared(project: Project, tmp_path: Path):
    for name, light in (("day", 200), ("night", 60)):
        for number in range(40):
            folder = tmp_path / name / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng((light, number)).normal(light, 12, (32, 32, 3))
            noise[8:24, 8:24] += 30 if number % 2 else -30
            Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        imported(project, tmp_path / name, name)
    found = looked_over(project, "day", against="night")
    assert "shift" not in found
    assert found["shift-against"]["severity"] == "warning"
    assert "(MMD²) is" in found["shift-against"]["sentence"]
    with pytest.raises(DataError, match="has no data set 'dusk'"):
        looked_over(project, "day", against="dusk")
    with pytest.raises(UsageError, match="--quick"):
        looked_over(project, "day", against="night", quick=True)


def test_that_texts_are_looked_over_by_their_words(project: Project, shared_data: Path, tmp_path: Path):
    lines = (shared_data / "text" / "SMSSpamCollection.tsv").read_text("utf-8").splitlines()[:500]
    label, _, text = lines[200].partition("\t")
    lines += [
        f"{label}\t{text.upper()} !!",
        "spam\tShall we meet for lunch at one, my dear? Miss you already",
        "ham\t" + "word " * 900,
    ]
    (tmp_path / "sms.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    imported(project, tmp_path / "sms.tsv", "sms")
    found = looked_over(project, "sms")
    assert any(
        path.endswith("501")
        for kind in ("near-duplicates", "near-leaks")
        if kind in found
        for path in paths(found[kind])
    )
    assert any(path.endswith("502") for path in paths(found["label-errors"]))
    assert paths(found["long-texts"])[0].endswith("503")
    assert {"duplicates", "imbalance"} <= set(found)


def test_that_silent_clipped_and_short_sounds_are_found(project: Project, shared_data: Path, tmp_path: Path):
    source = tmp_path / "s"
    for file in sorted((shared_data / "fsdd_wav").rglob("[01]_*.wav"))[::4]:
        (source / file.name[0]).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, source / file.name[0] / file.name)
    beat = np.sin(np.arange(4000) / 5)
    _wave(source / "0" / "silent.wav", np.zeros(4000), 8000)
    _wave(source / "0" / "clipped.wav", np.clip(beat * 3, -1, 1), 8000)
    _wave(source / "0" / "short.wav", beat[:100], 8000)
    _wave(source / "0" / "other.wav", beat * 0.5, 16000)
    imported(project, source)
    found = looked_over(project, quick=True)
    assert paths(found["silent"]) == ["0/silent.wav"]
    assert "0/clipped.wav" in paths(found["clipped"])
    assert paths(found["short-sounds"]) == ["0/short.wav"]
    assert paths(found["odd-rates"]) == ["0/other.wav"]


def _wave(file: Path, samples: np.ndarray, rate: int) -> None:
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes((samples * 32767).astype("<i2").tobytes())


def test_that_masks_are_looked_at(project: Project, shared_data: Path, tmp_path: Path):
    source = tmp_path / "em"
    shutil.copytree(shared_data / "em_membrane", source)
    masks = sorted((source / "label").iterdir())
    Image.fromarray(np.zeros((512, 512), np.uint8)).save(masks[0])
    imported(project, source)
    Image.fromarray(np.zeros((100, 512), np.uint8)).save(masks[1])
    found = looked_over(project, quick=True)
    assert len(found["empty-masks"]["items"]) == 2
    assert len(found["odd-masks"]["items"]) == 1
    assert found["class-pixels"]["count"] == 2
    assert "tiny-classes" not in found


def test_that_a_map_has_a_point_for_every_item(project: Project, tmp_path: Path):
    digits(tmp_path / "s", 60)
    imported(project, tmp_path / "s")
    for method in ("pca", "tsne"):
        made = result(map_job(Control(), str(project.path), "d", method))
        with np.load(project.path / made["path"], allow_pickle=False) as stored:
            assert sorted(stored["item_ids"].tolist()) == sorted(project.view("d").ids())
            assert stored["xy"].shape == (60, 2)
            assert stored["xy"].dtype == np.float32
            assert np.abs(stored["xy"]).max() <= 1
    with pytest.raises(UsageError, match="There is no map 'cloud'"):
        result(map_job(Control(), str(project.path), "d", "cloud"))
