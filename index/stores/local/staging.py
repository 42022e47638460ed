"""Vectors of a build under way, kept outside the database so that stopping loses nothing.

A build is one transaction, all or nothing; encoding is the slow part of it. Each batch of
vectors is put here first and found again by the next build, however the last one ended.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreDamaged, StoreFull
from konkyo.index.stores.local.database import translated_errors
from konkyo.index.stores.rows import blob_from_vector, chunks, unit, vector_rows

__all__ = ["Staging"]

_NAME = "staging.sqlite"


class Staging:
    """A table of vectors by encoder and by the hash of the text they were made of."""

    def __init__(self, folder: Path, encoder: str, dimension: int) -> None:
        self._path = folder / _NAME
        self._encoder = encoder
        self._dimension = dimension
        try:
            self._connection = self._open()
        except StoreDamaged:
            # Nothing but saved work is in it: begin anew.
            self._unlink()
            self._connection = self._open()
        except StoreFull:
            self._unlink()
            raise

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Vectors kept by an earlier build; what is missing or damaged is left out."""
        found: dict[bytes, Vectors] = {}
        with translated_errors(self._path):
            for some in chunks(keys):
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(
                    "SELECT rowid, vector, crc, key FROM vectors"
                    f" WHERE encoder = ? AND key IN ({marks})",
                    (self._encoder, *some),
                ).fetchall()
                for row in rows:
                    with contextlib.suppress(StoreDamaged):
                        block = vector_rows(self._path, [row[:3]], self._dimension)
                        found[bytes(row[3])] = unit(block)[0]
        return found

    def keep(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep vectors durably."""
        rows = [
            (self._encoder, key, *blob_from_vector(vector))
            for key, vector in zip(keys, vectors, strict=True)
        ]
        with translated_errors(self._path):
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        self._connection.close()

    def discard(self) -> None:
        """Remove all of it: the build is done."""
        self._connection.close()
        self._unlink()

    def _open(self) -> sqlite3.Connection:
        with translated_errors(self._path):
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (encoder TEXT NOT NULL, key BLOB NOT NULL,"
                    " vector BLOB NOT NULL, crc INTEGER NOT NULL, UNIQUE (encoder, key)) STRICT"
                )
                connection.execute("SELECT encoder, key, vector, crc FROM vectors LIMIT 1")
            except BaseException:
                connection.close()
                raise
        return connection

    def _unlink(self) -> None:
        for end in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
