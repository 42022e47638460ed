"""A document that asks for too much time or memory costs one failure, and no more."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.ingest.preparation import DocumentTask
from konkyo.index.ingest.sources import Fetched, Listing, RawDocument, expand
from konkyo.index.process_pool import ProcessReader
from konkyo.index.settings import ChunkSettings, ReadingSettings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fixtures_store import ToyEncoder, write_stories

from benchmarks import fuzz_documents
from benchmarks.fuzz_process import Findings, run

MEDIA_TYPES = (
    *("text/plain", "text/markdown", "text/html", "application/jsonl", "application/json"),
    *("application/pdf", "application/epub+zip", "application/feed+xml", "text/csv"),
    "multipart/related",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)
LIMITS = ReadingSettings(seconds=20, memory=200)


def end_the_process() -> RawDocument:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def never_come_back() -> RawDocument:
    while True:
        signal.pause()


def take_all_memory() -> RawDocument:
    return RawDocument("hungry", "text/plain", b"a" * (1 << 40))


def news_with(tmp_path: Path, name: str, content: bytes) -> Path:
    news = write_stories(tmp_path / "news", 3)
    (news / name).write_bytes(content)
    return news


def packed(size: int) -> bytes:
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as out:
        for _ in range(size):
            out.write(b"a" * 2**20)
    return file.getvalue()


def large_docx() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w") as out,
    ):
        out.write(b"<w:document><w:body>")
        for _ in range(400):
            out.write(b"<w:p></w:p>" * 95_000)
    return file.getvalue()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_packed_file_that_fills_memory_is_one_failure(tmp_path: Path, workers: int) -> None:
    news = news_with(tmp_path, "0001-bomb.txt.gz", packed(400))
    with ProcessReader(workers, ToyEncoder, ChunkSettings(), limits=LIMITS) as reader:
        report = build([str(news)], tmp_path / "store", ToyEncoder(), reader=reader)
    (failure,) = report.failures
    assert report.added == 3
    assert failure.source.endswith("0001-bomb.txt.gz")
    assert "raise reading.memory" in failure.reason


def test_a_build_by_itself_has_the_limits_too(tmp_path: Path) -> None:
    news = news_with(tmp_path, "0001-bomb.txt.gz", packed(300))
    report = build([str(news)], tmp_path / "store", ToyEncoder(), limits=LIMITS)
    assert report.added == 3
    assert [f.source for f in report.failures] == [str(news / "0001-bomb.txt.gz")]


def test_what_ends_fills_or_holds_up_its_process_is_a_failure(tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 2)
    good = [found for found in expand([str(news)]) if isinstance(found, Listing)]
    bad = [
        Listing("crash", "text/plain", None, end_the_process),
        Listing("hang", "text/plain", None, never_come_back),
        Listing("hungry", "text/plain", None, take_all_memory),
    ]
    limits = ReadingSettings(seconds=3, memory=200)
    count = ToyEncoder().count_tokens
    with ProcessReader(1, None, ChunkSettings(), count=count, limits=limits) as reader:
        readings = list(reader(map(DocumentTask, [good[0], *bad, good[1]])))
    reasons = [r.failure.reason if r.failure else "" for r in readings]
    assert [r.source for r in readings] == [
        good[0].source,
        "crash",
        "hang",
        "hungry",
        good[1].source,
    ]
    assert reasons[0] == reasons[4] == ""
    assert "SIGSEGV" in reasons[1]
    assert "longer than 3 seconds" in reasons[2]
    assert "more memory than is allowed" in reasons[3]


def work_where_others_work() -> RawDocument:
    """Take 0.4 seconds of a processor that eight other processes want."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began = time.process_time()
    while time.process_time() - began < 0.4:
        pass
    return RawDocument("slow", "text/plain", b"The mayor opened the new bridge on Monday morning.")


@pytest.fixture
def busy_processor() -> Iterator[None]:
    """Eight processes that want the first processor."""
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(8)]
    finally:
        os.sched_setaffinity(0, ours)
    yield
    for process in busy:
        process.kill()
        process.wait(60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process waits for")
@pytest.mark.usefixtures("busy_processor")
def test_waiting_for_the_processor_is_not_the_time_of_a_document() -> None:
    listing = Listing("slow", "text/plain", None, work_where_others_work)
    limits = ReadingSettings(seconds=3, memory=200)
    count = ToyEncoder().count_tokens
    with ProcessReader(1, None, ChunkSettings(), count=count, limits=limits) as reader:
        (reading,) = reader(iter([DocumentTask(listing)]))
    assert reading.failure is None


def test_a_feed_s_teasers_are_fetched_by_the_process_that_builds(tmp_path: Path) -> None:
    asked: list[tuple[int, str]] = []
    words = "The mayor opened the new bridge over the river on Monday morning. " * 20

    def fetch(url: str) -> Fetched:
        asked.append((os.getpid(), url))
        return Fetched(url, "text/html", None, f"<html><p>{words}</p></html>".encode())

    feed = tmp_path / "feed.rss"
    feed.write_text(
        "<rss><channel><title>News</title><item><title>Bridge</title>"
        "<link>https://a.example/1</link><description>A "
        "bridge.</description></item></channel></rss>"
    )
    report = build([str(feed)], tmp_path / "store", ToyEncoder(), fetch=fetch)
    assert (report.added, report.failures) == (1, ())
    assert asked == [(os.getpid(), "https://a.example/1")]


HTML_BOMB = b"<p " + b" ".join(b"a%d=1" % n for n in range(100_000)) + b">" + b"Some words. " * 50


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0001-attributes.html", HTML_BOMB),
        ("0001-brackets.md", b"[" * 100_000),
        ("0001-brackets.json", b"[" * 100_000),
        ("0001-nested.html", b"<div>" * 100_000 + b"Some words. " * 50),
        ("0001-paragraphs.docx", large_docx()),
    ],
)
def test_a_bomb_costs_a_failure_at_most(tmp_path: Path, name: str, content: bytes) -> None:
    news = news_with(tmp_path, name, content)
    limits = ReadingSettings(seconds=5, memory=200)
    report = build([str(news)], tmp_path / "store", ToyEncoder(), limits=limits)
    assert report.added >= 3
    assert [f.source for f in report.failures] in ([], [str(news / name)])


def test_mutated_documents_are_read_or_refused() -> None:
    """The first of a million: ``benchmarks/fuzz_documents.py`` goes on from there."""
    corpus = fuzz_documents.seeds()
    assert {seed.media_type for seed in corpus} == set(MEDIA_TYPES)
    found = fuzz_documents.fuzz(480, say=lambda line: None).found
    assert (found.done, found.broken) == (480, {})
    assert found.read > found.refused > 0


def test_the_fuzzer_notices_a_crash_a_hang_and_memory_and_goes_on() -> None:
    """As it would have to: inputs that do it on purpose, between others that do not."""

    def one(number: int) -> str | None:
        if number == 3:
            raise RecursionError("deep")
        if number == 5:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == 7:
            while True:
                pass
        if number == 9:
            bytearray(400 * 2**20)
        return "refused" if number % 2 else None

    found = Findings()
    far = run(one, range(12), seconds=1, memory=100, until=float("inf"), found=found)
    assert (far, found.done, found.refused, found.read) == (12, 12, 2, 6)
    assert {number: reason.split(":")[0] for number, reason in found.broken.items()} == {
        3: "ended the process (1)",
        5: "ended the process (-11)",
        7: "takes longer than 1 s",
        9: "ended the process (1)",
    }
    assert "MemoryError" in found.broken[9]


def test_a_stopped_run_of_the_fuzzer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    fuzz_documents.fuzz(32, progress_file=file, say=lambda line: None)
    again = fuzz_documents.fuzz(48, progress_file=file, say=lambda line: None)
    assert (again.next, again.found.done) == (48, 48)


def test_an_input_follows_from_its_number() -> None:
    corpus = fuzz_documents.seeds()
    for number in range(len(corpus)):
        assert fuzz_documents.document(corpus, 1, number).media_type == corpus[number].media_type
    one, other = (fuzz_documents.document(corpus, 1, 0).content for _ in range(2))
    assert one == other
