"""One file over HTTP into ``<name>.part``: continued where it broke off, with pauses between attempts.

urllib honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
"""

import dataclasses
import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import IO

from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.weights.atomic import write_json
from tlstudio.weights.stream import Stream

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Broken(Exception):
    """The connection failed in a way that may pass."""


class Refused(Exception):
    """The server answered, and the answer will not change."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """``timeout`` in seconds without a byte; ``delays`` in seconds before each further attempt. Attempts
    start anew whenever one of them brought bytes, at most ``breaks`` times.
    """

    timeout: float = 20.0
    delays: tuple[float, ...] = (0.5, 1.5, 4.0)
    breaks: int = 100


def fetch(url: str, part: Path, control: Control, policy: Policy, size: int = 0) -> Generator[Event, None, None]:
    """Completes ``part``. ``size`` in bytes is what to expect until the server says it.

    Raises :class:`Broken` once the attempts are used up, :class:`Refused`, ``StoppedByUser`` (the part
    stays).
    """
    attempt, breaks = -1, 0
    while True:
        before = _size(part)
        try:
            yield from _once(url, part, control, policy.timeout, size)
            _note(part).unlink(missing_ok=True)
            return
        except Broken as error:
            breaks += 1
            attempt = 0 if _size(part) > before else attempt + 1
            if attempt > len(policy.delays) - 1 or breaks > policy.breaks:
                raise
            yield Message(
                text=f"The connection broke ({error}); going on in {policy.delays[attempt]:g} s.",
                level="warning",
            )
            _pause(policy.delays[attempt], control)


def _once(url: str, part: Path, control: Control, timeout: float, size: int) -> Generator[Event, None, None]:
    start = _size(part)
    stream = Stream(lambda: _open(url, part, start, timeout))
    try:
        yield from _answered(stream, part, start, control, size)
    finally:
        stream.close()


def _answered(stream: Stream, part: Path, start: int, control: Control, size: int) -> Generator[Event, None, None]:
    try:
        response = stream.response(control)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and start:
                if _total(error.headers.get("Content-Range")) == start:
                    return  # everything had arrived already
                part.unlink()
                raise Broken("what was there did not fit the file") from error
            kind = Broken if error.code in _AGAIN else Refused
            raise kind(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise Broken(_text(error)) from error
    headers, content_range = response.headers, response.headers.get("Content-Range")
    if response.status == 206 and _first(content_range) != start:
        part.unlink(missing_ok=True)
        raise Broken("the server continued at the wrong place")
    if response.status == 200:
        start = 0  # the server sends the whole file, whatever was asked for
    length = headers.get("Content-Length")
    total = _total(content_range) or (start + int(length) if length and length.isdigit() else 0)
    _remember(part, headers)
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        yield from _receive(stream, file, part.stem, start, total, size, control)


def _open(url: str, part: Path, start: int, timeout: float) -> http.client.HTTPResponse:
    headers = {"User-Agent": "tlstudio", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        validator = _validator(part)
        if validator:
            headers["If-Range"] = validator
    opener = urllib.request.build_opener()  # made now, so that it sees the proxies of now
    request = urllib.request.Request(url, headers=headers)
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout)
    return response


def _receive(
    stream: Stream, file: IO[bytes], name: str, start: int, total: int, size: int, control: Control
) -> Generator[Event, None, None]:
    done, began, told = start, time.monotonic(), 0.0
    while True:
        try:
            block = stream.block(control)
        except (OSError, http.client.HTTPException) as error:
            raise Broken(_text(error)) from error
        file.write(block)
        done += len(block)
        now = time.monotonic()
        if not block or now - told > 0.2:
            told = now
            whole, seconds = total or size, now - began
            eta = (whole - done) * seconds / (done - start) if whole >= done > start else -1.0
            yield Progress(done=done, total=whole, unit="bytes", text=f"Downloading {name}", eta=eta)
        if not block:
            break
    if total and done < total:
        raise Broken(f"the connection ended after {done} of {total} bytes")


def _pause(seconds: float, control: Control) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        control.raise_if_stopped()
        time.sleep(min(left, 0.05))


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remember(part: Path, headers: http.client.HTTPMessage) -> None:
    """Keeps what tells this version of the file from another; a weak ETag cannot."""
    etag = headers.get("ETag", "")
    value = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    write_json(_note(part), {"validator": value})


def _validator(part: Path) -> str:
    try:
        return str(json.loads(_note(part).read_text(encoding="utf-8"))["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _total(content_range: str | None) -> int:
    hit = re.search(r"/(\d+)$", content_range or "")
    return int(hit.group(1)) if hit else 0


def _first(content_range: str | None) -> int:
    hit = re.match(r"bytes (\d+)-", content_range or "")
    return int(hit.group(1)) if hit else -1


def _text(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, socket.gaierror):
        return "the server's name could not be found"
    return str(reason) or type(error).__name__
