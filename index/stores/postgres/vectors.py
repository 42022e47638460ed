"""The seam to what finds near vectors: pgvector in the same database, or Milvus beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Filter
from konkyo.index.stores.postgres.database import Database, run, value

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "EXACT_FILTERED",
    "EXACT_LIMIT",
    "PgVector",
    "Seen",
    "VectorEngine",
    "VectorRow",
    "clause",
    "engine_for",
]

EXACT_LIMIT = 10_000
"""Passages up to which a whole store is compared one by one, measured in benchmarks/LOG.md."""

EXACT_FILTERED = 30_000
"""Passages up to which all that pass a filter are: iterative scan is slower when few pass."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one search may find: passages of ``generation`` that pass ``where``, ``passing`` many.

    ``reached`` is the highest passage number of that generation; ``numbers`` are those that pass
    a filter, if they are at most ``EXACT_FILTERED``.
    """

    truth: str
    generation: int
    passing: int
    where: Filter
    reached: int
    numbers: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class VectorRow:
    """What an engine is told of one passage; ``vector`` has float16's precision."""

    number: int
    article: int
    language: str
    published: str | None
    outlet: str | None
    vector: npt.NDArray[np.float16]


class VectorEngine(Protocol):
    """Finds near vectors. What it finds is looked up in the truth before it is answered."""

    @property
    def name(self) -> str:
        """As written in the truth: ``pgvector`` or ``milvus``."""

    def column(self, dimension: int) -> str:
        """The type of the truth's own column of vectors."""

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """A vector as psycopg copies it into that column."""

    def selected(self, column: str) -> str:
        """SQL that gives such a column as bytes for ``from_bytes``."""

    def from_bytes(self, blob: bytes) -> bytes:
        """What ``selected`` gave as little-endian float16."""

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """(passage number, dot product) of the k nearest, best first; at full recall if few pass."""

    def prepare(self, connection: Connection) -> None:
        """In the transaction that makes a truth, before its tables."""

    def grow(self, truth: str, dimension: int, rows: Sequence[VectorRow]) -> None:
        """Take in vectors before the transaction that shows them commits."""

    def settle(self, connection: Connection, truth: str, passages: int) -> None:
        """Before a commit: be ready to search what it will show."""

    def keep_up(self, connection: Connection, truth: str, dimension: int) -> None:
        """After a commit, outside of any transaction: be equal to the truth."""

    def forget(self, truth: str, numbers: Iterable[int]) -> None:
        """Passages no reader can see any more."""

    def drop(self, truth: str) -> None:
        """All of a truth that is gone."""

    def describe(self, connection: Connection, truth: str) -> dict[str, object]:
        """Facts for ``konkyo index status``."""

    def compare(self, connection: Connection, truth: str, numbers: Sequence[int]) -> list[str]:
        """What is wrong with what it holds; ``numbers`` are the living passages."""

    def bytes(self, connection: Connection, truth: str) -> int:
        """What it takes beside the database."""

    def close(self) -> None:
        """Let go of connections."""


def engine_for(database: Database) -> VectorEngine:
    """The engine an address names."""
    if database.address.milvus is None:
        return PgVector(database)
    from konkyo.index.stores.milvus import Milvus

    return Milvus(database, database.address.milvus)


def clause(where: Filter, rows: str, article: str) -> tuple[str, dict[str, object]]:
    """A filter as SQL over rows with language, outlet and published; ``article`` is their number.

    Needs the value ``generation`` if the filter names sources.
    """
    parts = ["true"]
    values: dict[str, object] = {}
    if where.since:
        parts.append(f"{rows}.published >= :since")
        values["since"] = where.since
    if where.until:
        parts.append(f"{rows}.published <= :until")
        values["until"] = where.until
    for column, names in (("language", where.languages), ("outlet", where.outlets)):
        if names:
            parts.append(f"{rows}.{column} = ANY(:{column}s)")
            values[f"{column}s"] = sorted(names)
    if where.other_languages_than:
        parts.append(f"{rows}.language <> ALL(:not_languages)")
        values["not_languages"] = sorted(where.other_languages_than)
    if where.sources:
        parts.append(
            f"{rows}.{article} IN (SELECT article FROM places q WHERE q.source = ANY(:sources)"
            " AND q.born <= :generation AND (q.died IS NULL OR q.died > :generation))"
        )
        values["sources"] = sorted(where.sources)
    return " AND ".join(parts), values


class PgVector:
    """Vectors as pgvector's halfvec, which loses nothing: they are stored in float16 anyway.

    Few passages are compared one by one; many are found through HNSW with iterative scan, and
    what it proposes is put in order by exact distance.
    """

    name = "pgvector"

    def __init__(self, database: Database) -> None:
        self._database = database

    def column(self, dimension: int) -> str:
        """The type of the truth's own column of vectors."""
        return f"halfvec({dimension})"

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """A vector as psycopg copies it into that column."""
        from pgvector import HalfVector

        return HalfVector(vector)

    def selected(self, column: str) -> str:
        """SQL that gives such a column as bytes for ``from_bytes``."""
        return f"halfvec_send({column})"

    def from_bytes(self, blob: bytes) -> bytes:
        """What ``selected`` gave as little-endian float16."""
        # Two 16-bit numbers, the length and a reserved one, then the values; all big-endian.
        return np.frombuffer(blob[4:], ">f2").astype("<f2").tobytes()

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """(passage number, dot product) of the k nearest, best first; at full recall if few pass."""
        if seen.numbers is None and seen.passing > EXACT_LIMIT:
            found = self._search(connection, vector, k, seen, exact=False)
            if len(found) >= min(k, seen.passing):
                return found
        return self._search(connection, vector, k, seen, exact=True)

    def _search(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen, *, exact: bool
    ) -> list[tuple[int, float]]:
        passes, values = clause(seen.where, "p", "article")
        dimension = len(vector)
        visible = f"born <= :generation AND (died IS NULL OR died > :generation) AND {passes}"
        asked = f"CAST(:vector AS vector({dimension}))"
        distance = f"(CAST(vector AS vector({dimension})) <=> {asked})"
        if exact:
            if seen.numbers is not None:
                visible, values = "id = ANY(:numbers)", {"numbers": list(seen.numbers)}
            inner = f"SELECT id, {distance} AS far FROM passages p WHERE {visible}"
        else:
            near = f"vector <=> CAST(CAST(:vector AS text) AS halfvec({dimension}))"
            inner = (
                f"SELECT id, {distance} AS far FROM (SELECT id, vector FROM passages p"
                f" WHERE {visible} ORDER BY {near} LIMIT :more) AS proposed"
            )
        rows = run(
            connection,
            f"SELECT id, 1 - far FROM ({inner}) AS compared ORDER BY far, id LIMIT :k",
            {
                **values,
                "generation": seen.generation,
                "vector": "[" + ",".join(map(repr, vector.tolist())) + "]",
                "k": k,
                "more": 2 * k + 20,
            },
        )
        length = float(np.linalg.norm(vector))
        return [(int(str(row[0])), float(str(row[1])) * length) for row in rows]

    def prepare(self, connection: Connection) -> None:
        """In the transaction that makes a truth, before its tables."""
        run(connection, "CREATE EXTENSION IF NOT EXISTS vector")

    def grow(self, truth: str, dimension: int, rows: Sequence[VectorRow]) -> None:
        """Nothing: the truth's own column is what is searched."""

    def settle(self, connection: Connection, truth: str, passages: int) -> None:
        """Before a commit: be ready to search what it will show."""
        if passages > EXACT_LIMIT and not self._indexed(connection, truth):
            run(
                connection,
                "CREATE INDEX passages_vector ON passages USING hnsw (vector halfvec_cosine_ops)",
            )

    def keep_up(self, connection: Connection, truth: str, dimension: int) -> None:
        """Nothing: an index of PostgreSQL is part of the transaction."""

    def forget(self, truth: str, numbers: Iterable[int]) -> None:
        """Nothing: rows that are gone are gone from the index."""

    def drop(self, truth: str) -> None:
        """Nothing: it goes with the schema."""

    def describe(self, connection: Connection, truth: str) -> dict[str, object]:
        """Facts for ``konkyo index status``."""
        return {"kind": "hnsw" if self._indexed(connection, truth) else "flat"}

    def compare(self, connection: Connection, truth: str, numbers: Sequence[int]) -> list[str]:
        """What is wrong with what it holds; the vectors themselves are checked by the truth."""
        row = run(
            connection,
            "SELECT i.indisvalid FROM pg_index i WHERE indexrelid = to_regclass(:name)",
            {"name": f'"{truth}".passages_vector'},
        ).fetchone()
        return [] if row is None or row[0] else ["the index of vectors was not finished"]

    def bytes(self, connection: Connection, truth: str) -> int:
        """What it takes beside the database."""
        return 0

    def close(self) -> None:
        """Nothing is held."""

    def _indexed(self, connection: Connection, truth: str) -> bool:
        found = value(
            connection,
            "SELECT to_regclass(:name) IS NOT NULL",
            {"name": f'"{truth}".passages_vector'},
        )
        return bool(found)
