"""Copies are found, whatever was done to them, and different photos of one thing are none."""

import gzip
import importlib.util
import io
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tlstudio.api.errors import DataError
from tlstudio.data import candidates, checking, fingerprints, perceptual
from tlstudio.data.alignment import SAME, same_picture, thumbnail
from tlstudio.doctor.bonds import components

PLANTING = Path(__file__).parents[1] / "performance" / "planting.py"


def planting() -> ModuleType:
    spec = importlib.util.spec_from_file_location("planting", PLANTING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def photos(shared_data: Path, name: str, number: int, seed: int = 0) -> list[Path]:
    found = sorted(path for path in (shared_data / name).rglob("*") if path.suffix.lower() == ".jpg")
    return sorted(random.Random(seed).sample(found, number))


def fingerprint(path: Path) -> int:
    found = checking.facts(path.read_bytes(), path.name).phash
    assert found is not None
    return found


def bits(a: int, b: int) -> int:
    return (a ^ b).bit_count()


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_that_a_fingerprint_survives_resizing_recompression_and_brightness(shared_data: Path) -> None:
    for path in photos(shared_data, "trashnet", 30):
        image = Image.open(path)
        copies = [
            encoded(image.resize((image.width // 2, image.height // 2)), quality=90),
            encoded(image, quality=30),
            encoded(image.point(lambda value: min(255, int(0.8 * value))), quality=90),
            encoded(image.resize((250, 250)), "PNG"),
        ]
        distances = [bits(fingerprint(path), checking.facts(copy, "copy").phash or 0) for copy in copies]
        assert max(distances) <= 9, path
        assert sum(distances) <= 16, path


def test_that_the_fingerprint_of_the_mirror_image_follows_without_the_pixels(shared_data: Path) -> None:
    for path in photos(shared_data, "trashnet", 10):
        mirrored = encoded(Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG")
        found = checking.facts(mirrored, "mirrored.png").phash
        assert found is not None
        assert bits(found, fingerprint(path) ^ perceptual.MIRRORED) <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_that_the_fingerprint_is_that_of_the_picture_as_displayed(orientation: int, shared_data: Path) -> None:
    image = Image.open(photos(shared_data, "trashnet", 1)[0]).resize((140, 100))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that EXIF's number undoes
    stored = image.transpose(Image.Transpose(back[orientation])) if orientation > 1 else image
    data = Image.Exif()
    data[0x0112] = orientation
    found = checking.facts(encoded(stored, "PNG", exif=data.tobytes()), "turned.png")
    plain = checking.facts(encoded(image, "PNG"), "plain.png")
    assert (found.width, found.height) == (140, 100)
    assert bits(found.phash or 0, plain.phash or 0) <= 2


def test_that_a_fingerprint_fits_where_it_is_stored_and_one_colour_has_none() -> None:
    draw = np.random.default_rng(0)
    for _ in range(50):
        grey = draw.uniform(0, 255, (32, 32)).astype(np.float32)
        assert 0 <= (perceptual.phash(grey) or -1) < 2**63
    flat = checking.facts(encoded(Image.new("RGB", (60, 40), (200, 30, 30)), "PNG"), "flat.png")
    assert flat.phash is None
    assert dict(flat.meta)["mode"] == "RGB"
    assert 0.3 < float(dict(flat.meta)["brightness"]) < 0.4
    white = checking.facts(encoded(Image.new("RGBA", (60, 40), (0, 0, 0, 0)), "PNG"), "clear.png")
    assert dict(white.meta)["brightness"] == "1.000"  # what is transparent is shown on white


HASHES = st.lists(
    st.one_of(
        st.none(),
        st.integers(0, 2**63 - 1),
        st.tuples(st.integers(0, 4), st.integers(0, 62), st.integers(0, 62)).map(
            lambda t: (t[0] * 0x9E3779B97F4A7C15) % 2**63 ^ 1 << t[1] ^ 1 << t[2]
        ),
    ),
    max_size=40,
    unique=True,
)


@settings(max_examples=150, deadline=None)
@given(HASHES, st.integers(0, 3), st.booleans())
def test_that_no_near_pair_is_missed(hashes: list[int | None], radius: int, in_bands: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if in_bands:  # as for very many
            patch.setattr(fingerprints, "_EXACT_UP_TO", 0)
        pairs = [tuple(pair) for pair in fingerprints.nearest(hashes, max(1, len(hashes)), radius).tolist()]
    expected = {}
    for b, two in enumerate(hashes):
        for a, one in enumerate(hashes[:b]):
            if one is not None and two is not None:
                distance = min(bits(one, two), bits(one, two ^ perceptual.MIRRORED))
                if distance <= radius:
                    expected[a, b] = distance
    assert set(pairs) == expected.keys()
    assert [expected[pair] for pair in pairs] == sorted(expected.values()), "the nearest first"


def test_that_photos_that_are_alike_are_not_bound_together(shared_data: Path) -> None:
    hashes = [fingerprint(path) for path in photos(shared_data, "sign_digits", 300)]
    assert len(fingerprints.bonds(hashes)) == 0


def test_that_digits_are_not_bound_together(shared_data: Path) -> None:
    (file,) = (path for path in (shared_data / "mnist_t10k").iterdir() if "images" in path.name)
    content = file.read_bytes()
    if file.suffix == ".gz":
        import gzip

        content = gzip.decompress(content)
    digits = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:3000]
    hashes = [perceptual.phash(perceptual.small_grey(Image.fromarray(digit))) for digit in digits]
    assert len(fingerprints.bonds(hashes)) <= 6


def test_that_very_many_equal_fingerprints_are_no_copies() -> None:
    draw = random.Random(0)
    hashes = [draw.getrandbits(63) for _ in range(500)] + [0b1011 << 30] * 400 + [0b1101 << 9] * 3
    found = {int(position) for pair in fingerprints.bonds(hashes) for position in pair}
    assert found == {900, 901, 902}


def test_that_bonds_make_no_chain() -> None:
    """Each frame of a film is near the next one, but the last is not near the first."""
    draw = random.Random(0)
    frames = [draw.getrandbits(63)]
    for step in range(60):
        frames.append(frames[-1] ^ 1 << step)
    pairs = fingerprints.bonds(frames + [draw.getrandbits(63) for _ in range(500)])
    assert np.bincount(components(561, pairs)).max() <= 13


def likeness(place: Path | str, other: Path | str) -> float:
    return same_picture(thumbnail(str(place)), thumbnail(str(other)))


def copies(places: list[str]) -> set[tuple[int, int]]:
    """What fingerprints and pixels name, and pixels verify."""
    shown = [thumbnail(place) for place in places]
    hashed = fingerprints.nearest([fingerprint(Path(place)) for place in places], 3, 20)
    named = {(a, b) for a, b in [*hashed.tolist(), *candidates.candidates_from_pixels(shown).tolist()]}
    return {(a, b) for a, b in named if same_picture(shown[a], shown[b]) >= SAME}


def harmed(image: Image.Image, draw: random.Random) -> Image.Image:
    """Cropped by up to a fifth, flipped, halved, squashed or brightened, and recompressed at 30 or better."""
    if draw.random() < 0.6:
        wide, high = (round(side * draw.uniform(0.8, 1)) for side in image.size)
        left, top = draw.randint(0, image.width - wide), draw.randint(0, image.height - high)
        image = image.crop((left, top, left + wide, top + high))
    if draw.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if draw.random() < 0.5:
        factor = draw.uniform(0.5, 0.9)
        image = image.resize((round(image.width * factor), round(image.height * factor)))
    if draw.random() < 0.2:
        image = image.resize((image.height, image.height))
    if draw.random() < 0.3:
        factor = draw.uniform(0.75, 1.25)
        image = image.point(lambda value: min(255, int(value * factor)))
    return image


@pytest.mark.parametrize("name", ["trashnet", "sign_digits", "bccd"])
def test_that_a_copy_is_known_whatever_was_done_to_it(name: str, shared_data: Path, tmp_path: Path) -> None:
    draw = random.Random(2)
    missed = []
    for path in photos(shared_data, name, 40, seed=1):
        copy = tmp_path / path.name
        harmed(Image.open(path).convert("RGB"), draw).save(copy, "JPEG", quality=draw.randint(30, 95))
        if likeness(path, copy) < SAME:
            missed.append(path.name)
    assert len(missed) <= 1, missed


def test_that_different_photos_of_one_hand_or_thing_are_no_copies(shared_data: Path) -> None:
    for name, folder in (("sign_digits", "4"), ("sign_digits", "5"), ("trashnet", "plastic")):
        places = [str(path) for path in sorted((shared_data / name / folder).iterdir())[:24]]
        assert copies(places) == set()


def test_that_planted_copies_are_all_found_and_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for path in photos(shared_data, "sign_digits", 100, seed=4):
        (source / path.parent.name).mkdir(parents=True, exist_ok=True)
        (source / path.parent.name / path.name).write_bytes(path.read_bytes())
    truth = planting().plant(source, tmp_path / "out", seed=1)
    data = tmp_path / "out" / "data"
    places = sorted(str(path) for path in data.rglob("*.*"))
    planted = {
        tuple(sorted((str(data / entry["original"]), str(data / entry["copy"]))))
        for entry in truth["duplicates"] + truth["leaks"]
    }
    answer = {tuple(sorted((places[a], places[b]))) for a, b in copies(places)}
    assert len(planted & answer) >= 0.95 * len(planted)
    assert answer <= planted


def test_that_planting_is_the_same_for_the_same_seed(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "trashnet"
    module = planting()
    first, again = (module.plant(source, tmp_path / name, seed=3) for name in ("first", "again"))
    assert first == again
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.jpg")) for n in ("first", "again")]
    assert files[0] == files[1]
    for file in files[0][::9]:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert len(first["leaks"]) == 10
    assert {entry["kind"] for entry in first["duplicates"]} == {"resized", "recompressed", "cropped", "flipped"}
    for entry in first["leaks"]:
        assert entry["original"].split("/")[0] != entry["copy"].split("/")[0]


def test_that_small_drawings_that_look_alike_are_not_taken_for_copies(shared_data: Path, tmp_path: Path) -> None:
    (file,) = (path for path in (shared_data / "mnist_t10k").iterdir() if "images" in path.name)
    digits = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)[:600]
    flat = digits.reshape(len(digits), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    cosines = flat @ flat.T
    np.fill_diagonal(cosines, -1)
    paths = [str(tmp_path / f"{number}.png") for number in range(len(digits))]
    for path, digit in zip(paths, digits, strict=True):
        Image.fromarray(digit).save(path)
    pairs = [(int(n), int(cosines[n].argmax())) for n in np.argsort(-cosines.max(1))[:120]]
    alike = [pair for pair in pairs if likeness(paths[pair[0]], paths[pair[1]]) >= SAME]
    assert len(alike) <= 2
    mirrored = tmp_path / "mirrored.png"
    Image.fromarray(np.ascontiguousarray(digits[0, :, ::-1])).save(mirrored)
    assert likeness(paths[0], mirrored) >= SAME


def test_that_a_damaged_picture_is_named(tmp_path: Path, shared_data: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photos(shared_data, "trashnet", 1)[0].read_bytes()[:200])
    with pytest.raises(DataError, match=r"bad\.jpg (cannot be|is not a picture that can be) read"):
        thumbnail(str(bad))
