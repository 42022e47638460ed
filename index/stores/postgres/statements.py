"""Statements on the connection that changes a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from konkyo.index.stores.postgres.database import Database, run
from konkyo.index.stores.postgres.vectors import VectorColumn

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Statements"]


class Statements:
    """Runs statements with named values; errors of the database become ours."""

    def __init__(self, database: Database, connection: Connection, column: VectorColumn) -> None:
        self.database = database
        self.connection = connection
        self._column = column

    def all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Run a statement and return its rows."""
        with self.database.translated_errors():
            return [tuple(row) for row in run(self.connection, sql, values)]

    def run(self, sql: str, **values: object) -> int:
        """Run a statement and return how many rows it changed."""
        with self.database.translated_errors():
            return run(self.connection, sql, values).rowcount

    def many(self, sql: str, rows: Sequence[dict[str, object]]) -> None:
        """Run a statement once for each of some values."""
        if rows:
            with self.database.translated_errors():
                run(self.connection, sql, rows)

    def count(self, sql: str) -> int:
        """Return the number that a statement gives."""
        return int(str(self.all(sql)[0][0]))

    def next(self, sequence: str, count: int) -> list[int]:
        """Return the next numbers of a sequence."""
        rows = self.all(
            f"SELECT nextval('{sequence}') FROM generate_series(1, :count)", count=count
        )
        return [int(str(row[0])) for row in rows]

    def copy(
        self, table: str, columns: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]
    ) -> None:
        """Copy rows into a table, in PostgreSQL's binary format."""
        with self.database.translated_errors():
            driver = self.connection.connection.driver_connection
            assert driver is not None
            for adapt in self._column.adapters:
                adapt(driver)
            with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
