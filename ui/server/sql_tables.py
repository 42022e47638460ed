"""Runs the work of what a server keeps in tables: in SQLite beside an index, or in PostgreSQL.

One short connection a piece of work: an answer takes far longer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from konkyo.index.errors import StoreError, StoreUnreachable

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

__all__ = ["PostgresTables", "SqlTables", "SqliteTables"]

T = TypeVar("T")

_RETRY_SECONDS = 10.0
_BUSY_SECONDS = 10.0


class SqlTables(Protocol):
    """A database whose tables exist once some work runs in it."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction. Raises StoreError."""


class SqliteTables:
    """Tables in one file of this machine, which only its owner may read. Threads may share it."""

    def __init__(self, file: Path, tables: MetaData) -> None:
        from sqlalchemy import URL, create_engine, event
        from sqlalchemy.pool import NullPool

        self._file = file
        self._tables = tables
        self._made = False
        self._engine = create_engine(
            URL.create("sqlite", database=str(file)),
            poolclass=NullPool,
            connect_args={"timeout": _BUSY_SECONDS},
        )
        event.listen(self._engine, "connect", _configure)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction. Raises StoreError."""
        with self._translated_errors():
            if not self._made:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(mode=0o600)
                self._tables.create_all(self._engine)
                self._made = True
            with self._engine.begin() as connection:
                return work(connection)

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, OSError) as exc:
            said = str(getattr(exc, "orig", None) or exc)
            raise StoreError(f"{self._file}: cannot be read or written: {said}") from exc


def _configure(connection: Any, _: object) -> None:
    # What is deleted is overwritten, not only passed over.
    for setting in ("foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")


class PostgresTables:
    """Tables in the schema ``konkyo`` of an index's database. Threads may share it.

    ``before`` is run, in the same transaction, when the tables are first made by this process.
    Raises ExtraMissing, UsageError.
    """

    def __init__(
        self,
        address: str,
        tables: MetaData,
        before: Callable[[Connection], object] = lambda connection: None,
    ) -> None:
        from konkyo.index.stores.postgres.address import parse
        from konkyo.index.stores.postgres.database import Database

        parsed = parse(address)
        self._database = Database(parsed)
        self._tables = tables
        self._before = before
        self._made = False
        self.store = parsed.store
        """The name of the index within its database."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction; again, for up to 10 s, while a primary is being replaced.

        Raises StoreError.
        """
        import tenacity

        def once() -> T:
            with self._database.writing() as connection, self._database.translated_errors():
                if not self._made:
                    with connection.begin():
                        self._make(connection)
                    self._made = True
                with connection.begin():
                    return work(connection)

        return tenacity.Retrying(
            stop=tenacity.stop_after_delay(_RETRY_SECONDS),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2.0),
            retry=tenacity.retry_if_exception_type(StoreUnreachable),
            reraise=True,
        )(once)

    def _make(self, connection: Connection) -> None:
        from sqlalchemy import text
        from sqlalchemy.schema import CreateSchema

        # Several servers begin at once: one of them makes the tables.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('konkyo ledger'))"))
        missing = text(
            "SELECT count(*) FROM unnest(CAST(:names AS text[])) n WHERE to_regclass(n) IS NULL"
        )
        if not connection.execute(missing, {"names": list(self._tables.tables)}).scalar():
            # A role that may make nothing has no right to ask for it either.
            return
        connection.execute(CreateSchema("konkyo", if_not_exists=True))
        self._before(connection)
        self._tables.create_all(connection)
