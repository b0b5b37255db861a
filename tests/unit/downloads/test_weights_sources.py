"""Where published weights come from: a mirror, a proxy, torch hub's cache, a file put there by hand."""

import dataclasses
import hashlib
import json
import shutil
import socket
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tlstudio import hookimpl, paths, settings, weights
from tlstudio.api import BackboneDescriptor, UsageError, Weights, WeightsError
from tlstudio.api.events import Event
from tlstudio.control import Control
from tlstudio.registry import Registry
from tlstudio.weights import places
from tlstudio.weights.download import download, download_job
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


def with_weights(published: Weights) -> BackboneDescriptor:
    return dataclasses.replace(SQUEEZENET, weights=(published,))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_that_a_file_with_a_wrong_checksum_is_set_aside_and_replaced(publish: Publish, content: bytes) -> None:
    published = publish(content)
    target = places.target(published)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"damaged")
    assert run(download(published, Control(), QUICK))[0].read_bytes() == content
    assert target.with_name(target.name + ".damaged").read_bytes() == b"damaged"


def test_that_torch_hubs_copy_is_used_if_its_checksum_is_right(content: bytes, tmp_path: Path) -> None:
    digest = hashlib.sha256(content).hexdigest()[:8]
    url = f"http://127.0.0.1:{closed_port()}/squeezenet1_1-{digest}.pth"
    descriptor = with_weights(dataclasses.replace(SQUEEZENET.weights[0], url=url, sha256=digest))
    hub = tmp_path / "torch" / "hub" / "checkpoints" / f"squeezenet1_1-{digest}.pth"
    hub.parent.mkdir(parents=True)
    hub.write_bytes(content[:-1] + b"?")
    assert weights.resolve(descriptor).path is None
    hub.write_bytes(content)
    assert weights.resolve(descriptor).path == hub


def test_that_a_proxy_is_used_unless_the_host_is_excepted(
    proxy: Any, publish: Publish, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(content)
    monkeypatch.setenv("http_proxy", proxy.base)
    target, _ = run(download(published, Control(), QUICK))
    assert [path for path, _ in proxy.requests] == [published.url]
    shutil.rmtree(target.parent)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert run(download(published, Control(), QUICK))[0].read_bytes() == content
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("where", ["environment", "settings"])
def test_that_a_mirror_stands_in_for_the_host(
    server: Any, publish: Publish, content: bytes, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    published = publish(content)
    mirrored = dataclasses.replace(published, url=published.url.replace(server.base, "https://weights.invalid"))
    if where == "environment":
        monkeypatch.setenv("TLSTUDIO_MIRROR", f"{server.base}/torch/")
    else:
        settings.save(settings.Settings(mirror=f"{server.base}/torch"))
    assert run(download(mirrored, Control(), QUICK))[0].read_bytes() == content
    assert server.requests[0][0] == f"/torch/models/{places.file_name(published)}"
    monkeypatch.setenv("TLSTUDIO_MIRROR", "not an address")
    with pytest.raises(UsageError, match="mirror"):
        run(download(mirrored, Control(), QUICK))


def test_that_a_full_disk_is_said_before_anything_is_fetched(server: Any, publish: Publish, content: bytes) -> None:
    published = dataclasses.replace(publish(content), size_bytes=1 << 60)
    with pytest.raises(WeightsError, match=r"MB free, and .* MB are needed"):
        run(download(published, Control(), QUICK))
    assert server.requests == []


def test_that_other_kinds_of_address_are_refused() -> None:
    published = dataclasses.replace(SQUEEZENET.weights[0], url="file:///etc/passwd")
    with pytest.raises(WeightsError, match="only http and https"):
        run(download(published, Control(), QUICK))


def test_that_the_job_answers_with_the_path_and_the_listing_shows_it(publish: Publish, content: bytes) -> None:
    published = publish(content)

    class Plugin:
        @staticmethod
        @hookimpl
        def tlstudio_backbones() -> list[BackboneDescriptor]:
            return [with_weights(published)]

    Plugin.tlstudio_backbones = staticmethod(hookimpl(Plugin.tlstudio_backbones))
    registry = Registry()
    registry.register("own", Plugin)
    assert not weights.catalog(registry)[0]["weights"][0]["cached"]
    result, _ = run(download_job(Control(), "squeezenet1_1", registry=registry))
    assert result["weights"] == "IMAGENET1K_V1"
    assert Path(result["path"]).read_bytes() == content
    assert result["sha256"] == hashlib.sha256(content).hexdigest()
    json.dumps(result)
    (entry,) = weights.catalog(registry)
    assert entry["weights"][0]["cached"]
    json.dumps(entry)
    with pytest.raises(UsageError, match="no download"):
        run(download_job(Control(), "squeezenet1_1", "none", registry=registry))


def test_that_without_a_network_the_sentence_says_which_file_to_put_where(content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()[:8]
    url = f"http://127.0.0.1:{closed_port()}/models/squeezenet1_1-{digest}.pth"
    published = dataclasses.replace(SQUEEZENET.weights[0], url=url, sha256=digest)
    descriptor = with_weights(published)
    with pytest.raises(WeightsError) as caught:
        run(download(published, Control(), QUICK))
    folder = paths.cache_dir() / "weights"
    for word in (url, f"squeezenet1_1-{digest}.pth", str(folder)):
        assert word in str(caught.value)

    (folder / places.file_name(published)).write_bytes(b"not that file")
    assert weights.resolve(descriptor).path is None
    (folder / places.file_name(published)).write_bytes(content)
    ready, _ = run(weights.ensure(descriptor, weights.resolve(descriptor), Control()))
    assert ready.path == folder / places.file_name(published)
    weights.load_into(descriptor.load()(), descriptor, ready)
