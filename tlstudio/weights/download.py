"""Downloads published weights: verified by checksum, resumed after a break, and a way out where there is no
network.
"""

import shutil
import urllib.error
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tlstudio.api.backbone import Weights
from tlstudio.api.errors import UsageError, WeightsError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.registry import Registry
from tlstudio.weights import hashing, mirror, places
from tlstudio.weights.atomic import put_in_place
from tlstudio.weights.ensuring import ensure
from tlstudio.weights.lock import locked
from tlstudio.weights.resolving import NONE, resolve
from tlstudio.weights.transfer import Broken, Policy, Refused, fetch

_SPARE = 64 << 20  # bytes left free on the disk


def download_job(
    control: Control, backbone: str, weights: str = "", *, registry: Registry | None = None
) -> Generator[Event, None, dict[str, Any]]:
    """Fetches published weights of a backbone (the first ones if ``weights`` is empty) unless they are
    here.

    Returns ``{"backbone", "weights", "path", "size_bytes", "sha256"}``. Raises ``WeightsError``,
    ``UsageError``.
    """
    registry = registry or Registry.discover()
    descriptor = registry.backbone(backbone)
    if not descriptor.weights:
        raise UsageError(f"No weights are published for {descriptor.id}; import a file of your own instead.")
    resolved = resolve(descriptor, weights or descriptor.weights[0].id)
    if resolved.id == NONE:
        raise UsageError("Random weights need no download; name published ones.")
    ready = yield from ensure(descriptor, resolved, control)
    return {
        "backbone": descriptor.id,
        "weights": ready.id,
        "path": str(ready.path),
        "size_bytes": ready.size_bytes,
        "sha256": ready.sha256,
    }


def download(weights: Weights, control: Control, policy: Policy | None = None) -> Generator[Event, None, Path]:
    """Fetches ``weights.url`` into the application's cache and verifies it. Returns the file's path.

    What arrived before a break or a stop stays in ``<name>.part`` and is continued. Raises ``WeightsError``
    with the address, the file name and the folder to put it in; ``StoppedByUser``.
    """
    url, target = mirror.apply(weights.url), places.target(weights)
    if urlsplit(url).scheme not in ("http", "https"):
        raise WeightsError(f"{url} cannot be downloaded: only http and https addresses can.")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_space(weights, part)
        with locked(target.with_name(target.name + ".lock"), control) as waiting:
            yield from waiting
            if not (target.is_file() and weights.sha256 and hashing.matches(target, weights.sha256)):
                yield from _fetch_verified(weights, url, part, target, control, policy or Policy())
    except (Broken, Refused, urllib.error.URLError) as error:
        raise WeightsError(
            f"{target.name} could not be downloaded: {_reason(error)}. {_way_out(url, target)}"
        ) from error
    except OSError as error:
        raise WeightsError(f"{target} could not be written: {error}. Check the free space and your rights.") from error
    return target


def _fetch_verified(
    weights: Weights, url: str, part: Path, target: Path, control: Control, policy: Policy
) -> Generator[Event, None, None]:
    for attempt in (1, 2):
        yield from fetch(url, part, control, policy, weights.size_bytes)
        yield Progress(done=0, total=0, unit="bytes", text=f"Checking {target.name}")
        if not weights.sha256 or hashing.sha256(part).startswith(weights.sha256.lower()):
            if target.exists():  # a file of that name whose checksum is wrong: kept, out of the way
                target.replace(target.with_name(target.name + ".damaged"))
            put_in_place(part, target)
            return
        part.unlink()
        if attempt == 1:
            yield Message(text=f"{target.name} arrived damaged and is fetched once more.", level="warning")
    raise WeightsError(
        f"What {url} sends is not the file that was published (its SHA-256 should begin with "
        f"{weights.sha256}); a "
        f"login page or a wrong mirror does that. {_way_out(url, target)}"
    )


def _check_space(weights: Weights, part: Path) -> None:
    there = part.stat().st_size if part.exists() else 0
    needed = max(weights.size_bytes - there, 0) + _SPARE
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise WeightsError(
            f"The disk of {part.parent} has {free / 1e6:.0f} MB free, and {needed / 1e6:.0f} MB are needed "
            f"for "
            f"{places.file_name(weights)}; make room and try again."
        )


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).rstrip(". ") or type(error).__name__


def _way_out(url: str, target: Path) -> str:
    return (
        f"Without a network, fetch {url} on another machine and put the file, named exactly {target.name}, "
        f"into the "
        f"folder {target.parent}; it is checked and used from there. Behind a proxy set HTTPS_PROXY; a "
        f"mirror can be "
        "set in the settings or as TLSTUDIO_MIRROR."
    )
