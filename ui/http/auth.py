"""Who may do what, and how often: roles, passwords, keys, rate and concurrency."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from konkyo.index.errors import KonkyoError, UsageError

if TYPE_CHECKING:
    from limits.storage import Storage

__all__ = [
    "EDITOR",
    "READER",
    "Access",
    "Denied",
    "KeysFile",
    "Limiter",
    "MemoryPlaces",
    "Places",
    "Role",
    "TooMany",
    "read_keys",
]

Role = Literal["reader", "editor"]

READER = "konkyo"
"""The user name readers sign in with."""
EDITOR = "editor"
"""The user name editors sign in with."""

_log = logging.getLogger(__name__)

_KEY_LENGTH = 16


class Denied(KonkyoError):
    """The caller may not do this; ``known`` says whether it is known who they are."""

    def __init__(self, message: str, *, known: bool) -> None:
        super().__init__(message)
        self.known = known


class TooMany(KonkyoError):
    """A limit is reached; ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def read_keys(file: Path) -> dict[str, Role]:
    """The API keys of a file, one ``reader KEY`` or ``editor KEY`` a line, as digests with roles.

    Raises UsageError that names file and line.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as exc:
        raise UsageError(f"{file}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{file}: not UTF-8; save it as UTF-8") from exc
    keys: dict[str, Role] = {}
    for number, line in enumerate(lines, 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        role = next((r for r in get_args(Role) if r == words[0]), None)
        if len(words) != 2 or role is None:
            raise UsageError(f"{file}:{number}: expected `reader KEY` or `editor KEY`")
        if len(words[1]) < _KEY_LENGTH:
            raise UsageError(
                f"{file}:{number}: a key needs at least {_KEY_LENGTH} characters; make one with"
                " `python3 -c 'import secrets; print(secrets.token_urlsafe(24))'`"
            )
        keys[_digest(words[1])] = role
    if not keys:
        raise UsageError(f"{file}: holds no key; write `reader KEY` or `editor KEY`, one a line")
    return keys


class KeysFile(Mapping[str, Role]):
    """The keys of a file as it is now: a key that is added or taken out counts from the next call.

    A file that is gone or wrong leaves the keys as they were and is named in the log. Raises
    UsageError when it is so from the beginning. Safe to share by threads.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = (self._stamp(), read_keys(file))

    def __getitem__(self, digest: str) -> Role:
        return self._keys()[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def _keys(self) -> dict[str, Role]:
        stamp = self._stamp()
        if stamp != self._read[0]:
            try:
                self._read = (stamp, read_keys(self._file))
                _log.warning("%s: the keys were read again", self._file)
            except UsageError as exc:
                self._read = (stamp, self._read[1])
                _log.error("the keys stay as they were: %s", exc)
        return self._read[1]

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._file.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True, slots=True)
class Access:
    """The passwords of the page and the keys of the HTTP interface (by digest).

    Without any, whoever reaches the server may do everything, which is why it then listens on
    this machine alone. With any, the HTTP interface asks for a key; the page asks for a password
    if there is one. ``user_header`` is where a proxy that signs people in (OpenID Connect, say)
    names them, instead of passwords; ``editors`` are those of them who are more than readers.
    ``own_header``: this server sets that header itself, and nobody else can.
    """

    reader_password: str | None = None
    editor_password: str | None = None
    keys: Mapping[str, Role] = field(default_factory=dict)
    user_header: str = ""
    editors: frozenset[str] = frozenset()
    own_header: bool = False

    @property
    def page_locked(self) -> bool:
        """Whether the page asks who somebody is."""
        passwords = self.reader_password is not None or self.editor_password is not None
        return passwords or bool(self.user_header)

    @property
    def locked(self) -> bool:
        """Whether anything is asked for at all."""
        return self.page_locked or bool(self.keys)

    def enter(self, user: str, password: str) -> bool:
        """Whether a user name and a password open the page; takes equally long for any."""
        wanted = {READER: self.reader_password, EDITOR: self.editor_password}.get(user)
        right = hmac.compare_digest(_digest(password), _digest(wanted or ""))
        return right and wanted is not None

    def role_of_user(self, user: str | None) -> Role:
        """What somebody who is signed in on the page may do."""
        if self.user_header:
            return "editor" if user in self.editors else "reader"
        return "editor" if not self.page_locked or user == EDITOR else "reader"

    def role_of_header(self, authorization: str | None) -> tuple[Role, str]:
        """The role, and a short name of the caller, for an ``Authorization`` header.

        Raises Denied without a key that is known.
        """
        if not self.locked:
            return "editor", ""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            advice = "" if self.keys else "; none is set: start with --keys-file FILE"
            raise Denied(f"a key is needed: Authorization: Bearer KEY{advice}", known=False)
        digest = _digest(key.strip())
        for known, role in list(self.keys.items()):
            if hmac.compare_digest(known, digest):
                return role, digest[:8]
        raise Denied("this key is not known here", known=False)


class Places(Protocol):
    """Who holds how many places for requests that are being answered."""

    def take(self, caller: str, most: int) -> str | None:
        """Hold a place and return its name; None where the caller holds ``most``."""

    def give_back(self, place: str) -> None:
        """Free a place."""


class MemoryPlaces:
    """Places of this process. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()

    def held(self) -> dict[str, int]:
        """How many places each caller holds."""
        with self._lock:
            return dict(self._busy)

    def take(self, caller: str, most: int) -> str | None:
        """Hold a place and return its name; None where the caller holds ``most``."""
        with self._lock:
            if self._busy[caller] >= most:
                return None
            self._busy[caller] += 1
            return caller

    def give_back(self, place: str) -> None:
        """Free a place."""
        with self._lock:
            self._busy[place] -= 1
            if not self._busy[place]:
                del self._busy[place]


class Limiter:
    """Lets each caller do ``rate`` things a minute and ``concurrent`` at once; 0 means no limit.

    ``what`` names the things in messages. Counts of a minute are in ``storage`` and requests under
    way in ``places``, by which several servers may share them; without, in this process.
    """

    def __init__(
        self,
        rate: int,
        concurrent: int = 0,
        storage: Storage | None = None,
        what: str = "questions",
        places: Places | None = None,
    ) -> None:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage

        self._what = what
        self._rate = rate
        self._minute = RateLimitItemPerMinute(max(rate, 1), namespace=what)
        self._storage = storage or MemoryStorage()
        self._concurrent = concurrent
        self._places = places or MemoryPlaces()

    def take(self, caller: str) -> None:
        """Count one request. Raises TooMany; StoreError where a shared storage cannot be had."""
        if not self._rate or self._add(caller, 1) <= self._rate:
            return
        left = self._storage.get_expiry(self._minute.key_for(caller)) - time.time()
        wait = min(60, max(1, math.ceil(left)))
        raise TooMany(
            f"too many {self._what}: at most {self._rate} a minute; try again in {wait} s", wait
        )

    def give_back(self, caller: str) -> None:
        """Take back the count of one request."""
        if self._rate:
            self._add(caller, -1)

    def _add(self, caller: str, amount: int) -> int:
        return self._storage.incr(self._minute.key_for(caller), 60, amount)

    @contextlib.contextmanager
    def slot(self, caller: str) -> Iterator[None]:
        """Count one request and hold a place while it is answered.

        Raises TooMany; StoreError where a shared storage cannot be had.
        """
        self.take(caller)
        if not self._concurrent:
            yield
            return
        place = self._places.take(caller, self._concurrent)
        if place is None:
            raise TooMany(
                f"at most {self._concurrent} {self._what} at once; wait for an answer first", 1
            )
        try:
            yield
        finally:
            self._places.give_back(place)
