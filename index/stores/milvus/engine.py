"""Vectors searched by Milvus; what it finds is answered only if PostgreSQL has it.

PostgreSQL keeps every vector as well: it is what a rebuild takes them from again and what Milvus,
which has no transactions, is brought up to. Vectors go there before the commit that shows them,
under numbers no reader knows yet, so a crash between the two leaves nothing but vectors that are
never answered and that the next change removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Filter
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.local.vector_index import unit_scores
from konkyo.index.stores.milvus.client import WINDOW, Collections
from konkyo.index.stores.milvus.expression import day, expression
from konkyo.index.stores.postgres.address import MilvusAddress
from konkyo.index.stores.postgres.database import run, value
from konkyo.index.stores.postgres.filters import VISIBLE, clause
from konkyo.index.stores.postgres.vectors import ExternalVectors, Seen, VectorRow
from konkyo.index.stores.rows import as_bytes

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Milvus"]

_LIMITS = SearchLimits(whole=10_000, filtered=2_000)
_NAMED_ARTICLES = 2_000
_FLUSH_FROM = 10_000
_BATCH = 1_000


class _Bytes:
    """A column of bytes: little-endian float16."""

    extensions: tuple[str, ...] = ()
    adapters: tuple[Callable[[Any], None], ...] = ()

    def type(self, dimension: int) -> str:
        """Return the column's SQL type."""
        return "bytea"

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """Return a vector as psycopg copies it into the column."""
        return vector.astype("<f2").tobytes()

    def selected(self, column: str) -> str:
        """Return SQL that gives the column as bytes for ``from_bytes``."""
        return column

    def from_bytes(self, blob: bytes) -> bytes:
        """Return what ``selected`` gave as little-endian float16."""
        return blob


class Milvus:
    """One collection for each schema of a store; the collection has the schema's name."""

    name = "milvus"
    column = _Bytes()

    def __init__(
        self, shown: str, address: MilvusAddress, limits: SearchLimits | None = None
    ) -> None:
        self.limits = limits or _LIMITS
        self._collections = Collections(shown, address)
        self._copy = _Copy(self._collections)

    @property
    def external(self) -> tuple[ExternalVectors, ...]:
        """Copies outside of the database that have to be told of every change."""
        return (self._copy,)

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """Return (passage number, dot product) of the k nearest, best first."""
        if not seen.where.empty and seen.passing <= self.limits.filtered:
            return _exact(connection, vector, k, seen)
        articles = _articles_of(connection, seen)
        if len(articles) > _NAMED_ARTICLES:
            return _exact(connection, vector, k, seen)
        passes = expression(seen.where, seen.reached, articles)
        wanted = min(k, seen.passing)
        limit = min(k + 32, WINDOW)
        while True:
            found = self._collections.search(seen.schema, vector, limit, passes)
            visible = _visible(connection, [number for number, _ in found], seen)
            kept = [(number, score) for number, score in found if number in visible]
            if len(kept) >= wanted:
                return sorted(kept, key=lambda hit: (-hit[1], hit[0]))[:k]
            if limit >= WINDOW or len(found) < limit:
                return _exact(connection, vector, k, seen)
            limit = min(limit * 4, WINDOW)

    def settle(self, connection: Connection, schema: str, passages: int) -> None:
        """Write what was added, before a commit, and make the index of a large collection."""
        self._copy.flush(schema)
        if passages > self.limits.whole and self._collections.index_kind(schema) == "FLAT":
            self._collections.index_by_hnsw(schema)

    def describe(self, connection: Connection, schema: str) -> dict[str, object]:
        """Return facts for ``konkyo index status``."""
        kind = self._collections.index_kind(schema) or "none"
        return {"kind": kind.lower(), "collection": schema}

    def compare(self, connection: Connection, schema: str, numbers: Sequence[int]) -> list[str]:
        """Return what is wrong with the collection; ``numbers`` are the living passages."""
        if not numbers:
            return []
        if not self._collections.exists(schema):
            return [f"there is no collection {schema}"]
        living = set(numbers)
        problems: list[str] = []
        for there, here in _windows(self._collections, connection, schema):
            missing = (here & living) - there
            if missing:
                problems.append(f"{len(missing)} passages are missing, number {min(missing)} first")
            if there - here:
                problems.append(f"{len(there - here)} vectors belong to no passage")
        sample = list(numbers)[:: max(1, len(numbers) // 100)]
        held = self._collections.vectors(schema, sample)
        for row in run(
            connection, "SELECT id, vector FROM passages WHERE id = ANY(:n)", {"n": sample}
        ):
            wanted = np.asarray(_unit(np.frombuffer(as_bytes(row[1]), "<f2")), np.float32)
            number = int(str(row[0]))
            if number in held and not np.allclose(held[number], wanted, atol=1e-5):
                problems.append(f"the vector of passage number {number} is another one")
        return problems


class _Copy:
    """The vectors of a store in Milvus, kept equal to those in PostgreSQL."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._added = 0

    def add(self, schema: str, dimension: int, rows: Sequence[VectorRow]) -> None:
        """Take in vectors before the transaction that shows them commits."""
        self._collections.make(schema, dimension)
        self._collections.upsert(
            schema,
            [
                {
                    "id": row.number,
                    "article": row.article,
                    "language": row.language,
                    "published": day(row.published),
                    "outlet": row.outlet or "",
                    "vector": _unit(row.vector),
                }
                for row in rows
            ],
        )
        self._added += len(rows)

    def flush(self, schema: str) -> None:
        """Have Milvus write what was added, if it is much."""
        if self._added >= _FLUSH_FROM:
            self._collections.flush(schema)
            self._added = 0

    def catch_up(self, connection: Connection, schema: str, dimension: int) -> None:
        """Make the collection equal to the database, whatever happened between the two."""
        held = int(str(value(connection, "SELECT count(*) FROM passages")))
        if not held and not self._collections.exists(schema):
            return
        self._collections.make(schema, dimension)
        if self._collections.count(schema) == held:
            return
        for there, here in _windows(self._collections, connection, schema):
            missing = sorted(here - there)
            for at in range(0, len(missing), _BATCH):
                rows = run(
                    connection,
                    "SELECT id, article, language, published, outlet, vector FROM passages"
                    " WHERE id = ANY(:numbers)",
                    {"numbers": missing[at : at + _BATCH]},
                )
                self.add(schema, dimension, [_row(tuple(row)) for row in rows])
            extra = there - here
            if extra:
                self.forget(schema, extra)

    def forget(self, schema: str, numbers: Iterable[int]) -> None:
        """Remove passages no reader can see any more."""
        self._collections.delete(schema, sorted(numbers))

    def drop(self, schema: str) -> None:
        """Remove the collection of a schema that is gone."""
        self._collections.drop(schema)

    def close(self) -> None:
        """Close connections."""
        self._collections.close()


def _articles_of(connection: Connection, seen: Seen) -> list[int]:
    """Numbers of the articles that a filter's sources hold, one more than may be named at most."""
    if not seen.where.sources:
        return []
    passes, values = clause(Filter(sources=seen.where.sources), "a", "number")
    rows = run(
        connection,
        f"SELECT number FROM articles a WHERE {VISIBLE} AND {passes} LIMIT {_NAMED_ARTICLES + 1}",
        {**values, "generation": seen.generation},
    )
    return [int(str(row[0])) for row in rows]


def _exact(connection: Connection, vector: Vectors, k: int, seen: Seen) -> list[tuple[int, float]]:
    """Compare all that may be found, from the database."""
    passes, values = clause(seen.where, "p", "article")
    chosen = f"{VISIBLE} AND {passes}"
    values["generation"] = seen.generation
    if seen.numbers is not None:
        chosen, values = "id = ANY(:numbers)", {"numbers": list(seen.numbers)}
    best: list[tuple[int, float]] = []
    rows = run(connection, f"SELECT id, vector FROM passages p WHERE {chosen}", values)
    for part in rows.partitions(10_000):
        numbers = [int(str(row[0])) for row in part]
        stacked = np.frombuffer(b"".join(as_bytes(row[1]) for row in part), "<f2")
        scores = unit_scores(stacked.reshape(len(part), len(vector)), vector)
        best += zip(numbers, scores.tolist(), strict=True)
        best = sorted(best, key=lambda hit: (-hit[1], hit[0]))[:k]
    return best


def _visible(connection: Connection, numbers: Sequence[int], seen: Seen) -> set[int]:
    rows = run(
        connection,
        f"SELECT id FROM passages WHERE id = ANY(:numbers) AND {VISIBLE}",
        {"numbers": list(numbers), "generation": seen.generation},
    )
    return {int(str(row[0])) for row in rows}


def _windows(
    collections: Collections, connection: Connection, schema: str
) -> Iterator[tuple[set[int], set[int]]]:
    """Range by range of passage numbers: which Milvus holds, and which the database holds."""
    top = int(str(value(connection, "SELECT last_value FROM passage_numbers")))
    for low in range(0, top + 1, WINDOW):
        high = low + WINDOW
        held = run(
            connection,
            "SELECT id FROM passages WHERE id >= :low AND id < :high",
            {"low": low, "high": high},
        )
        yield collections.numbers(schema, low, high), {int(str(r[0])) for r in held}


def _row(row: tuple[object, ...]) -> VectorRow:
    number, article, language, published, outlet, blob = row
    return VectorRow(
        int(str(number)),
        int(str(article)),
        str(language),
        None if published is None else str(published),
        None if outlet is None else str(outlet),
        np.frombuffer(as_bytes(blob), "<f2"),
    )


def _unit(vector: npt.NDArray[np.float16]) -> list[float]:
    wide = vector.astype(np.float32)
    length = max(float(np.linalg.norm(wide)), 1e-12)
    values: list[float] = (wide / np.float32(length)).tolist()
    return values
