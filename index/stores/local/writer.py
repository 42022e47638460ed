"""Opening a store in a folder for changes: under a lock, and beside the old one if made anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from konkyo.index.errors import StoreDamaged, StoreError, StoreMissing
from konkyo.index.stores.base import WriterOptions
from konkyo.index.stores.local.database import (
    StoreOutdated,
    connect,
    create,
    current_database,
    meta,
    translated_errors,
)
from konkyo.index.stores.local.lock import write_lock
from konkyo.index.stores.local.removals import carry_removals, know_texts
from konkyo.index.stores.local.segments import LIMITS, remove_segments
from konkyo.index.stores.local.transaction import LocalWriter
from konkyo.index.stores.local.undo import previous_database, set_previous

__all__ = ["open_writer"]


@contextlib.contextmanager
def open_writer(folder: Path, options: WriterOptions) -> Iterator[LocalWriter]:
    """Lock a store and start a transaction; as ``konkyo.index.stores.open.open_writer``."""
    if options.fingerprint is None and not folder.exists():
        raise StoreMissing(
            f"{folder}: no index here; make one with"
            f" `konkyo index build SOURCE... --store {folder}`"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder}: cannot be made ({exc.strerror})") from exc
    with write_lock(folder, options.wait), contextlib.ExitStack() as stack:
        stack.callback(_sweep, folder)
        database, elder = _choose(folder, options)
        connection = connect(database, write=True)
        stack.callback(connection.close)
        swap = options.fingerprint is not None and not _in_force(folder, database)
        old = _elder(elder, options.encoder, options.dimension)
        if old is not None:
            stack.callback(old.close)
        with translated_errors(database):
            connection.execute("BEGIN IMMEDIATE")
            know_texts(connection)
            if elder is not None:
                set_previous(connection, elder)
            if swap:
                carry_removals(folder, elder, connection)
        writer = LocalWriter(
            folder,
            database,
            connection,
            swap=swap,
            replaces=elder is not None,
            elder=old,
            limits=options.limits or LIMITS,
        )
        try:
            yield writer
        finally:
            writer.close()


def _in_force(folder: Path, database: Path) -> bool:
    try:
        return current_database(folder) == database
    except StoreError:
        return False


def _elder(path: Path | None, encoder: str, dimension: int) -> sqlite3.Connection | None:
    """The database about to be replaced, if its vectors can be used again."""
    if path is None:
        return None
    try:
        connection = connect(path)
    except StoreError:
        return None
    with contextlib.suppress(StoreError), translated_errors(path):
        if (meta(connection, "encoder"), meta(connection, "dimension")) == (
            encoder,
            str(dimension),
        ):
            return connection
    connection.close()
    return None


def _choose(folder: Path, options: WriterOptions) -> tuple[Path, Path | None]:
    """The database to write to, and the one it is to replace."""
    fingerprint, rebuild = options.fingerprint, options.rebuild
    generation = 0
    elder = None
    try:
        database = current_database(folder)
        connection = connect(database)
        try:
            with translated_errors(database):
                generation = int(meta(connection, "generation"))
                found = meta(connection, "fingerprint")
        finally:
            connection.close()
        if fingerprint is None or (found == fingerprint and not rebuild):
            return database, None
        elder = database
    except StoreOutdated:
        if fingerprint is None:
            raise
        elder = current_database(folder)
    except StoreMissing:
        if fingerprint is None:
            raise
    except StoreDamaged:
        if fingerprint is None or not rebuild:
            raise
        with contextlib.suppress(StoreError):
            elder = current_database(folder)
    path = create(
        folder,
        fingerprint=fingerprint,
        encoder=options.encoder,
        dimension=options.dimension,
        generation=generation + 1,
    )
    return path, elder


def _sweep(folder: Path) -> None:
    """Remove databases that are neither in force nor the one before; under the lock."""
    previous = None
    try:
        current = current_database(folder)
        connection = connect(current)
        with contextlib.closing(connection), translated_errors(current):
            previous = previous_database(connection)
    except StoreError:
        current = None
    if current is None and (folder / "CURRENT").exists():
        return  # Damaged: leave everything to be looked at.
    for path in folder.glob("truth-*.sqlite"):
        if path != current and path.name != previous:
            for victim in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                with contextlib.suppress(OSError):
                    victim.unlink(missing_ok=True)
    if current is None:
        remove_segments(folder, set())
