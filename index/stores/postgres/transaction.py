"""One change of a store on servers: a transaction that makes one new generation."""

from __future__ import annotations

from konkyo.index.errors import StoreError
from konkyo.index.stores.postgres.database import CONTROL, in_force
from konkyo.index.stores.postgres.passage_queue import PassageQueue
from konkyo.index.stores.postgres.row_writer import SqlRowWriter
from konkyo.index.stores.postgres.schema import SCHEMA, meta_of, migrate, set_meta
from konkyo.index.stores.postgres.undo import Restoration
from konkyo.index.stores.postgres.word_segments import WordSegments

__all__ = ["KEEP_SECONDS", "SqlWriter"]

KEEP_SECONDS = 3_600
"""How long generations can be read after they were superseded."""


class SqlWriter(SqlRowWriter):
    """One transaction on a store's schema; implements ``StoreWriter``."""

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """
        before = self._generation - 1
        if self._all("SELECT 1 FROM generations WHERE generation = :before", before=before):
            self._restore()
            return
        # This schema took over from another one, which is still there.
        with self._database.translated_errors():
            current = in_force(self._connection, self._database.address.store)
        if current is None or current.previous is None:
            raise StoreError(
                f"{self._shown}: there is no earlier generation to go back to; one is kept from"
                " the next change on"
            )
        with self._database.translated_errors():
            self._database.use(self._connection, current.previous, lasting=True)
            facts = meta_of(self._connection, self._database.shown, self._engine)
            self._dimension = int(facts["dimension"])
            migrate(self._connection, self._engine, current.previous, self._dimension)
            set_meta(self._connection, "schema", SCHEMA)
        self._schema = current.previous
        self._queue = PassageQueue(self._statements, self._engine, self._schema, self._dimension)
        self._position = int(facts["next_position"])
        self._new = self._generation + 1
        self._swap = True

    def _restore(self) -> None:
        """Let what came with the newest generation die, and what died with it be born again."""
        rows = self._all(
            "SELECT number FROM articles WHERE born = :last AND died IS NULL", last=self._generation
        )
        numbers = [int(str(row[0])) for row in rows]
        self._remember_articles(numbers)
        self._drop_articles(numbers)
        Restoration(
            self._statements,
            self._engine.column,
            self._queue,
            schema=self._schema,
            dimension=self._dimension,
            last=self._generation,
            new=self._new,
        ).run()
        self._earlier.restore()
        self._changed = True

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; return its number.

        Nothing changed: no new generation.
        """
        with self._database.translated_errors():
            self.drop_orphans()
            self._queue.finish()
            forgotten = self._make_generation() if self._changed or self._swap else []
            gone = self._take_over() if self._swap else []
            self._connection.commit()
            for outside in self._engine.external:
                if forgotten:
                    outside.forget(self._schema, forgotten)
                for schema in gone:
                    outside.drop(schema)
        if self._changed or self._swap:
            self._generation = self._new
        return self._generation

    def keep_up(self, *, compact: bool = False) -> None:
        """Join small segments of postings, and bring copies of vectors up to the database."""
        with self._database.translated_errors():
            self._connection.rollback()
            WordSegments(self._statements).join(compact=compact, keep_seconds=KEEP_SECONDS)
            self._connection.commit()
            for outside in self._engine.external:
                outside.catch_up(self._connection, self._schema, self._dimension)
            self._connection.commit()

    def vacuum(self) -> None:
        """Have the server reuse freed space and renew its statistics."""
        with self._database.translated_errors():
            self._connection.rollback()
            self._connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                for (table,) in self._all(
                    "SELECT tablename FROM pg_tables WHERE schemaname = :schema",
                    schema=self._schema,
                ):
                    self._run(f'VACUUM (ANALYZE) "{self._schema}"."{table}"')
            finally:
                self._connection.rollback()
                self._connection.execution_options(isolation_level="READ COMMITTED")

    # -- generations ----------------------------------------------------------------------

    def _make_generation(self) -> list[int]:
        """Write down the new generation; return the numbers of passages nobody may ask for."""
        count = self._statements.count("SELECT count(*) FROM passages WHERE died IS NULL")
        self._run(
            "INSERT INTO generations (generation, passages) VALUES (:new, :count)",
            new=self._new,
            count=count,
        )
        set_meta(self._connection, "generation", str(self._new))
        set_meta(self._connection, "next_position", str(self._position))
        if not self._swap:
            self._earlier.save()
        forgotten = self._prune()
        self._engine.settle(self._connection, self._schema, count)
        return forgotten

    def _prune(self) -> list[int]:
        """Remove what no reader may ask for any more; return the passages' numbers."""
        oldest = self._statements.count(
            "SELECT coalesce(max(generation), 0) FROM generations WHERE generation < "
            "(SELECT max(generation) FROM generations) AND committed"
            f" < now() - make_interval(secs => {KEEP_SECONDS})"
        )
        if not oldest:
            return []
        set_meta(self._connection, "readable_from", str(oldest))
        rows = self._all("DELETE FROM passages WHERE died <= :oldest RETURNING id", oldest=oldest)
        for table in ("articles", "places"):
            self._run(f"DELETE FROM {table} WHERE died <= :oldest", oldest=oldest)
        self._run(
            "DELETE FROM sketches s WHERE NOT EXISTS"
            " (SELECT 1 FROM articles a WHERE a.number = s.article)"
        )
        self._run("DELETE FROM generations WHERE generation < :oldest", oldest=oldest)
        return [int(str(row[0])) for row in rows]

    def _take_over(self) -> list[str]:
        """Put this schema in force, keep the one before, drop and return the one before that."""
        store = self._database.address.store
        current = in_force(self._connection, store)
        self._run(
            f"INSERT INTO {CONTROL}.stores (name, truth) VALUES (:name, :schema)"
            " ON CONFLICT (name) DO UPDATE SET truth = EXCLUDED.truth,"
            " previous = stores.truth, changed = now()",
            name=store,
            schema=self._schema,
        )
        gone = [current.previous] if current is not None and current.previous else []
        gone = [name for name in gone if name != self._schema]
        for name in gone:
            self._run(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
        return gone
