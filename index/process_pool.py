"""Documents read by several processes of this machine, in the order they were asked for."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from konkyo.index.builder import BuildEncoder
from konkyo.index.errors import WorkersLost
from konkyo.index.ingest.preparation import Cut, Errand, Reading, cutter, reads_alone, run_errand
from konkyo.index.ingest.sources import Fetcher
from konkyo.index.records import Article
from konkyo.index.settings import ChunkSettings

__all__ = ["ProcessReader"]

_AHEAD = 8
"""Documents asked for at once, a process; what is read is held until its turn comes."""


class ProcessReader:
    """Satisfies ``konkyo.index.ingest.preparation.Reader``; processes start with the first documents.

    ``load`` loads the encoder whose tokens are counted; it is sent to each process. Close the
    reader when done. Raises WorkersLost when a process was killed.
    """

    def __init__(
        self,
        workers: int,
        load: Callable[[], BuildEncoder],
        chunks: ChunkSettings,
        fetch: Fetcher | None = None,
    ) -> None:
        self._workers = workers
        self._fetch = fetch
        # Not forked: this process runs threads, whose locks a fork would copy as they stand.
        self._pool = ProcessPoolExecutor(
            workers,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(load, chunks),
        )

    def __call__(self, errands: Iterator[Errand]) -> Iterator[Reading]:
        """One reading an errand, in order."""
        under_way: deque[Errand | Future[Reading]] = deque()
        for errand in errands:
            alone = reads_alone(errand, self._fetch)
            under_way.append(errand if alone else self._pool.submit(_read, errand))
            if len(under_way) >= _AHEAD * self._workers:
                yield self._settled(under_way.popleft())
        while under_way:
            yield self._settled(under_way.popleft())

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
        self._pool.shutdown(cancel_futures=True)

    def _settled(self, work: Errand | Future[Reading]) -> Reading:
        if isinstance(work, Errand):
            return run_errand(work, self._fetch)
        try:
            return work.result()
        except BrokenProcessPool as exc:
            raise WorkersLost(
                "a process that reads documents was killed, perhaps for want of memory; the index"
                " is as it was: run it again, with fewer --workers"
            ) from exc


_cut: Callable[[Article], Cut]


def _begin(load: Callable[[], BuildEncoder], chunks: ChunkSettings) -> None:
    global _cut
    # Ctrl-C goes to every process of the terminal; the one that builds ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _cut = cutter(load().count_tokens, chunks)


def _read(errand: Errand) -> Reading:
    return run_errand(errand, cut=_cut)
