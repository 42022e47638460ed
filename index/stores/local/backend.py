"""Stores in folders of this machine."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path

from konkyo.index.stores.address import without_scheme
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter, WriterOptions
from konkyo.index.stores.findings import Finding

__all__ = ["Folders"]


class Folders:
    """Implements ``konkyo.index.stores.backends.Backend``; heavy modules load when used."""

    def open_store(self, address: str | Path, limits: SearchLimits | None) -> Store:
        """Open a store for reading."""
        from konkyo.index.stores.local.reader import LocalStore

        return LocalStore(without_scheme(address), limits=limits)

    def open_writer(
        self, address: str | Path, options: WriterOptions
    ) -> AbstractContextManager[StoreWriter]:
        """Lock a store and start a transaction; whatever is not committed is undone."""
        from konkyo.index.stores.local.writer import open_writer

        return open_writer(without_scheme(address), options)

    def verify(self, address: str | Path) -> list[Finding]:
        """Check everything a store promises. Raises StoreMissing."""
        from konkyo.index.stores.local.checks import verify

        return verify(without_scheme(address))

    def size(self, address: str | Path) -> int:
        """Return the bytes of all files in the folder."""
        folder = without_scheme(address)
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def note(self, address: str | Path, name: str) -> str | None:
        """Return a text kept beside the articles; None: there is none. Raises StoreMissing."""
        from konkyo.index.stores.local.database import connect, current_database, translated_errors

        database = current_database(without_scheme(address))
        with contextlib.closing(connect(database)) as connection, translated_errors(database):
            row = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (f"note {name}",)
            ).fetchone()
        return None if row is None else str(row[0])

    def work_folder(self, address: str | Path) -> Path:
        """Return the store's own folder."""
        return without_scheme(address)

    def companion(self, address: str | Path) -> Path:
        """Return the store's own folder: what goes with it stands beside it."""
        return without_scheme(address)
