"""Which engine finds near vectors for an address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.postgres.address import parse
from konkyo.index.stores.postgres.database import Database
from konkyo.index.stores.postgres.pgvector import PgVector
from konkyo.index.stores.postgres.vectors import VectorEngine

__all__ = ["close_engine", "connected", "engine_for"]


def engine_for(database: Database, limits: SearchLimits | None = None) -> VectorEngine:
    """Return the engine an address names; without ``limits``, with its own."""
    if database.address.milvus is None:
        return PgVector(limits)
    from konkyo.index.stores.milvus.engine import Milvus

    return Milvus(database.shown, database.address.milvus, limits)


def close_engine(engine: VectorEngine) -> None:
    """Close what an engine holds outside of the database."""
    for outside in engine.external:
        outside.close()


@contextlib.contextmanager
def connected(
    address: str, limits: SearchLimits | None = None
) -> Iterator[tuple[Database, VectorEngine]]:
    """Give the database and the engine of an address, and close both in the end."""
    with contextlib.ExitStack() as stack:
        database = Database(parse(address))
        stack.callback(database.close)
        engine = engine_for(database, limits)
        stack.callback(close_engine, engine)
        yield database, engine
