"""One file over a real connection: breaks, resumption, checksums, stopping."""

import dataclasses
import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from tlstudio import paths, weights
from tlstudio.api import BackboneDescriptor, StoppedByUser, Weights, WeightsError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.control import Control
from tlstudio.weights import places
from tlstudio.weights.download import download
from tlstudio.weights.transfer import Policy
from tlstudio_builtins.backbones import BACKBONES

Publish = Callable[..., Weights]
QUICK = Policy(timeout=2.0, delays=(0.01, 0.02, 0.03))
SQUEEZENET = next(descriptor for descriptor in BACKBONES if descriptor.id == "squeezenet1_1")


def run(job: Generator[Event, None, Any]) -> tuple[Any, list[Event]]:
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            return end.value, events


def part(published: Weights) -> Path:
    target = places.target(published)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(target.name + ".part")


def with_weights(published: Weights) -> BackboneDescriptor:
    return dataclasses.replace(SQUEEZENET, weights=(published,))


def ranges(server: Any) -> list[str]:
    return [headers.get("Range", "") for _, headers in server.requests]


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_that_weights_are_downloaded_verified_and_loaded(
    server: Any, publish: Publish, content: bytes, suffix: str
) -> None:
    if suffix == "safetensors":
        content = save(torch.load(io.BytesIO(content), weights_only=True))
    descriptor = with_weights(publish(content, suffix))
    before = weights.resolve(descriptor)
    assert (before.path, before.cached, before.size_bytes) == (None, False, len(content))
    server.pause = 0.01
    ready, events = run(weights.ensure(descriptor, before, Control()))
    assert ready.path == paths.cache_dir() / "weights" / places.file_name(descriptor.weights[0])
    assert ready.path.read_bytes() == content
    assert ready.sha256 == hashlib.sha256(content).hexdigest()
    steps = [e for e in events if isinstance(e, Progress) and e.total]
    assert [e.done for e in steps] == sorted(e.done for e in steps)
    assert steps[-1].done == steps[-1].total == len(content)
    assert {e.unit for e in steps} == {"bytes"}
    assert any(e.eta > 0 for e in steps)
    leftovers = {p.suffix for p in ready.path.parent.iterdir() if p.is_file()}
    assert leftovers <= {f".{suffix}", ".lock"}
    weights.load_into(descriptor.load()(), descriptor, ready)
    server.requests.clear()
    assert run(weights.ensure(descriptor, weights.resolve(descriptor), Control()))[1] == []
    assert server.requests == []


def test_that_a_broken_connection_is_resumed_where_it_broke(server: Any, publish: Publish, content: bytes) -> None:
    published = publish(content)
    server.breaks = [1_000_000, 500_000, 0, 700_000]
    target, events = run(download(published, Control(), QUICK))
    assert target.read_bytes() == content
    starts = [int(r[6:-1]) if r else 0 for r in ranges(server)]
    assert starts == [0, 1_000_000, 1_500_000, 1_500_000, 2_200_000]
    assert all("If-Range" in headers for _, headers in server.requests[1:])
    assert len([e for e in events if isinstance(e, Message) and "broke" in e.text]) == 4


def test_that_a_server_without_ranges_is_asked_for_the_whole_file_again(
    server: Any, publish: Publish, content: bytes
) -> None:
    published = publish(content)
    server.ranges, server.breaks = False, [1_000_000]
    target, _ = run(download(published, Control(), QUICK))
    assert target.read_bytes() == content


def test_that_a_file_that_changed_on_the_server_is_not_mixed_with_the_old(publish: Publish, content: bytes) -> None:
    published = publish(content)
    part(published).write_bytes(b"x" * 1_000_000)
    part(published).with_name(part(published).name + ".json").write_text(json.dumps({"validator": '"old"'}))
    target, events = run(download(published, Control(), QUICK))
    assert target.read_bytes() == content
    assert not [e for e in events if isinstance(e, Message)]


def test_that_a_complete_part_needs_no_further_byte(server: Any, publish: Publish, content: bytes) -> None:
    published = publish(content)
    part(published).write_bytes(content)
    target, _ = run(download(published, Control(), QUICK))
    assert target.read_bytes() == content
    assert ranges(server) == [f"bytes={len(content)}-"]


def test_that_a_part_longer_than_the_file_is_thrown_away(publish: Publish, content: bytes) -> None:
    published = publish(content)
    part(published).write_bytes(content + b"more")
    assert run(download(published, Control(), QUICK))[0].read_bytes() == content


def test_that_a_stale_part_with_a_wrong_checksum_is_fetched_once_more(publish: Publish, content: bytes) -> None:
    published = publish(content)
    part(published).write_bytes(b"x" * 1000)
    target, events = run(download(published, Control(), QUICK))
    assert target.read_bytes() == content
    assert any(isinstance(e, Message) and "once more" in e.text for e in events)


def test_that_a_login_page_is_refused_after_the_second_attempt(server: Any, publish: Publish, content: bytes) -> None:
    published = publish(content)
    server.files[places.file_name(published)] = b"<html>Sign in</html>"
    with pytest.raises(WeightsError, match=f"not the file that was published.*{published.sha256}.*login page"):
        run(download(published, Control(), QUICK))
    assert len(server.requests) == 2
    assert not places.target(published).exists()
    assert not part(published).exists()


def test_that_a_busy_server_is_asked_again_and_a_missing_file_is_not(
    server: Any, publish: Publish, content: bytes
) -> None:
    published = publish(content)
    server.statuses = [503, 429, 500]
    assert run(download(published, Control(), QUICK))[0].read_bytes() == content
    missing = dataclasses.replace(published, url=published.url.replace("squeezenet1_1-", "gone-"))
    server.requests.clear()
    with pytest.raises(WeightsError, match="the server answered 404"):
        run(download(missing, Control(), QUICK))
    assert len(server.requests) == 1


def test_that_a_stalled_server_is_given_up_and_resumed(server: Any, publish: Publish, content: bytes) -> None:
    published = publish(content)
    server.breaks, server.stall = [300_000], True
    target, events = run(download(published, Control(), dataclasses.replace(QUICK, timeout=0.3)))
    assert target.read_bytes() == content
    assert ranges(server)[1] == "bytes=300000-"
    assert any(isinstance(e, Message) and "timed out" in e.text for e in events)


def test_that_a_stop_is_obeyed_at_once_and_keeps_what_arrived(server: Any, publish: Publish, content: bytes) -> None:
    published, control = publish(content), Control()
    server.breaks, server.stall = [1_000_000], True
    asked: list[float] = []

    def stop() -> None:
        asked.append(time.monotonic())
        control.request_stop()

    timer = threading.Timer(0.5, stop)
    timer.start()
    with pytest.raises(StoppedByUser):
        run(download(published, control, Policy(timeout=8.0)))
    assert time.monotonic() - asked[0] < 1.0
    assert part(published).stat().st_size == 1_000_000
    server.released.set()
    server.stall = False
    assert run(download(published, Control(), QUICK))[0].read_bytes() == content
    assert ranges(server)[-1] == "bytes=1000000-"


def test_that_two_downloads_of_one_file_at_once_fetch_it_once(server: Any, publish: Publish, content: bytes) -> None:
    published = publish(content)
    server.pause = 0.01
    results: list[Path] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(download(published, Control(), QUICK))[0])) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [path.read_bytes() for path in results] == [content, content]
    assert len(server.requests) == 1
