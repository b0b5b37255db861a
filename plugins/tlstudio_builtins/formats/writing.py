"""What the formats that write have in common: copies of samples, and names that every system takes."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tlstudio import places
from tlstudio.api import DataError, ExportItem, Mask
from tlstudio.places import readable

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def copy_item(item: ExportItem, folder: Path, name: str = "") -> Path:
    """Writes the sample below ``folder`` under its own name; returns where. Raises ``DataError``."""
    target = folder.joinpath(*(name or item.name).split("/"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.text is not None:
            target.write_bytes(item.text.encode("utf-8"))
        else:
            copy_place(item.place, target)
    except OSError as error:
        raise DataError(f"{readable(target)} cannot be written: {error.strerror}. Check the folder.") from error
    return target


def copy_place(place: str, target: Path) -> None:
    """Raises ``OSError`` where the target cannot be written, ``DataError`` where the sample cannot be read."""
    path, _, length = places.parse(place)
    if length or not os.path.isfile(path):
        target.write_bytes(places.read_bytes(place))
    else:
        shutil.copyfile(path, target)


def content_of(item: ExportItem) -> bytes:
    return item.text.encode("utf-8") if item.text is not None else places.read_bytes(item.place)


def text_of(item: ExportItem) -> str:
    """The text of a text item. Raises ``DataError`` where it is no UTF-8."""
    if item.text is not None:
        return item.text
    try:
        return places.read_bytes(item.place).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{places.printable(item.place)} is no text in UTF-8, so it cannot be written.") from error


def mask_bytes(mask: Mask) -> bytes:
    if mask.content is not None:
        return mask.content
    return places.read_bytes(places.place(mask.path, mask.offset, mask.length))


def only(task: str, tasks: Iterable[str], what: str) -> None:
    """Raises ``DataError`` where a layout cannot hold labels of that task."""
    if task not in tasks:
        raise DataError(f"{what} cannot hold labels for {task}. Export with the format csv, jsonl or webdataset.")


def safe_folders(class_names: Iterable[str], task: str) -> dict[str, str]:
    """A folder name for each class, which must be the class's name, since that is how it is read again.

    Raises ``DataError`` for labels that are no classes, and for classes that no folder can be called.
    """
    only(task, ("classification",), "Class folders")
    folded: dict[str, str] = {}
    for name in class_names:
        if not is_safe(name):
            raise DataError(f"No folder can be called like the class '{readable(name)}'. Export with the format csv.")
        if name.casefold() in folded:
            raise DataError(
                f"The classes '{folded[name.casefold()]}' and '{name}' would share a folder on systems that do not "
                f"tell capitals. Export with the format csv."
            )
        folded[name.casefold()] = name
    return {name: name for name in class_names}


def is_safe(name: str) -> bool:
    """Whether every usual system takes it as the name of a file or folder."""
    return bool(
        name and name == name.strip(" .") and not re.search(r'[\x00-\x1f<>:"/\\|?*\ud800-\udfff]', name)
        and not name.startswith((".", "__MACOSX")) and not _RESERVED.fullmatch(name) and len(name.encode()) < 200
    )  # fmt: skip
