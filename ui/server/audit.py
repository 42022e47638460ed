"""What editors do: when, who, what and of what.

Kept as lines of JSON beside the index, in two files at most: what no longer fits goes to the
second, and what was in that is gone. Servers that share an index keep it in its database. Every
entry is also a line of the server's log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from konkyo.index.errors import KonkyoError
from konkyo.index.stores.open import companion
from konkyo.ui.server.session_store import SessionStore, session_store_of

__all__ = [
    "AuditLog",
    "Entry",
    "audit_file",
    "audit_log_of",
    "entries_of",
    "read_entries",
    "recorded",
]

_MOST_BYTES = 4_000_000
_MOST_ENTRIES = 20_000
_OBJECTS = 20
_LETTERS = 300

_log = logging.getLogger(__name__)


def audit_file(store: str) -> Path:
    """Where the entries on an index are kept on this machine."""
    return companion(store, "-audit.jsonl")


def audit_log_of(store: str) -> AuditLog:
    """The log of an index: in its database where several servers may share that, else a file."""
    return AuditLog(audit_file(store), table=session_store_of(store))


def entries_of(store: str) -> list[Entry]:
    """All entries on an index, oldest first. Raises StoreError."""
    table = session_store_of(store)
    shared = [] if table is None else [_entry(row) for row in table.entries()]
    return sorted([*read_entries(audit_file(store)), *shared], key=lambda entry: entry.at)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing an editor did; ``at`` is an ISO time (UTC).

    ``who`` is a user name of the page or the beginning of a key's digest; ``objects`` are the
    first sources or sets it was done to; ``refused`` says why it was not done.
    """

    at: str
    who: str
    action: str
    objects: tuple[str, ...]
    refused: str = ""


class AuditLog:
    """Keeps entries in a table, or where there is none or it fails in a file. Safe to share."""

    def __init__(
        self, file: Path, most_bytes: int = _MOST_BYTES, table: SessionStore | None = None
    ) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._table = table
        self._lock = threading.Lock()

    def add(self, who: str, action: str, objects: Sequence[str] = (), refused: str = "") -> None:
        """Keep one entry; where the file cannot be written, the server's log has it."""
        named = tuple(name[:_LETTERS] for name in objects[:_OBJECTS])
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = asdict(Entry(now, who[:_LETTERS], action, named, refused[:_LETTERS]))
        line = json.dumps(entry, ensure_ascii=True)
        _log.info("audit: %s", line)
        if self._table is not None:
            try:
                self._table.keep_entry(entry, _MOST_ENTRIES)
                return
            except KonkyoError as exc:
                _log.error("the audit log is kept in a file for now: %s", exc)
        with self._lock:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                if self._file.exists() and self._file.stat().st_size > self._most_bytes:
                    self._file.replace(_older(self._file))
                with self._file.open("a", encoding="utf-8") as out:
                    out.write(line + "\n")
            except OSError as exc:
                _log.error("%s: the audit log cannot be written: %s", self._file, exc)


@contextlib.contextmanager
def recorded(
    log: AuditLog | None, who: str, action: str, objects: Sequence[str] = ()
) -> Iterator[None]:
    """Keep an entry of what is done inside, also where it is refused."""
    refused = ""
    try:
        yield
    except KonkyoError as exc:
        refused = str(exc)
        raise
    finally:
        if log is not None:
            log.add(who, action, objects, refused)


def read_entries(file: Path) -> Iterator[Entry]:
    """Yield the entries, oldest first; lines that a crash cut short are left out."""
    for path in (_older(file), file):
        try:
            lines = path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            yield _entry(row)


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(row["at"], row["who"], row["action"], tuple(row["objects"]), row["refused"])


def _older(file: Path) -> Path:
    return file.with_name(file.name + ".1")
