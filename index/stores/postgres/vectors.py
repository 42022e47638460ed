"""What a store on servers asks of whatever finds near vectors: pgvector, or Milvus beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Filter
from konkyo.index.stores.base import SearchLimits

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ExternalVectors", "Seen", "VectorColumn", "VectorEngine", "VectorRow"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one search may find: passages of ``generation`` that pass ``where``, ``passing`` many.

    ``reached`` is the highest passage number of that generation; ``numbers`` are those that pass
    a filter, if they are at most the engine's ``limits.filtered``.
    """

    schema: str
    generation: int
    passing: int
    where: Filter
    reached: int
    numbers: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class VectorRow:
    """What is kept outside of the database of one passage; ``vector`` has float16's precision."""

    number: int
    article: int
    language: str
    published: str | None
    outlet: str | None
    vector: npt.NDArray[np.float16]


class VectorColumn(Protocol):
    """How the database itself keeps every vector, to float16's precision."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Extensions of PostgreSQL that the column needs."""

    @property
    def adapters(self) -> tuple[Callable[[Any], None], ...]:
        """Functions that teach the column's type to a connection of psycopg."""

    def type(self, dimension: int) -> str:
        """Return the column's SQL type."""

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """Return a vector as psycopg copies it into the column."""

    def selected(self, column: str) -> str:
        """Return SQL that gives the column as bytes for ``from_bytes``."""

    def from_bytes(self, blob: bytes) -> bytes:
        """Return what ``selected`` gave as little-endian float16."""


class ExternalVectors(Protocol):
    """A copy of all vectors outside of the database, which has no transactions."""

    def add(self, schema: str, dimension: int, rows: Sequence[VectorRow]) -> None:
        """Take in vectors before the transaction that shows them commits."""

    def catch_up(self, connection: Connection, schema: str, dimension: int) -> None:
        """Make the copy equal to the database, after a commit and outside of any transaction."""

    def forget(self, schema: str, numbers: Iterable[int]) -> None:
        """Remove passages no reader can see any more."""

    def drop(self, schema: str) -> None:
        """Remove the copy of a schema that is gone."""

    def close(self) -> None:
        """Close connections."""


class VectorEngine(Protocol):
    """Finds near vectors. What it finds is looked up in the database before it is answered."""

    @property
    def name(self) -> str:
        """The engine's name as written in the database: ``pgvector`` or ``milvus``."""

    @property
    def limits(self) -> SearchLimits:
        """Up to how many passages vectors are compared one by one."""

    @property
    def column(self) -> VectorColumn:
        """How the database keeps vectors."""

    @property
    def external(self) -> tuple[ExternalVectors, ...]:
        """Copies outside of the database that have to be told of every change."""

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """Return (passage number, dot product) of the k nearest, best first.

        Finds all of them where at most ``limits.filtered`` pass a filter.
        """

    def settle(self, connection: Connection, schema: str, passages: int) -> None:
        """Get ready, before a commit, to search what it will show."""

    def describe(self, connection: Connection, schema: str) -> dict[str, object]:
        """Return facts for ``konkyo index status``."""

    def compare(self, connection: Connection, schema: str, numbers: Sequence[int]) -> list[str]:
        """Return what is wrong with the engine's index; ``numbers`` are the living passages."""
