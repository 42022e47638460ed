"""Vectors kept and searched by PostgreSQL itself; the one owner of pgvector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.postgres.database import run, value
from konkyo.index.stores.postgres.filters import VISIBLE, clause
from konkyo.index.stores.postgres.vectors import ExternalVectors, Seen

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["PgVector"]

# Measured in benchmarks/LOG.md; with a filter, iterative scan is slower when few pass.
_LIMITS = SearchLimits(whole=10_000, filtered=30_000)


class _HalfVectors:
    """A column of pgvector's halfvec, which loses nothing: vectors are stored in float16 anyway."""

    extensions = ("vector",)

    @property
    def adapters(self) -> tuple[Callable[[Any], None], ...]:
        """Functions that teach the column's type to a connection of psycopg."""
        from pgvector.psycopg import register_vector

        return (register_vector,)

    def type(self, dimension: int) -> str:
        """Return the column's SQL type."""
        return f"halfvec({dimension})"

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """Return a vector as psycopg copies it into the column."""
        from pgvector import HalfVector

        return HalfVector(vector)

    def selected(self, column: str) -> str:
        """Return SQL that gives the column as bytes for ``from_bytes``."""
        return f"halfvec_send({column})"

    def from_bytes(self, blob: bytes) -> bytes:
        """Return what ``selected`` gave as little-endian float16."""
        # Two 16-bit numbers, the length and a reserved one, then the values; all big-endian.
        return np.frombuffer(blob[4:], ">f2").astype("<f2").tobytes()


class PgVector:
    """Compares few passages one by one, and finds many through HNSW with iterative scan.

    What HNSW proposes is put in order by exact distance.
    """

    name = "pgvector"
    column = _HalfVectors()
    external: tuple[ExternalVectors, ...] = ()

    def __init__(self, limits: SearchLimits | None = None) -> None:
        self.limits = limits or _LIMITS

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """Return (passage number, dot product) of the k nearest, best first."""
        if seen.numbers is None and seen.passing > self.limits.whole:
            found = self._search(connection, vector, k, seen, exact=False)
            if len(found) >= min(k, seen.passing):
                return found
        return self._search(connection, vector, k, seen, exact=True)

    def _search(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen, *, exact: bool
    ) -> list[tuple[int, float]]:
        passes, values = clause(seen.where, "p", "article")
        dimension = len(vector)
        chosen = f"{VISIBLE} AND {passes}"
        asked = f"CAST(:vector AS vector({dimension}))"
        distance = f"(CAST(vector AS vector({dimension})) <=> {asked})"
        if exact:
            if seen.numbers is not None:
                chosen, values = "id = ANY(:numbers)", {"numbers": list(seen.numbers)}
            inner = f"SELECT id, {distance} AS far FROM passages p WHERE {chosen}"
        else:
            near = f"vector <=> CAST(CAST(:vector AS text) AS halfvec({dimension}))"
            inner = (
                f"SELECT id, {distance} AS far FROM (SELECT id, vector FROM passages p"
                f" WHERE {chosen} ORDER BY {near} LIMIT :more) AS proposed"
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

    def settle(self, connection: Connection, schema: str, passages: int) -> None:
        """Make the index of vectors, before a commit, once the store is large enough."""
        if passages > self.limits.whole and not _indexed(connection, schema):
            run(
                connection,
                "CREATE INDEX passages_vector ON passages USING hnsw (vector halfvec_cosine_ops)",
            )

    def describe(self, connection: Connection, schema: str) -> dict[str, object]:
        """Return facts for ``konkyo index status``."""
        return {"kind": "hnsw" if _indexed(connection, schema) else "flat"}

    def compare(self, connection: Connection, schema: str, numbers: Sequence[int]) -> list[str]:
        """Return what is wrong with the index; the vectors themselves are rows, checked as such."""
        row = run(
            connection,
            "SELECT i.indisvalid FROM pg_index i WHERE indexrelid = to_regclass(:name)",
            {"name": f'"{schema}".passages_vector'},
        ).fetchone()
        return [] if row is None or row[0] else ["the index of vectors was not finished"]


def _indexed(connection: Connection, schema: str) -> bool:
    found = value(
        connection,
        "SELECT to_regclass(:name) IS NOT NULL",
        {"name": f'"{schema}".passages_vector'},
    )
    return bool(found)
