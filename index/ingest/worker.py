"""A process that reads documents, one at a time, within limits of time and memory.

It is started by ``konkyo.index.process_pool`` and speaks to it over its standard input, a socket.
What only the process that started it may do (fetch politely, count tokens with the encoder it has
loaded) it asks for as a ``Call`` and waits; that time is not the document's.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from konkyo.index.errors import SourceError
from konkyo.index.ingest.preparation import DocumentTask, Reading, chunker, read_document
from konkyo.index.ingest.sources import Fetched
from konkyo.index.settings import ChunkSettings, ReadingSettings

__all__ = [
    "OUT_OF_MEMORY",
    "PATIENCE",
    "Call",
    "Done",
    "Request",
    "is_busy",
    "processor_seconds",
    "serve",
]

OUT_OF_MEMORY = 77
"""The exit code of a process that had not even the memory to say so."""

PATIENCE = 10
"""How many times its seconds a document may take where it waits for the processor."""

_GRACE = 5.0
_PARSERS = ("docx", "feedparser", "lxml.html", "pypdf", "trafilatura", "yaml")


@dataclass(frozen=True, slots=True)
class Request:
    """A document to read and how; ``fetch`` says whether addresses may be asked for."""

    task: DocumentTask
    chunks: ChunkSettings
    limits: ReadingSettings
    fetch: bool


@dataclass(frozen=True, slots=True)
class Call:
    """Something the other side is asked to do: fetch an address or count tokens of texts."""

    kind: Literal["fetch", "count"]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request; ``last`` says that this process has grown too large to go on."""

    reading: Reading
    last: bool


def serve() -> None:
    """Answer requests until the other side is gone."""
    channel = Connection(os.dup(0))
    try:
        load = channel.recv()
        count = load().count_tokens if load is not None else partial(_count, channel)
        for name in _PARSERS:
            __import__(name)
        channel.send(None)
        first = _data_size()
        while True:
            request = channel.recv()
            _limit(request.limits)
            reading = _answer(request, channel, count)
            signal.setitimer(signal.ITIMER_REAL, 0)
            grown = _data_size() - first > request.limits.memory * 2**20 // 2
            channel.send(Done(reading, grown))
            if grown:
                return
    except (EOFError, ConnectionError):
        return
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _answer(
    request: Request, channel: Connection, count: Callable[[Sequence[str]], list[int]]
) -> Reading:
    def fetch(url: str, validators: str = "") -> Fetched:
        got = _ask(channel, Call("fetch", (url,)), request.limits)
        if isinstance(got, Fetched):
            return got
        source, reason = got
        raise SourceError(source, reason)

    cut = chunker(count, request.chunks)
    return read_document(request.task, fetch if request.fetch else None, cut)


def _count(channel: Connection, texts: Sequence[str]) -> list[int]:
    channel.send(Call("count", tuple(texts)))
    counted: list[int] = channel.recv()
    return counted


def _ask(channel: Connection, call: Call, limits: ReadingSettings) -> Fetched | tuple[str, str]:
    signal.setitimer(signal.ITIMER_REAL, 0)
    channel.send(call)
    got: Fetched | tuple[str, str] = channel.recv()
    signal.setitimer(signal.ITIMER_REAL, limits.seconds * PATIENCE + _GRACE)
    return got


def _limit(limits: ReadingSettings) -> None:
    """Let the system refuse more memory than is allowed, and end what outlives its parent.

    Memory that is written to counts (RLIMIT_DATA), not addresses: libraries reserve many of those.
    """
    signal.setitimer(signal.ITIMER_REAL, limits.seconds * PATIENCE + _GRACE)
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = _data_size() + limits.memory * 2**20
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _data_size() -> int:
    """Bytes of memory this process may write to; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(process: int) -> float | None:
    """Return the processor time of a process, or None where the system does not tell."""
    fields = _status(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else None


def is_busy(process: int) -> bool:
    """Return whether a process runs, waits for the processor or for a disk; not for a signal."""
    fields = _status(process)
    return bool(fields) and fields[0] in ("R", "D")


def _status(process: int) -> list[str]:
    """Return what Linux tells of a process, from its state on; nothing on other systems."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
