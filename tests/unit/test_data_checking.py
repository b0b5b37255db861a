"""Every kind of file that people have in their folders is either a picture with a size or left out with a reason."""

import hashlib
import io
import os
import re
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlstudio.api.errors import DataError
from tlstudio.data.checking import kinds
from tlstudio.data.decoding import read_rgb
from tlstudio.data.inspecting import Sample, Seen, inspect

PICTURES = "tlstudio_builtins.modalities.image:Image"


def check_file(path: Path) -> Seen:
    (seen,) = inspect(PICTURES, [Sample(0, str(path), path.name)])
    return seen


def picture(width: int = 40, height: int = 24, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height))


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or picture()).save(buffer, kind, **options)
    return buffer.getvalue()


def frames(count: int = 3) -> list[Image.Image]:
    return [picture(seed=number) for number in range(count)]


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


GREY16 = Image.fromarray(np.linspace(0, 65535, 40 * 24).reshape(24, 40).astype(np.uint16))
GOOD: dict[str, bytes] = {
    "plain.jpg": encoded("JPEG"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "grey.jpg": encoded("JPEG", picture().convert("L")),
    "cmyk.jpg": encoded("JPEG", picture().convert("CMYK")),
    "plain.png": encoded("PNG"),
    "16bit.png": encoded("PNG", GREY16),
    "palette.png": encoded("PNG", picture().quantize(16)),
    "transparent palette.png": encoded("PNG", picture().quantize(16), transparency=3),
    "alpha.png": encoded("PNG", picture().convert("RGBA")),
    "grey alpha.png": encoded("PNG", picture().convert("LA")),
    "one bit.png": encoded("PNG", picture().convert("1")),
    "animated.gif": encoded("GIF", save_all=True, append_images=frames()),
    "animated.webp": encoded("WEBP", save_all=True, append_images=frames()),
    "animated.png": encoded("PNG", save_all=True, append_images=frames()),
    "lossless.webp": encoded("WEBP", lossless=True),
    "plain.bmp": encoded("BMP"),
    "plain.tif": encoded("TIFF"),
    "16bit.tif": encoded("TIFF", GREY16),
    "float.tif": encoded("TIFF", picture().convert("F")),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
    "plain.ppm": encoded("PPM"),
    "a jpeg in truth.png": encoded("JPEG"),
}
BAD: dict[str, tuple[bytes, str]] = {
    "empty.jpg": (b"", "The file is empty."),
    "truncated.jpg": (encoded("JPEG", picture(400, 300))[:6000], "cut off"),
    "truncated progressive.jpg": (encoded("JPEG", picture(400, 300), progressive=True)[:6000], "cut off"),
    "truncated.png": (encoded("PNG", picture(200, 200))[:2000], "cut off|damaged"),
    "truncated.gif": (encoded("GIF", picture(200, 200))[:2500], "cut off|damaged"),
    "truncated.webp": (encoded("WEBP", picture(200, 200))[:400], "cut off|damaged"),
    "truncated.tif": (encoded("TIFF", picture(200, 200))[:4000], "cut off|damaged"),
    "header only.jpg": (encoded("JPEG")[:20], "cut off|damaged"),
    "flipped.png": (
        (lambda b: b[:60] + bytes([b[60] ^ 0xFF]) + b[61:])(encoded("PNG", picture(200, 200))),
        "damaged",
    ),
    "text.jpg": (b"this is a letter, not a picture\n" * 20, "not a picture that can be read, although .*jpg"),
    "script.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "zeros.jpg": (bytes(4096), "not a picture"),
    "no width.png": (png_of_size(0, 10), "no pixels|damaged|cut off"),
    "bomb.png": (png_of_size(60_000, 60_000), "pixels"),
    "large bomb.png": (png_of_size(15_000, 13_000), "pixels"),
}


@pytest.mark.parametrize("name", GOOD)
def test_that_a_picture_of_any_kind_is_accepted_and_can_be_decoded(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD[name])
    checked = check_file(path)
    assert checked.reason == ""
    assert (checked.width, checked.height) == (40, 24)
    assert checked.sha256 == hashlib.sha256(GOOD[name]).digest()
    assert (checked.bytes, checked.mtime_ns) == (len(GOOD[name]), path.stat().st_mtime_ns)
    rgb = read_rgb(path)
    assert rgb.shape == (24, 40, 3)
    assert rgb.dtype == np.uint8


@pytest.mark.parametrize("name", BAD)
def test_that_an_unusable_file_is_left_out_with_its_reason(name: str, tmp_path: Path) -> None:
    content, expected = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    checked = check_file(path)
    assert checked.sha256 == b""
    assert re.search(expected, checked.reason), checked.reason
    assert checked.reason.endswith(".")
    if "bomb" not in name:
        with pytest.raises(DataError, match="picture"):
            read_rgb(path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_that_a_rotated_picture_has_the_size_that_is_displayed(orientation: int, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"turned.{kind.lower()}"
    path.write_bytes(encoded(kind, exif=exif(orientation)))
    checked = check_file(path)
    assert (checked.width, checked.height) == ((24, 40) if orientation >= 5 else (40, 24))
    assert read_rgb(path).shape == (checked.height, checked.width, 3)


def test_that_garbage_in_the_exif_block_is_no_reason_to_lose_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(encoded("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff garbage"))
    checked = check_file(path)
    assert (checked.reason, checked.width) == ("", 40)
    assert read_rgb(path).shape == (24, 40, 3)


def test_that_16_bits_become_8_over_their_whole_range(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(GOOD["16bit.png"])
    rgb = read_rgb(path)
    assert (rgb.min(), rgb.max()) == (0, 255)
    assert abs(int(rgb[11, 39, 0]) - 128) <= 1


def test_that_what_is_transparent_is_shown_on_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(path)
    assert (read_rgb(path) == 255).all()


def test_that_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    path.write_bytes(GOOD["animated.png"])
    assert (read_rgb(path) == np.asarray(picture())).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_that_a_pipe_or_a_folder_named_like_a_picture_does_not_stop_the_work(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        assert check_file(tmp_path / name).reason == "It is not an ordinary file."
    assert "No such file" in check_file(tmp_path / "gone.jpg").reason


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX here")
def test_that_an_unreadable_file_is_left_out_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "private.jpg"
    path.write_bytes(GOOD["plain.jpg"])
    path.chmod(0)
    if os.geteuid():
        assert "Permission denied" in check_file(path).reason
        return
    # Root may read anything, so the real thing is tried as nobody.
    for parent in path.parents:
        if "pytest" in str(parent) and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(0o755)
    code = (
        "import os, sys; from tlstudio.data.inspecting import Sample, inspect; "
        f"inspect({PICTURES!r}, []); os.setuid(65534); "
        f"sys.stdout.write(inspect({PICTURES!r}, [Sample(0, {str(path)!r}, 'private.jpg')])[0].reason)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert "Permission denied" in done.stdout


def test_that_only_pictures_are_decoded_and_checking_needs_no_torch() -> None:
    assert not {"EPS", "PDF", "WMF", "FITS"}.intersection(kinds())
    code = (
        "import sys; from tlstudio.data.inspecting import Sample, inspect; "
        f"inspect({PICTURES!r}, [Sample(0, 'nothing.jpg', 'nothing.jpg')]); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'PySide6')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
