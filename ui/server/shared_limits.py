"""What several servers count together: requests a minute, and those that are being answered.

The first is a storage of the library ``limits``, which knows nothing of the second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time

from limits.storage import Storage

from konkyo.index.errors import StoreError
from konkyo.ui.server.session_store import SessionStore

__all__ = ["SharedCounts", "SharedPlaces"]

_log = logging.getLogger(__name__)


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


class SharedPlaces:
    """Places for requests under way, in the database of an index. Threads may share it.

    A place is held for ``seconds`` and as often again as this server is there to say so: those of
    a server that was killed are free after that.
    """

    def __init__(self, session_store: SessionStore, seconds: float = 60.0) -> None:
        self._session_store = session_store
        self._seconds = seconds
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._renewing = False

    def take(self, caller: str, most: int) -> str | None:
        """Hold a place and return its name; None where the caller holds ``most``.

        Raises StoreError.
        """
        place = secrets.token_hex(16)
        if not self._session_store.take_place(caller, place, most, self._seconds):
            return None
        with self._lock:
            self._held.add(place)
            begin, self._renewing = not self._renewing, True
        if begin:
            threading.Thread(target=self._renew, name="places", daemon=True).start()
        return place

    def give_back(self, place: str) -> None:
        """Free a place; where the database does not answer, it gets free with time."""
        with self._lock:
            self._held.discard(place)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._free(place)
        else:
            # A caller has left, which the event loop notices: it must not wait for a database.
            threading.Thread(target=self._free, args=(place,), daemon=True).start()

    def _free(self, place: str) -> None:
        try:
            self._session_store.give_back_place(place)
        except StoreError as exc:
            _log.warning("a place is not given back at once: %s", exc)

    def _renew(self) -> None:
        """Hold the places of this server for longer, until there are none."""
        while True:
            time.sleep(self._seconds / 3)
            with self._lock:
                held = sorted(self._held)
                if not held:
                    self._renewing = False
                    return
            try:
                self._session_store.renew_places(held, self._seconds)
            except StoreError as exc:
                _log.warning("places cannot be held for longer: %s", exc)
