"""Counts of requests that several servers share, as a storage of the library ``limits``."""

from __future__ import annotations

import time

from limits.storage import Storage

from konkyo.index.errors import StoreError
from konkyo.ui.server.session_store import SessionStore

__all__ = ["SharedCounts"]


class SharedCounts(Storage):
    """Keeps counts in the database of an index, so that a limit holds over all its servers.

    Every method raises StoreError where the database does not answer.
    """

    STORAGE_SCHEME = None

    def __init__(self, session_store: SessionStore) -> None:
        super().__init__()
        self._session_store = session_store

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the database's failures are called."""
        return StoreError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count, which begins anew after ``expiry`` seconds; return what it is then."""
        return self._session_store.count(key, expiry, amount)

    def get(self, key: str) -> int:
        """A count; 0 where there is none or it is over."""
        return self._session_store.counted(key)[0]

    def get_expiry(self, key: str) -> float:
        """When a count begins anew, in seconds since 1970 by this machine's clock."""
        return time.time() + self._session_store.counted(key)[1]

    def check(self) -> bool:
        """Whether the database answers."""
        self._session_store.counted("")
        return True

    def reset(self) -> int:
        """Forget all counts; return how many there were."""
        return self._session_store.forget_counts()

    def clear(self, key: str) -> None:
        """Forget one count."""
        self._session_store.forget_counts(key)
