"""Opening a store on servers for changes: one writer, and a new schema if it is made anew."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError, StoreDamaged, StoreLocked, StoreMissing
from konkyo.index.stores.base import WriterOptions
from konkyo.index.stores.postgres.database import CONTROL, Database, in_force, run, value
from konkyo.index.stores.postgres.engines import connected
from konkyo.index.stores.postgres.schema import EXCLUSION, SCHEMA, meta_of, migrate, set_meta
from konkyo.index.stores.postgres.statements import Statements
from konkyo.index.stores.postgres.transaction import SqlWriter
from konkyo.index.stores.postgres.vectors import VectorEngine

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["open_writer"]


@contextlib.contextmanager
def open_writer(address: str, options: WriterOptions) -> Iterator[SqlWriter]:
    """Lock a store and start a transaction; as ``konkyo.index.stores.open.open_writer``."""
    with (
        connected(address, options.limits) as (database, engine),
        database.writing() as connection,
    ):
        with database.translated_errors():
            _lock(database, connection, options.wait)
            schema, swap, elder = _choose(database, connection, engine, options)
            reusable = elder and _usable(connection, elder, engine, options)
        try:
            yield SqlWriter(
                Statements(database, connection, engine.column),
                engine,
                schema,
                swap=swap,
                replaces=elder is not None,
                elder=elder if reusable else None,
            )
        except BaseException:
            if swap:
                # The first error is the one to be told.
                with contextlib.suppress(KonkyoError):
                    for outside in engine.external:
                        outside.drop(schema)
            raise
        finally:
            with contextlib.suppress(KonkyoError), database.translated_errors():
                connection.rollback()
                # A server ends a closed session a moment later: the next writer is not to meet it.
                run(connection, "SELECT pg_advisory_unlock_all()")
                connection.commit()


def _lock(database: Database, connection: Connection, wait: float) -> None:
    """One writer a store: an advisory lock that goes with its connection."""
    name = f"konkyo {database.address.store}".encode()
    key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little", signed=True)
    deadline = time.monotonic() + wait
    while True:
        taken = value(connection, "SELECT pg_try_advisory_lock(:key)", {"key": key})
        if taken:
            connection.commit()
            return
        if time.monotonic() >= deadline:
            raise StoreLocked(
                f"{database.shown}: {_holder(connection, key)} is writing to this index; wait for"
                " it to end, or let this command wait with `--wait SECONDS`"
            )
        connection.commit()
        time.sleep(0.05)


def _holder(connection: Connection, key: int) -> str:
    row = run(
        connection,
        "SELECT a.application_name, host(a.client_addr), to_char(a.backend_start,"
        " 'YYYY-MM-DD\"T\"HH24:MI:SSOF') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.classid = CAST(:high AS oid) AND l.objid = CAST(:low AS oid)",
        {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF},
    ).fetchone()
    if row is None:
        return "another process"
    found = re.fullmatch(r"konkyo (\d+)@(.+)", str(row[0]))
    who = f"process {found[1]} on {found[2]}" if found else f"{row[0]} from {row[1]}"
    return f"{who} (since {row[2]})" if row[2] else who


def _choose(
    database: Database, connection: Connection, engine: VectorEngine, options: WriterOptions
) -> tuple[str, bool, str | None]:
    """The schema to write to, whether it is a new one, and the one it is to replace."""
    current = in_force(connection, database.address.store)
    generation = 0
    elder = None
    if current is not None:
        database.use(connection, current.schema, lasting=True)
        try:
            facts = meta_of(connection, database.shown, engine)
            generation = int(facts["generation"])
            same = facts["fingerprint"] == options.fingerprint and not options.rebuild
            if options.fingerprint is None or same:
                migrate(connection, engine, current.schema, int(facts["dimension"]))
                set_meta(connection, "schema", SCHEMA)
                return current.schema, False, None
        except StoreDamaged:
            if options.fingerprint is None or not options.rebuild:
                raise
        elder = current.schema
    if options.fingerprint is None:
        raise StoreMissing(
            f"{database.shown}: no index here; make one with `konkyo index build SOURCE..."
            f" --store {database.shown}`"
        )
    schema = _new_schema(database, connection, engine, options, generation + 1)
    if elder is not None:
        # What was removed by hand stays removed when everything else is made anew.
        run(
            connection,
            f"INSERT INTO excluded (article_id, title, since, text_id) SELECT {EXCLUSION}"
            f' FROM "{elder}".excluded e',
        )
    return schema, True, elder


def _new_schema(
    database: Database,
    connection: Connection,
    engine: VectorEngine,
    options: WriterOptions,
    generation: int,
) -> str:
    """Make an empty schema without putting it in force; return its name."""
    run(connection, f"CREATE SCHEMA IF NOT EXISTS {CONTROL}")
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {CONTROL}.stores (name text PRIMARY KEY, truth text NOT NULL,"
        " previous text, changed timestamptz NOT NULL DEFAULT now())",
    )
    schema = f"konkyo_{database.address.store}_{uuid.uuid4().hex[:12]}"
    database.use(connection, None, lasting=True)
    for extension in engine.column.extensions:
        run(connection, f"CREATE EXTENSION IF NOT EXISTS {extension}")
    run(connection, f'CREATE SCHEMA "{schema}"')
    database.use(connection, schema, lasting=True)
    migrate(connection, engine, schema, options.dimension)
    facts = {
        "schema": SCHEMA,
        "store_id": uuid.uuid4().hex,
        "engine": engine.name,
        "fingerprint": str(options.fingerprint),
        "encoder": options.encoder,
        "dimension": str(options.dimension),
        "generation": str(generation),
        "readable_from": str(generation),
        "next_position": "0",
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    for key, fact in facts.items():
        set_meta(connection, key, fact)
    return schema


def _usable(
    connection: Connection, elder: str, engine: VectorEngine, options: WriterOptions
) -> bool:
    """Whether the vectors of the schema about to be replaced can be used again."""
    rows = run(connection, f'SELECT key, value FROM "{elder}".meta').fetchall()
    facts = {str(key): str(value) for key, value in rows}
    known = (facts.get("encoder"), facts.get("dimension"), facts.get("engine"))
    return known == (options.encoder, str(options.dimension), engine.name)
