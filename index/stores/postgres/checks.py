"""Does a store on servers keep its promises? Every invariant and checksum, one finding each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from konkyo.index.errors import StoreDamaged, StoreMissing
from konkyo.index.records import article_id_for
from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.findings import Finding, PassageOrder, finding
from konkyo.index.stores.postgres.database import Database, in_force, run
from konkyo.index.stores.postgres.engines import connected
from konkyo.index.stores.postgres.postings import signed
from konkyo.index.stores.postgres.schema import article_columns, meta_of
from konkyo.index.stores.postgres.vectors import VectorEngine
from konkyo.index.stores.rows import (
    article_from_row,
    as_bytes,
    passage_from_row,
    row_crc,
    searched_text,
    vector_rows,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["verify"]

_REBUILD = "run `konkyo index build SOURCE... --rebuild` with all your sources"
_KEEP_UP = "run `konkyo index compact`: it brings Milvus up to the database"
_EPSILON = 2e-3
_BATCH = 2_000


def verify(address: str) -> list[Finding]:
    """Check everything. Raises StoreMissing when there is no store, StoreUnreachable."""
    with connected(address) as (database, engine):
        current = database.read(lambda c: in_force(c, database.address.store))
        if current is None:
            raise StoreMissing(f"{database.shown}: no index here")
        with database.writing() as connection, database.translated_errors():
            run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            database.use(connection, current.schema, lasting=True)
            return _Checks(database, connection, engine, current.schema).findings()


class _Checks:
    """All checks, in one snapshot."""

    def __init__(
        self, database: Database, connection: Connection, engine: VectorEngine, schema: str
    ) -> None:
        self._database = database
        self._shown = database.shown
        self._connection = connection
        self._engine = engine
        self._schema = schema

    def _facts(self) -> Iterator[str]:
        facts = meta_of(self._connection, self._shown, self._engine)
        yield from (f"its {key} is empty" for key, value in sorted(facts.items()) if not value)

    def findings(self) -> list[Finding]:
        """One finding a promise."""
        checks: list[tuple[str, Callable[[], Iterator[str]], str]] = [
            ("the index says what it was made with", self._facts, _REBUILD),
            ("references lead somewhere", self._references, _REBUILD),
            ("articles are what was written", self._articles, _REBUILD),
            ("passages are exact spans of their articles", self._passages, _REBUILD),
            ("every passage has one unit vector", self._vectors, _REBUILD),
            ("counts agree", self._counts, _REBUILD),
            ("every article has a source", self._places, _REBUILD),
            ("caches agree with the index (words)", self._words, _REBUILD),
            (f"caches agree with the index ({self._engine.name})", self._near, _KEEP_UP),
        ]
        return [finding(what, check, advice) for what, check, advice in checks]

    def _rows(self, sql: str, **values: object) -> Iterator[tuple[object, ...]]:
        for row in run(self._connection, sql, values).yield_per(_BATCH):
            yield tuple(row)

    def _references(self) -> Iterator[str]:
        for table, column in (("passages", "article"), ("places", "article")):
            for (number,) in self._rows(
                f"SELECT DISTINCT t.{column} FROM {table} t WHERE t.died IS NULL AND NOT EXISTS"
                f" (SELECT 1 FROM articles a WHERE a.number = t.{column} AND a.died IS NULL)"
            ):
                yield f"{table} name a missing article number {number}"
        for name, column, table in (
            ("article", "article_id", "articles"),
            ("passage", "passage_id", "passages"),
        ):
            for (value,) in self._rows(
                f"SELECT {column} FROM {table} WHERE died IS NULL GROUP BY {column}"
                " HAVING count(*) > 1"
            ):
                yield f"{name} {value} is there twice"
        for (source,) in self._rows(
            "SELECT DISTINCT source FROM places WHERE died IS NULL"
            " AND source NOT IN (SELECT source FROM sources)"
        ):
            yield f"source {source!r} is not listed"

    def _articles(self) -> Iterator[str]:
        columns = article_columns(meta_of(self._connection, self._shown, self._engine))
        for row in self._rows(f"SELECT {columns} FROM articles WHERE died IS NULL"):
            try:
                _, article = article_from_row(self._shown, row, ())
            except StoreDamaged as exc:
                yield str(exc)
                continue
            if article.article_id != article_id_for(article.title, article.text):
                yield f"article {article.article_id} does not have the identifier of its text"

    def _passages(self) -> Iterator[str]:
        order = PassageOrder()
        for *row, text, article_id in self._rows(
            "SELECT p.id, p.passage_id, p.article, p.ordinal, p.start, p.stop, p.crc, a.text,"
            " a.article_id FROM passages p JOIN articles a ON a.number = p.article"
            " AND a.died IS NULL WHERE p.died IS NULL ORDER BY p.article, p.ordinal"
        ):
            body = str(text)
            try:
                passage = passage_from_row(self._shown, row, body, str(article_id)).passage
            except StoreDamaged as exc:
                yield str(exc)
                continue
            yield from order.problems(int(str(row[2])), passage, body)
        for at, article_id, count in self._rows(
            "SELECT number, article_id, passages FROM articles WHERE died IS NULL"
        ):
            yield from order.missing(int(str(at)), str(article_id), int(str(count)))

    def _vectors(self) -> Iterator[str]:
        dimension = int(meta_of(self._connection, self._shown, self._engine)["dimension"])
        for number, blob, crc in self._rows(
            f"SELECT id, {self._engine.column.selected('vector')}, vector_crc FROM passages"
            " WHERE died IS NULL"
        ):
            plain = self._engine.column.from_bytes(as_bytes(blob))
            row = vector_rows(self._shown, [(int(str(number)), plain, int(str(crc)))], dimension)
            length = float(np.linalg.norm(row[0].astype(np.float32)))
            if abs(length - 1) > _EPSILON:
                yield f"the vector of passage number {number} has length {length:.4f}"

    def _counts(self) -> Iterator[str]:
        (count, said), *_ = self._rows(
            "SELECT (SELECT count(*) FROM passages WHERE died IS NULL),"
            " (SELECT passages FROM generations ORDER BY generation DESC LIMIT 1)"
        )
        if count != said:
            yield f"passages: {count}, but the index says {said}"
        for (number,) in self._rows(
            "SELECT passage FROM deletions JOIN passages ON id = passage AND died IS NULL"
        ):
            yield f"passage number {number} is there and said to be deleted"

    def _places(self) -> Iterator[str]:
        for (article_id,) in self._rows(
            "SELECT article_id FROM articles WHERE died IS NULL AND number NOT IN"
            " (SELECT article FROM places WHERE died IS NULL)"
        ):
            yield f"article {article_id} has no source"
        for article, source, found_as, position, crc in self._rows(
            "SELECT article, source, found_as, position, crc FROM places WHERE died IS NULL"
        ):
            if row_crc(*map(str, (article, source, found_as, position))) != crc:
                yield f"a place of article number {article} fails its checksum"
        for article_id, count, told_by, crc in self._rows(
            "SELECT article_id, passages, told_by, crc FROM articles WHERE died IS NULL"
        ):
            if row_crc(*map(str, (article_id, count, told_by))) != crc:
                yield f"article {article_id} fails its checksum"

    def _words(self) -> Iterator[str]:
        """Index the words of each segment's living passages again and compare."""
        texts = {
            int(str(number)): searched_text(str(title), str(text))
            for number, title, text in self._rows(
                "SELECT p.id, a.title, substr(a.text, p.start + 1, p.stop - p.start)"
                " FROM passages p JOIN articles a ON a.number = p.article AND a.died IS NULL"
                " WHERE p.died IS NULL"
            )
        }
        found = 0
        for number, low, offsets, lengths in list(
            self._rows("SELECT number, low, offsets, lengths FROM segments WHERE retired IS NULL")
        ):
            numbers = np.frombuffer(as_bytes(offsets), "<u4").astype(np.int64) + int(str(low))
            living = np.array([int(n) in texts for n in numbers], bool)
            found += int(living.sum())
            wanted = Postings.build([texts[int(n)] for n in numbers[living]])
            if not np.array_equal(wanted.lengths, np.frombuffer(as_bytes(lengths), "<u4")[living]):
                yield f"segment {number} of words has other lengths than its passages"
                continue
            place = np.cumsum(living) - 1
            kept: dict[int, tuple[bytes, bytes]] = {}
            for term, docs, frequencies in self._rows(
                "SELECT term, docs, frequencies FROM postings WHERE segment = :number",
                number=number,
            ):
                at = np.frombuffer(as_bytes(docs), "<u2")
                stays = living[at]
                if stays.any():
                    counts = np.frombuffer(as_bytes(frequencies), np.uint8)[stays]
                    kept[int(str(term))] = (place[at[stays]].tobytes(), counts.tobytes())
            for key, start, end in zip(
                wanted.keys.tolist(), wanted.offsets[:-1], wanted.offsets[1:], strict=True
            ):
                both = (
                    wanted.docs[start:end].astype(np.int64).tobytes(),
                    wanted.frequencies[start:end].tobytes(),
                )
                if kept.pop(signed(key), None) != both:
                    yield f"segment {number} of words has other postings than its passages"
                    break
            else:
                if kept:
                    yield f"segment {number} of words holds terms its passages do not"
        if found != len(texts):
            yield f"words of {found} passages are indexed, there are {len(texts)}"

    def _near(self) -> Iterator[str]:
        numbers = [
            int(str(row[0]))
            for row in self._rows("SELECT id FROM passages WHERE died IS NULL ORDER BY id")
        ]
        yield from self._engine.compare(self._connection, self._schema, numbers)
