"""Sources on object stores: a real S3 server, and fsspec's own memory."""

from __future__ import annotations

import gzip
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.errors import SourceError
from konkyo.index.ingest.object_store import find_objects, is_object_address, object_head
from konkyo.index.ingest.sources import Listing, SourceFailure, expand
from konkyo.index.stores.local.reader import LocalStore

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_s3 import s3_server
from fixtures_store import ToyEncoder, story

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory() -> Iterator[object]:
    system = fsspec.filesystem("memory")
    yield system
    for path in system.ls("/", detail=False):
        system.rm(path, recursive=True)


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    pytest.importorskip("s3fs", reason="the extra `objects` is not installed")
    pytest.importorskip("moto", reason="moto, the S3 server of this test, is not installed")
    with s3_server() as environment:
        yield dict(environment)


@pytest.fixture
def bucket(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    system = fsspec.filesystem("s3")
    name = f"bucket{abs(hash(request.node.name)) % 10**8}"
    system.mkdir(name)
    for number in range(12):
        system.pipe(f"{name}/news/{number:04d}.md", story(number).encode())
    yield f"s3://{name}"
    type(system).clear_instance_cache()


def put(address: str, content: bytes) -> None:
    fsspec.filesystem("s3").pipe(address, content)


def test_what_is_an_address_of_an_object_store() -> None:
    assert [
        is_object_address(source)
        for source in (
            "s3://a/b",
            "gs://a",
            "memory://x",
            "https://a/b",
            "file:///a",
            "a/b",
            "C:\\a",
        )
    ] == [True, True, True, False, False, False, False]


@pytest.mark.parametrize(
    "address",
    [
        "zip://a.md::http://127.0.0.1:{port}/x.zip",
        "s3://bucket/a::http://127.0.0.1:{port}/a.md",
        "memory://news/a::http://127.0.0.1:{port}/a.md",
        "simplecache::http://127.0.0.1:{port}/a.md",
        "filecache::s3://a/b",
        "blockcache://x::http://127.0.0.1:{port}/a.md",
        "webhdfs://127.0.0.1:{port}/a.md",
        "ftp://127.0.0.1:{port}/a.md",
        "sftp://127.0.0.1:{port}/a.md",
        "smb://127.0.0.1:{port}/share/a.md",
        "jupyter://127.0.0.1:{port}/a.md",
        "github://org:repo@main/a.md",
        "reference://x::http://127.0.0.1:{port}/a.json",
        "local:///etc/passwd",
        "zip://a.md::file:///etc/passwd",
        "tar://a.md::http://127.0.0.1:{port}/x.tar",
        "dir://x::http://127.0.0.1:{port}/",
        "http+zip://127.0.0.1:{port}/a.md",
    ],
)
def test_no_address_of_an_object_reaches_another_server(address: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.05)
        named = address.format(port=listening.getsockname()[1])
        (failure,) = expand([named])
        assert isinstance(failure, SourceFailure)
        for call in (find_objects, lambda a: object_head(a, 9)):
            with pytest.raises(SourceError, match="not the address of an object"):
                call(named)
        with pytest.raises(TimeoutError):
            listening.accept()


def test_the_name_of_an_object_is_no_chain(memory: object) -> None:
    """Whoever may write to a bucket names its objects."""
    memory.pipe("/news/b::http://127.0.0.1/x.md", b"# B")  # type: ignore[attr-defined]
    (found,) = expand(["memory://news"])
    assert isinstance(found, Listing)
    with pytest.raises(SourceError, match="not the address of an object"):
        found.read()


def test_a_prefix_a_pattern_and_one_object(memory: object) -> None:
    memory.pipe("/news/b.md", b"# B\n\nText.")  # type: ignore[attr-defined]
    memory.pipe("/news/a.md", b"# A\n\nText.")  # type: ignore[attr-defined]
    memory.pipe("/news/.hidden/c.md", b"# C\n\nText.")  # type: ignore[attr-defined]
    memory.pipe("/news/photo.jpg", b"...")  # type: ignore[attr-defined]
    memory.pipe("/news/map.xml", b"<map/>")  # type: ignore[attr-defined]
    names = {"memory:///news/a.md", "memory:///news/b.md"}
    found = list(expand(["memory://news"]))
    assert [f.source for f in found] == sorted(names)
    assert {f.source for f in expand(["memory://news/*.md"])} == names
    (one,) = expand(["memory://news/b.md"])
    assert isinstance(one, Listing)
    assert one.read().content == b"# B\n\nText."


def test_what_cannot_be_read_is_a_failure_with_the_reason(memory: object) -> None:
    memory.pipe("/news/photo.jpg", b"...")  # type: ignore[attr-defined]
    memory.pipe("/news/torn.md.gz", gzip.compress(bytes(range(256)) * 9)[:200])  # type: ignore[attr-defined]
    failures = list(expand(["memory://nothing", "memory://news/photo.jpg", "odd://a"]))
    assert [type(f) for f in failures] == [SourceFailure] * 3
    reasons = [f.reason for f in failures if isinstance(f, SourceFailure)]
    assert "no object is there" in reasons[0]
    assert "does not read files that end in '.jpg'" in reasons[1]
    assert "not the address of an object" in reasons[2]
    (torn,) = expand(["memory://news/torn.md.gz"])
    assert isinstance(torn, Listing)
    with pytest.raises(SourceError, match="damaged"):
        torn.read()


def test_a_bucket_is_indexed_and_only_what_changed_is_read_again(
    bucket: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    put(f"{bucket}/news/packed.md.gz", gzip.compress(story(40).encode()))
    first = build([f"{bucket}/news"], store, ToyEncoder())
    assert (first.added, first.failures) == (13, ())
    put(f"{bucket}/news/0003.md", story(3, version=2).encode())
    fsspec.filesystem("s3").rm(f"{bucket}/news/0004.md")
    encoder = ToyEncoder()
    second = build([f"{bucket}/news"], store, encoder)
    assert (second.changed, second.removed, second.unchanged) == (1, 1, 11)
    assert 0 < len(encoder.encoded) <= 2
    with LocalStore(store) as opened:
        assert {a.source for a in opened.articles()} == {o.address for o in find_objects(bucket)}


def test_a_bucket_that_cannot_be_reached_takes_nothing_away(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    build([f"{bucket}/news"], store, ToyEncoder())
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    report = build([f"{bucket}/news"], store, ToyEncoder())
    assert (report.unchanged, report.removed, len(report.failures)) == (12, 0, 1)
    assert report.failures[0].source == f"{bucket}/news"
    s3fs.S3FileSystem.clear_instance_cache()
