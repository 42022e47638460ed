"""Whether the index can be read: asked in the background, the result kept for some seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from konkyo.index.errors import KonkyoError

__all__ = ["IndexCheck"]

_KEPT_SECONDS = 5.0
_WAIT_SECONDS = 3.0

_log = logging.getLogger(__name__)


class IndexCheck:
    """Asks whether the index can be read, one call at a time.

    ``ask`` reads the index: it raises KonkyoError where that fails, and may be silent for long.
    ``clock`` counts seconds.
    """

    def __init__(
        self, ask: Callable[[], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="konkyo-check")
        self._lock = threading.Lock()
        self._asked: Future[None] | None = None
        self._began = 0.0
        self._could_be_read = True

    def now(self) -> bool:
        """Ask, and wait at most three seconds; returns whether the index can be read."""
        try:
            self._start().result(_WAIT_SECONDS)
        except TimeoutError:
            _log.warning("the index does not answer: no answer yet")
            return False
        return self._could_be_read

    @property
    def readable(self) -> bool:
        """Whether the index could be read when it was last asked; this waits for nothing.

        It is asked again, in the background, where that was more than five seconds ago.
        """
        asked = self._asked
        if asked is None or (asked.done() and self._clock() - self._began >= _KEPT_SECONDS):
            asked = self._start()
        silent = not asked.done() and self._clock() - self._began >= _WAIT_SECONDS
        return self._could_be_read and not silent

    def _start(self) -> Future[None]:
        with self._lock:
            if self._asked is None or self._asked.done():
                self._began = self._clock()
                self._asked = self._asking.submit(self._read)
            return self._asked

    def _read(self) -> None:
        could = False
        try:
            self._ask()
            could = True
        except KonkyoError as exc:
            if self._could_be_read:
                _log.warning("the index does not answer: %s", exc)
        finally:
            self._could_be_read = could
