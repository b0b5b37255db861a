"""A real server and a real proxy on this machine, a real file of weights, and no proxy or cache of the user's."""

import dataclasses
import hashlib
import http.server
import io
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from tlstudio.api import Weights
from tlstudio_builtins.backbones import BACKBONES


class Files(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files`` with ranges and ETags, and misbehaves as ``server`` is told to."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        server, name = self.server, self.path.rpartition("/")[2]
        server.requests.append((self.path, dict(self.headers)))
        status = server.statuses.pop(0) if server.statuses else 0
        if status or name not in server.files:
            self.answer(status or 404, b"no")
            return
        data, start = server.files[name], 0
        etag = '"' + hashlib.md5(data).hexdigest() + '"'
        asked = self.headers.get("Range", "")
        if asked and server.ranges and self.headers.get("If-Range", etag) == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
        body, extra = data[start:], {"ETag": etag}
        if start:
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        limit = server.breaks.pop(0) if server.breaks else len(body)
        self.answer(206 if start else 200, body, extra, limit)

    def answer(self, status: int, body: bytes, extra: dict[str, str] | None = None, limit: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        sent = body[:limit]
        for begin in range(0, len(sent), 1 << 16):
            self.wfile.write(sent[begin : begin + (1 << 16)])
            time.sleep(self.server.pause)
        if len(sent) < len(body):
            self.wfile.flush()
            if self.server.stall:
                self.server.released.wait(20)
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, handler: type[Files]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.breaks: list[int] = []  # bytes after which each following connection is cut
        self.statuses: list[int] = []  # answers to give first
        self.ranges, self.stall, self.pause = True, False, 0.0
        self.released = threading.Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """A client that goes away in the middle is what is tested here."""


class Proxy(Files):
    """An HTTP proxy: fetches the absolute address it is asked for."""

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.path) as response:
            self.answer(200, response.read())


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "TLSTUDIO_MIRROR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def serving(handler: type[Files]) -> Iterator[Server]:
    with Server(handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join(60)


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving(Files)


@pytest.fixture
def proxy() -> Iterator[Server]:
    yield from serving(Proxy)


@pytest.fixture(scope="session")
def content() -> bytes:
    """A checkpoint of a SqueezeNet with random numbers, as torch.save writes it."""
    torch.manual_seed(3)
    buffer = io.BytesIO()
    torch.save(models.squeezenet1_1(weights=None).state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture
def publish(server: Server) -> Callable[..., Weights]:
    """Puts bytes on the server and returns the weights that say where they are and what their checksum is."""

    def put(data: bytes, suffix: str = "pth") -> Weights:
        digest = hashlib.sha256(data).hexdigest()[:8]
        name = f"squeezenet1_1-{digest}.{suffix}"
        server.files[name] = data
        squeezenet = next(descriptor for descriptor in BACKBONES if descriptor.id == "squeezenet1_1")
        url = f"{server.base}/models/{name}"
        return dataclasses.replace(squeezenet.weights[0], url=url, sha256=digest, size_bytes=len(data))

    return put
