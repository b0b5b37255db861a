"""Tells by its first bytes what a file that should hold weights really is."""

import zipfile
from pathlib import Path

from tlstudio.api.errors import WeightsError

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "only a pointer of Git LFS; fetch the real file with 'git lfs pull'"),
    (b"\x89HDF", "an HDF5 file, as Keras writes it; PyTorch weights are needed"),
    (b"\x1f\x8b", "a compressed archive; unpack it and import the file inside"),
    (b"BZh", "a compressed archive; unpack it and import the file inside"),
    (b"7z\xbc\xaf", "a compressed archive; unpack it and import the file inside"),
    (b"GGUF", "a GGUF language model; PyTorch weights of the backbone are needed"),
    (b"\x93NUMPY", "a NumPy array; PyTorch weights are needed"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


def kind(path: Path) -> str:
    """``safetensors`` or ``torch``. Raises ``WeightsError`` that names what else the file is."""
    if not path.exists():
        raise WeightsError(f"There is no file {path}; check the path.")
    if not path.is_file():
        raise WeightsError(f"{path} is a folder; name the file with the weights inside it.")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise WeightsError(f"{path} is empty; download or copy it again.")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        return "safetensors"
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise WeightsError(
            f"{path} is a web page, not weights: the download reached a login or error page. Fetch the file itself."
        )
    for magic, name in _OTHERS:
        if head.startswith(magic):
            raise WeightsError(f"{path} is {name}.")
    if head.startswith(b"PK"):
        _check_zip(path)
    elif not head.startswith(b"\x80"):
        raise WeightsError(
            f"{path} is no file of weights: it begins neither like a PyTorch checkpoint nor like safetensors."
        )
    return "torch"


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(
            f"{path} is cut short or damaged (the end of the archive is missing or broken); download or copy it again."
        ) from error
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise WeightsError(
            f"{path} is a TorchScript program, which would have to be run to be read, and that is never "
            f"done. "
            "Save the network's state_dict() with torch.save and import that."
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise WeightsError(f"{path} is a zip archive without PyTorch weights; unpack it if they are inside.")
