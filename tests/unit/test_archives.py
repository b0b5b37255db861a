"""Archives are files of strangers: nothing outside, no bombs, and nothing kept of what is cut off."""

import io
import os
import tarfile
import zipfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlstudio.api import DataError, StoppedByUser
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.data.archives import Limits, Unpacked, is_archive, safe_parts, unpack

Members = Sequence[tuple[str, bytes]]
KINDS = {".zip": "", ".tar": "w", ".tar.gz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
FILES: Members = [("top/a/1.jpg", b"one" * 500), ("top/b/ü\n2.jpg", b"two"), ("top/b/犬.jpg", b"")]


def pack(path: Path, members: Members) -> Path:
    mode: Any = next(mode for suffix, mode in KINDS.items() if path.name.endswith(suffix))
    if not mode:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return path
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def run(job: Generator[Event, None, Unpacked]) -> Unpacked:
    try:
        while True:
            next(job)
    except StopIteration as end:
        result: Unpacked = end.value
        return result


def refused(path: Path, limits: Limits | None = None) -> str:
    """The sentence; nothing is left of it."""
    out = path.parent / "out"
    with pytest.raises(DataError) as caught:
        run(unpack(path, out, Control(), limits))
    assert not out.exists()
    assert not [p for p in path.parent.iterdir() if "unpacking" in p.name]
    assert str(caught.value).endswith(".")
    return str(caught.value)


@pytest.mark.parametrize("suffix", KINDS)
def test_that_every_kind_is_unpacked(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"data{suffix}", FILES)
    assert is_archive(path)
    done = run(unpack(path, tmp_path / "out", Control()))
    assert done.source == tmp_path / "out" / "top"
    assert (done.files, done.size_bytes, done.skipped) == (3, 1503, [])
    assert {p.relative_to(done.folder).as_posix(): p.read_bytes() for p in done.folder.rglob("*.jpg")} == dict(FILES)


@pytest.mark.parametrize("suffix", KINDS)
def test_that_nothing_is_written_outside(tmp_path: Path, suffix: str) -> None:
    names = ("../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "..", "./b/./good.jpg")
    path = pack(tmp_path / f"data{suffix}", [(name, b"x") for name in names])
    done = run(unpack(path, tmp_path / "in" / "out", Control()))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path, done.folder / "b" / "good.jpg"] or suffix == ".zip"
    assert not list(tmp_path.rglob("evil.jpg"))
    assert len(done.skipped) == len(names) - 1
    assert all("outside" in s.reason or "no name" in s.reason for s in done.skipped)


def test_that_links_and_devices_are_not_made(tmp_path: Path) -> None:
    path = tmp_path / "d.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind, link in (
            ("link", tarfile.SYMTYPE, "/etc"), ("hard", tarfile.LNKTYPE, "/etc/passwd"), ("pipe", tarfile.FIFOTYPE, ""),
            ("disk", tarfile.BLKTYPE, ""),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info)
        for name in ("link/passwd", "1.jpg"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    done = run(unpack(path, tmp_path / "out", Control()))
    assert [s.reason for s in done.skipped] == ["It is a link or a device, which is not unpacked."] * 4
    assert (done.folder / "link").is_dir()
    assert not (done.folder / "link").is_symlink()
    packed = tmp_path / "d.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        linked = zipfile.ZipInfo("link")
        linked.external_attr = 0o120777 << 16
        archive.writestr(linked, "/etc/passwd")
        archive.writestr("1.jpg", "x")
    done = run(unpack(packed, tmp_path / "out2", Control()))
    assert os.listdir(done.folder) == ["1.jpg"]


@pytest.mark.parametrize("suffix", KINDS)
def test_that_bombs_are_given_up_early(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"data{suffix}", [("zeros.bin", bytes(8 << 20))])
    text = refused(path, Limits(size_bytes=4 << 20))
    assert "its content is larger than 0.0 GB, which is the limit" in text
    if suffix != ".tar":
        assert "more than 20 times as large" in refused(path, Limits(ratio=20, free_bytes=1 << 20))
    many = pack(tmp_path / f"many{suffix}", [(f"{n}", b"") for n in range(30)])
    assert "more than 20 files" in refused(many, Limits(files=20))


def test_that_a_header_that_asks_for_gigabytes_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "d.tar"
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096))
    assert "larger than any header" in refused(path)


@pytest.mark.parametrize("suffix", KINDS)
@settings(max_examples=15, deadline=None)
@given(share=st.floats(0, 0.97))
def test_that_nothing_is_kept_of_an_archive_that_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, share: float
) -> None:
    path = pack(tmp_path_factory.mktemp("a") / f"data{suffix}", [(f"{n}.jpg", os.urandom(700)) for n in range(30)])
    whole = path.read_bytes()
    end = 30 * 1536 if suffix == ".tar" else len(whole)  # what follows in a tar are zeros
    path.write_bytes(whole[: int(end * share)])
    if suffix == ".tar" and int(end * share) % 1536 == 0 and share:
        return  # between two members, as if it had no end mark
    assert "data" in refused(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_that_damage_never_makes_a_traceback_nor_a_file_outside(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("a")
    path = pack(folder / f"d{data.draw(st.sampled_from(list(KINDS)))}", FILES)
    content = bytearray(path.read_bytes())
    for position, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=5)
    ):
        content[position] = value
    path.write_bytes(bytes(content))
    try:
        run(unpack(path, folder / "out", Control()))
    except DataError as error:
        assert str(error).endswith(".")  # noqa: PT017 - it need not be raised
        assert os.listdir(folder) == [path.name]
    assert set(os.listdir(folder)) <= {path.name, "out"}


@given(st.text(max_size=40))
def test_that_a_safe_name_stays_inside(name: str) -> None:
    parts, reason = safe_parts(name)
    assert bool(parts) != bool(reason)
    path = os.path.normpath(os.path.join("/data/out", *parts))
    assert path == "/data/out" or path.startswith("/data/out/")


def test_that_files_of_one_name_and_encrypted_ones_are_left_out(tmp_path: Path) -> None:
    path = pack(tmp_path / "d.tar", [("a.jpg", b"1"), ("a.jpg", b"2"), ("a.jpg/b.jpg", b"3"), ("x" * 300, b"4")])
    done = run(unpack(path, tmp_path / "out", Control()))
    assert (done.folder / "a.jpg").read_bytes() == b"1"
    assert ["another file of this name" in s.reason for s in done.skipped] == [True, True, False]
    packed = pack(tmp_path / "d.zip", [("a.jpg", b"1"), ("b.jpg", b"2")])
    content = bytearray(packed.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the last entry in the list
    packed.write_bytes(bytes(content))
    done = run(unpack(packed, tmp_path / "out2", Control()))
    assert [s.reason for s in done.skipped] == ["It is encrypted; unpack the archive with its password first."]


def test_that_one_damaged_member_of_a_zip_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"first content")
        archive.writestr("b.jpg", b"other content")
    path.write_bytes(path.read_bytes().replace(b"first content", b"f1rst content"))
    done = run(unpack(path, tmp_path / "out", Control()))
    assert done.files == 1
    assert done.skipped[0].path == path / "a.jpg"
    assert done.skipped[0].reason.startswith("It is damaged: Bad CRC-32")


def test_that_unpacking_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    path = pack(tmp_path / "d.tar.gz", [(f"{n}.bin", os.urandom(1 << 20)) for n in range(16)])
    control = Control()
    job = unpack(path, tmp_path / "out", control)
    seen = next(job)
    assert isinstance(seen, Progress)
    assert 0 < seen.done < seen.total == path.stat().st_size
    control.request_stop()
    with pytest.raises(StoppedByUser):
        next(job)
    assert os.listdir(tmp_path) == ["d.tar.gz"]


def test_that_an_archive_of_nothing_and_a_folder_in_use_are_said(tmp_path: Path) -> None:
    assert "holds no file that can be used" in refused(pack(tmp_path / "d.tar", []))
    assert "holds no file that can be used. " in refused(pack(tmp_path / "e.zip", [("../x", b"")]))
    (tmp_path / "f.zip").write_bytes(b"no archive at all" * 50)
    assert "is no ZIP or tar archive" in refused(tmp_path / "f.zip")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").write_text("x")
    with pytest.raises(DataError, match="holds something already"):
        run(unpack(pack(tmp_path / "g.zip", FILES), tmp_path / "used", Control()))
    assert (tmp_path / "used" / "mine").exists()
