"""Texts: any bytes are a text or a sentence; the same numbers with torch and without."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tlstudio import places
from tlstudio.api import DataError, Facts, Preprocessing
from tlstudio.registry import Registry
from tlstudio_builtins.modalities.text import read

MODALITY = Registry.discover().modality("text")
TEXT = MODALITY.load()()
NO_PICTURE = Preprocessing(resize=0, crop=0)


def samples(length: int = 64):
    return MODALITY.load_samples()(NO_PICTURE, {"length": length})


def shown(row: torch.Tensor) -> bytes:
    return bytes((row[row > 0] - 1).tolist())


@pytest.fixture(scope="module")
def messages(shared_data: Path) -> list[bytes]:
    lines = (shared_data / "text" / "SMSSpamCollection.tsv").read_bytes().splitlines()
    return [line.partition(b"\t")[2] for line in lines]


def test_that_every_message_is_a_text_with_its_length_and_caption(messages: list[bytes]) -> None:
    facts = [TEXT.check(message, "x") for message in messages]
    assert len(facts) > 5500
    assert facts[0].caption.startswith("Go until jurong point")
    assert facts[0].width == len(messages[0].decode())
    assert max(len(fact.caption) for fact in facts) == 300
    assert TEXT.parameters(facts) == {"length": 192}
    assert TEXT.preview(messages[0], 100) is None


def test_that_texts_are_the_same_numbers_with_torch_and_without(messages: list[bytes], tmp_path: Path) -> None:
    chosen = messages[::100]
    (tmp_path / "all").write_bytes(b"".join(chosen))
    starts = np.cumsum([0, *map(len, chosen)])
    inputs = TEXT.inputs(chosen, NO_PICTURE, {"length": 96})
    torched, transform = samples(96), samples(96).transform("none", False)
    for row, start, message in zip(inputs, starts, chosen, strict=False):
        decoded = torched.decode(places.place(tmp_path / "all", int(start), len(message)))
        assert decoded.dtype == torch.int64
        assert (transform(decoded).numpy() == row).all()
        assert shown(transform(decoded)) == message.strip()[:96]
    normalize = torched.normalizer(torch.device("cpu"), torch.contiguous_format)
    assert torch.equal(normalize(torch.from_numpy(inputs)), torch.from_numpy(inputs))


@given(st.binary(max_size=400))
def test_that_any_bytes_are_a_text_or_a_data_error(content: bytes) -> None:
    try:
        facts = TEXT.check(content, "x")
        row = TEXT.inputs([content], NO_PICTURE, {"length": 64})
    except DataError as error:
        assert str(error).endswith(".")  # noqa: PT017 - either is right
        return
    assert facts.width > 0
    assert row.shape == (1, 64)
    assert 0 < row.max() <= 256
    assert row.min() >= 0


@given(st.text(min_size=1, max_size=100).filter(lambda text: "\0" not in text and text.strip("\ufeff \n\t")))
def test_that_any_text_in_utf_8_comes_back_or_is_no_text(text: str) -> None:
    try:
        assert read(text.encode()) == (text.removeprefix("\ufeff"), "utf-8")
    except DataError as error:
        assert str(error).startswith(("It is not a text", "The text is empty"))  # noqa: PT017 - control characters


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        ("naïve café".encode("cp1252"), "naïve café", "windows-1252"),
        ("“curly” – €5".encode("cp1252"), "“curly” – €5", "windows-1252"),
        (b"\xef\xbb\xbfmarked", "marked", "utf-8"),
        ("größer".encode("utf-16"), "größer", "utf-16-le"),
        (b"\xfe\xff" + "größer".encode("utf-16-be"), "größer", "utf-16-be"),
        ("здравствуй 世界 🙂".encode(), "здравствуй 世界 🙂", "utf-8"),
    ],
)
def test_that_the_encoding_is_found_and_told(content: bytes, text: str, encoding: str) -> None:
    assert read(content) == (text, encoding)
    facts = TEXT.check(content, "x")
    assert facts.width == len(text)
    assert dict(facts.meta).get("encoding", "utf-8") == encoding


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b" \n\t", "empty"), (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text"), (bytes(range(1, 9)) * 9, "not")],
)
def test_that_what_is_no_text_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        TEXT.check(content, "x")
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.txt cannot be used\. .*{words}"):
        samples().decode(str(tmp_path / "x.txt"))


def test_that_the_length_fits_most_texts_and_has_an_end() -> None:
    def length(*characters: int, caption: str = "") -> int:
        return int(TEXT.parameters([Facts(width, 0, caption=caption) for width in characters])["length"])

    assert length(10, 20) == 64
    assert length(*[100] * 30, 100_000) == 128
    assert length(100_000) == 2048
    assert length(100, caption="世界") == 384  # three bytes for each character
    assert TEXT.parameters([TEXT.check("世界".encode() * 30, "x")]) == {"length": 192}
    assert TEXT.parameters([]) == {"length": 256}


def test_that_a_long_text_is_cut_and_a_short_one_is_filled_with_zeros() -> None:
    rows = TEXT.inputs([b"ab" * 100, b"hi"], NO_PICTURE, {"length": 64})
    assert (rows[0] > 0).all()
    assert rows[1, :2].tolist() == [ord("h") + 1, ord("i") + 1]
    assert rows[1, 2:].max() == 0


def test_that_slips_change_a_text_a_little_and_leave_it_utf_8(tmp_path: Path) -> None:
    text = "Größere Häuser für 世界 — and Cheaper Flats For You, Call 0800 123 now! " * 3
    (tmp_path / "x").write_text(text, encoding="utf-8")
    torched = samples(512)
    decoded, transform = torched.decode(str(tmp_path / "x")), torched.transform("light", False)
    torch.manual_seed(0)
    made = [shown(transform(decoded)).decode("utf-8") for _ in range(60)]
    assert len(set(made)) > 30
    assert text.strip() in made  # often nothing happens at all
    assert any(one.upper() != text.strip().upper() for one in made)
    assert any(one != text.strip() and one.lower() == text.strip().lower() for one in made)
    assert min(len(one) for one in made) > 0.9 * len(text.strip())
    torch.manual_seed(3)
    first = transform(decoded)
    torch.manual_seed(3)
    assert torch.equal(first, transform(decoded))
