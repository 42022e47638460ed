"""Documents read by other processes of this machine, within limits, in the order asked for.

A document that takes longer or more memory than it may, or ends its process, is one failure; the
process is replaced and the build goes on. One process or many, the mechanism is the same. On Linux
time counts while a process works, not while it waits for a processor that has other work.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from konkyo.index.errors import SourceError, WorkersLost
from konkyo.index.ingest.preparation import DocumentTask, Reading, unchanged
from konkyo.index.ingest.sources import Fetcher, RawDocument, SourceFailure
from konkyo.index.ingest.worker import (
    OUT_OF_MEMORY,
    PATIENCE,
    Call,
    Done,
    Request,
    is_busy,
    processor_seconds,
)
from konkyo.index.settings import ChunkSettings, ReadingSettings

if TYPE_CHECKING:
    from konkyo.index.builder import BuildEncoder

__all__ = ["ProcessReader"]

_AHEAD = 8
"""Documents asked for at once, a process; what is read is held until its turn comes."""

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from konkyo.index.ingest.worker import serve; serve()"
)
_START = 300.0
_END_SECONDS = 10.0
TokenCounter = Callable[[Sequence[str]], list[int]]


class ProcessReader:
    """A ``konkyo.index.ingest.preparation.Reader``; processes start with the first documents.

    ``load`` loads the encoder whose tokens are counted, in each process; without it ``count``
    counts them here. Close the reader when done. Raises WorkersLost when a process cannot start.
    """

    def __init__(
        self,
        workers: int,
        load: Callable[[], BuildEncoder] | None,
        chunks: ChunkSettings,
        fetch: Fetcher | None = None,
        *,
        count: TokenCounter | None = None,
        limits: ReadingSettings | None = None,
    ) -> None:
        self._workers = workers
        self._load = load
        self._chunks = chunks
        self._fetch = fetch
        self._count = count
        self._limits = limits or ReadingSettings()
        # Politeness towards web servers is kept by one thread at a time.
        self._fetching = threading.Lock()
        self._threads = ThreadPoolExecutor(workers, "documents")
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._running: set[_Process] = set()

    def __call__(self, tasks: Iterator[DocumentTask]) -> Iterator[Reading]:
        """Return one reading for each task, in order."""
        under_way: deque[Future[Reading]] = deque()
        for task in tasks:
            under_way.append(self._threads.submit(self._read, task))
            if len(under_way) >= _AHEAD * self._workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def __enter__(self) -> ProcessReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        for process in list(self._running):
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            process = self._idle.get()
            if self._load is None:
                _keep(process)
            else:
                process.kill()

    def _read(self, task: DocumentTask) -> Reading:
        if not task.listing.portable:
            try:
                with self._fetching:
                    raw = task.listing.read(task.validators)
            except SourceError as exc:
                return Reading(task.listing.source, failure=SourceFailure(exc.source, exc.reason))
            if raw.unchanged:
                return unchanged(task, raw)
            held = replace(task.listing, _read=partial(_held, raw), _if_changed=None, portable=True)
            task = replace(task, listing=held)
        request = Request(task, self._chunks, self._limits, self._fetch is not None)
        process = self._process()
        self._running.add(process)
        try:
            done = process.read(request, self._called)
        finally:
            self._running.discard(process)
        if isinstance(done, str):
            source = task.listing.source
            return Reading(source, failure=SourceFailure(source, done))
        if done.last:
            process.kill()
        else:
            self._idle.put(process)
        return done.reading

    def _process(self) -> _Process:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        kept = _kept() if self._load is None else None
        return kept or _Process(self._load)

    def _called(self, call: Call) -> object:
        if call.kind == "count":
            assert self._count is not None
            return self._count(call.values)
        assert self._fetch is not None
        try:
            with self._fetching:
                return self._fetch(call.values[0])
        except SourceError as exc:
            return exc.source, exc.reason


def _held(raw: RawDocument) -> RawDocument:
    return raw


class _Process:
    """One process that reads documents."""

    def __init__(self, load: Callable[[], BuildEncoder] | None) -> None:
        ours, theirs = socket.socketpair()
        self.circumstances = _circumstances()
        with theirs, _interrupts_held():
            # Not forked: this process runs threads, whose locks a fork would copy as they stand.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, json.dumps(sys.path)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
            )
        self._channel = Connection(ours.detach())
        self._ready = False
        self._send(load)

    def read(self, request: Request, called: Callable[[Call], object]) -> Done | str:
        """Have a document read; a text says why nothing came of it and this process is gone."""
        self._begin()
        self._send(request)
        left = request.limits.seconds
        last = time.monotonic() + left * PATIENCE
        worked = processor_seconds(self._child.pid)
        while True:
            started = time.monotonic()
            try:
                if not self._channel.poll(max(0.0, left)):
                    left = self._owed(request.limits, worked)
                    if left > 0 and time.monotonic() < last:
                        continue
                    self.kill()
                    return (
                        f"reading it takes longer than {request.limits.seconds:g} seconds; split"
                        " it, or raise reading.seconds"
                    )
                got = self._channel.recv()
            except (EOFError, ConnectionError):
                return self._why_gone(request.limits)
            left -= time.monotonic() - started
            if isinstance(got, Done):
                return got
            self._send(called(got))

    def _owed(self, limits: ReadingSettings, worked: float | None) -> float:
        """Return the seconds a process may go on that had to wait for the processor or a disk."""
        now = processor_seconds(self._child.pid)
        if worked is None or now is None or not is_busy(self._child.pid):
            return 0.0
        return limits.seconds - (now - worked)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._child.kill()
        self._child.wait()

    def _begin(self) -> None:
        if self._ready:
            return
        try:
            if self._channel.poll(_START):
                self._channel.recv()
                self._ready = True
                return
        except (EOFError, ConnectionError):
            pass
        self.kill()
        raise WorkersLost(
            "a process that reads documents could not start or was killed, perhaps for want of"
            " memory; the index is as it was: run it again, with fewer --workers"
        )

    def _send(self, value: object) -> None:
        try:
            self._channel.send(value)
        except ConnectionError:
            # It is gone; the next look at what it sends says so.
            return

    def _why_gone(self, limits: ReadingSettings) -> str:
        try:
            code = self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._child.returncode
        if code == OUT_OF_MEMORY:
            return (
                f"reading it takes more than {limits.memory} MB; split it, or raise reading.memory"
            )
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"reading it ended the process that read it ({name}); it may be damaged"


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Have what is started here never receive SIGINT: Ctrl-C goes to every process of a terminal.

    A process inherits the mask of the thread that starts it; this one's is put back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# A process costs most of a second to start. One that has no encoder of its own serves the next
# build as well; it ends with this process, however that ends: its end of the socket is then closed.
_spare: list[_Process] = []
_spare_lock = threading.Lock()


@atexit.register
def _end_spare() -> None:
    while _spare:
        _spare.pop().kill()


def _keep(process: _Process) -> None:
    with _spare_lock:
        if not _spare:
            _spare.append(process)
            return
    process.kill()


def _kept() -> _Process | None:
    with _spare_lock:
        process = _spare.pop() if _spare else None
    if process is not None and process.circumstances != _circumstances():
        process.kill()
        return None
    return process


def _circumstances() -> tuple[object, ...]:
    """What a process takes over when it starts, and may have changed here since."""
    return Path.cwd(), dict(os.environ), list(sys.path)
