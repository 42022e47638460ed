"""The generation before the newest: kept in the tables, and brought back as a new generation."""

from __future__ import annotations

from konkyo.index.stores.postgres.passage_queue import PassageQueue, PassageRow
from konkyo.index.stores.postgres.schema import ARTICLE_COLUMNS
from konkyo.index.stores.postgres.statements import Statements
from konkyo.index.stores.postgres.vectors import VectorColumn
from konkyo.index.stores.rows import (
    article_from_row,
    as_bytes,
    chunks,
    passage_from_row,
    searched_text,
    stamps_of,
    vector_rows,
)

__all__ = ["STAMPS", "EarlierRows", "Restoration"]

_ROWS = 2_000
_EXCLUDED = "article_id, title, since, text_id"


STAMPS = "SELECT source, stamp FROM sources ORDER BY number"
"""The statement that gives every source and its stamp."""


class EarlierRows:
    """Remembers, before they change, the rows of tables that have no generations."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._sources: dict[str, str | None] | None = None
        self._excluded: list[tuple[object, ...]] | None = None

    def note_sources(self) -> None:
        """Remember the sources as they were before this transaction."""
        if self._sources is None:
            self._sources = stamps_of(self._statements.all(STAMPS))

    def note_exclusions(self) -> None:
        """Remember the articles removed by hand as they were before this transaction."""
        if self._excluded is None:
            self._excluded = self._statements.all(f"SELECT {_EXCLUDED} FROM excluded")

    def save(self) -> None:
        """Keep what this transaction changed, in place of what the one before changed."""
        now = stamps_of(self._statements.all(STAMPS))
        before = now if self._sources is None else self._sources
        changed = [
            (source, source in before, before.get(source))
            for source in before.keys() | now.keys()
            if source not in before or source not in now or before[source] != now[source]
        ]
        run, copy = self._statements.run, self._statements.copy
        run("DELETE FROM sources_before")
        copy("sources_before", "source, existed, stamp", ["text", "bool", "text"], changed)
        run("DELETE FROM excluded_before")
        if self._excluded is None:
            run(f"INSERT INTO excluded_before ({_EXCLUDED}) SELECT {_EXCLUDED} FROM excluded")
        else:
            copy("excluded_before", _EXCLUDED, ["text"] * 4, self._excluded)

    def restore(self) -> None:
        """Bring back what the last transaction changed."""
        self.note_sources()
        self.note_exclusions()
        for statement in (
            "DELETE FROM sources WHERE source IN"
            " (SELECT source FROM sources_before WHERE NOT existed)",
            "INSERT INTO sources (source, number, stamp) SELECT source,"
            " nextval('source_numbers'), stamp FROM sources_before WHERE existed"
            " ON CONFLICT (source) DO UPDATE SET stamp = EXCLUDED.stamp",
            "DELETE FROM excluded",
            f"INSERT INTO excluded ({_EXCLUDED}) SELECT {_EXCLUDED} FROM excluded_before",
        ):
            self._statements.run(statement)


class Restoration:
    """Brings rows back that died with the generation ``last``, as rows born with ``new``."""

    def __init__(
        self,
        statements: Statements,
        column: VectorColumn,
        queue: PassageQueue,
        *,
        schema: str,
        dimension: int,
        last: int,
        new: int,
    ) -> None:
        self._statements = statements
        self._shown = statements.database.shown
        self._column = column
        self._queue = queue
        self._schema = schema
        self._dimension = dimension
        self._last = last
        self._new = new

    def run(self) -> None:
        """Bring back articles, passages and places. Raises StoreDamaged."""
        rows = f"SELECT {ARTICLE_COLUMNS} FROM articles WHERE died = :last"
        for row in self._statements.all(rows, last=self._last):
            article_from_row(self._shown, row, ())
        self._again("articles")
        self._passages()
        self._statements.run(
            "UPDATE places SET died = :new WHERE born = :last AND died IS NULL",
            new=self._new,
            last=self._last,
        )
        self._again("places")

    def _again(self, table: str) -> None:
        """Have rows that died with the generation be born again with the new one."""
        names = [
            str(row[0])
            for row in self._statements.all(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema"
                " AND table_name = :table AND column_name NOT IN ('born', 'died')",
                schema=self._schema,
                table=table,
            )
        ]
        columns = ", ".join(f'"{name}"' for name in names)
        self._statements.run(
            f"INSERT INTO {table} ({columns}, born) SELECT {columns}, :new FROM {table}"
            " WHERE died = :last",
            new=self._new,
            last=self._last,
        )

    def _passages(self) -> None:
        """Put back passages under new numbers."""
        rows = self._statements.all(
            "SELECT id FROM passages WHERE died = :last ORDER BY id", last=self._last
        )
        for some in chunks([int(str(row[0])) for row in rows], _ROWS):
            self._some_passages(list(some))
            self._queue.finish()

    def _some_passages(self, ids: list[int]) -> None:
        columns = "passage_id, ordinal, start, stop, crc, language, published, outlet, key"
        rows = self._statements.all(
            f"SELECT p.article, {', '.join('p.' + name for name in columns.split(', '))},"
            f" {self._column.selected('p.vector')}, p.vector_crc, p.payload, p.payload_crc,"
            " a.article_id, a.title, a.text FROM passages p JOIN articles a"
            " ON a.number = p.article AND a.died = :last"
            " WHERE p.died = :last AND p.id = ANY(:ids) ORDER BY p.id",
            last=self._last,
            ids=ids,
        )
        numbers = self._statements.next("passage_numbers", len(rows))
        for number, row in zip(numbers, rows, strict=True):
            *facts, article_id, title, text = row
            article, passage_id, ordinal, start, stop, crc = facts[:6]
            span = (number, passage_id, article, ordinal, start, stop, crc)
            passage = passage_from_row(self._shown, span, str(text), str(article_id)).passage
            facts[9:11] = [as_bytes(facts[9]), self._column.from_bytes(as_bytes(facts[10]))]
            restored = PassageRow(number, *facts)  # type: ignore[arg-type]
            vector_rows(
                self._shown, [(number, restored.vector, restored.vector_crc)], self._dimension
            )
            self._queue.add(restored, self._new, searched_text(str(title), passage.text))
