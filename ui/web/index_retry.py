"""Work on an index whose server may be away: done again until it is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from konkyo.index.errors import StoreUnreachable

__all__ = ["IndexRetry"]

T = TypeVar("T")

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 30.0

_log = logging.getLogger(__name__)


class IndexRetry:
    """Does work again while the server of the index is away; ``problem`` is why, else empty.

    ``found_away`` is called after each failure. ``pause`` waits some seconds, at first one, then
    twice as many each time, at most thirty, and returns whether to give up.
    """

    def __init__(self, found_away: Callable[[], object], pause: Callable[[float], bool]) -> None:
        self._found_away = found_away
        self._pause = pause
        self.problem = ""

    def until_done(self, work: Callable[[], T]) -> T:
        """Returns what work returns. Raises what it raises, StoreUnreachable once given up.

        ``problem`` stays until it is cleared, as there may be more work.
        """
        seconds = _FIRST_SECONDS
        while True:
            try:
                return work()
            except StoreUnreachable as exc:
                if not self.problem:
                    _log.warning("the index does not answer and is tried again: %s", exc)
                self.problem = str(exc)
                self._found_away()
                if self._pause(seconds):
                    raise
            seconds = min(2 * seconds, _LONGEST_SECONDS)
