"""Stores on servers: PostgreSQL, with vectors there or in Milvus."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.errors import StoreMissing
from konkyo.index.stores.address import beside
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter, WriterOptions
from konkyo.index.stores.findings import Finding
from konkyo.index.stores.postgres.database import in_force, value
from konkyo.index.stores.postgres.engines import connected

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Servers"]


class Servers:
    """Implements ``konkyo.index.stores.backends.Backend``; heavy modules load when used."""

    def open_store(self, address: str | Path, limits: SearchLimits | None) -> Store:
        """Open a store for reading."""
        from konkyo.index.stores.postgres.reader import SqlStore

        return SqlStore(str(address), limits=limits)

    def open_writer(
        self, address: str | Path, options: WriterOptions
    ) -> AbstractContextManager[StoreWriter]:
        """Lock a store and start a transaction; whatever is not committed is undone."""
        from konkyo.index.stores.postgres.writer import open_writer

        return open_writer(str(address), options)

    def verify(self, address: str | Path) -> list[Finding]:
        """Check everything a store promises. Raises StoreMissing, StoreUnreachable."""
        from konkyo.index.stores.postgres.checks import verify

        return verify(str(address))

    def size(self, address: str | Path) -> int:
        """Return the bytes of the tables, those of the store before this one included."""
        with connected(str(address)) as (database, _):
            current = database.read(lambda c: in_force(c, database.address.store))
            if current is None:
                raise StoreMissing(f"{database.shown}: no index here")
            names = [name for name in (current.schema, current.previous) if name]

            def work(connection: Connection) -> int:
                total = value(
                    connection,
                    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
                    " JOIN pg_namespace n ON n.oid = c.relnamespace"
                    " WHERE c.relkind IN ('r', 'S') AND n.nspname = ANY(:names)",
                    {"names": names},
                )
                return int(str(total))

            return database.read(work, current.schema)

    def note(self, address: str | Path, name: str) -> str | None:
        """Return a text kept beside the articles; None: there is none. Raises StoreMissing."""
        with connected(str(address)) as (database, _):
            current = database.read(lambda c: in_force(c, database.address.store))
            if current is None:
                raise StoreMissing(f"{database.shown}: no index here")
            statement = "SELECT (SELECT value FROM meta WHERE key = :key)"
            key = {"key": f"note {name}"}
            found = database.read(lambda c: value(c, statement, key), current.schema)
        return None if found is None else str(found)

    def work_folder(self, address: str | Path) -> Path:
        """Return a folder in the user's cache; it is made."""
        folder = beside(address, "cache")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def companion(self, address: str | Path) -> Path:
        """Return a path in the user's data folder."""
        return beside(address, "data")
