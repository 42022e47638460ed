"""The database of a store on one machine: one SQLite file, every row of it under a checksum.

A store is a folder. ``CURRENT`` in it names the database in force, ``truth-*.sqlite``; one made
with another model or other chunking grows beside it and takes over by one rename of ``CURRENT``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from konkyo.index.errors import StoreDamaged, StoreError, StoreFull, StoreMismatch, StoreMissing
from konkyo.index.stores.local.upgrade import show_as_upgraded, upgrade

__all__ = [
    "APPLICATION_ID",
    "ARTICLE_COLUMNS",
    "META_KEYS",
    "SCHEMA_VERSION",
    "StoreOutdated",
    "checkpoint",
    "connect",
    "create",
    "current_database",
    "fsync_folder",
    "meta",
    "point_current",
    "replace_file",
    "set_meta",
    "translated_errors",
]

APPLICATION_ID = 0x4B4E4B59  # "KNKY"
SCHEMA_VERSION = 3
_UPGRADED_FROM = 2
# With less free than this many bytes, what SQLite calls an I/O error is a full disk.
_ROOM = 1 << 18

_SCHEMA = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a raw source (file, feed, address). A stamp of NULL: read it again at the next build.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    stamp TEXT,
    crc INTEGER NOT NULL
) STRICT;

-- ``told_by``: the source whose facts (address, outlet, date) these are.
CREATE TABLE articles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    article_id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    language TEXT NOT NULL,
    published TEXT,
    published_at TEXT,
    url TEXT,
    outlet TEXT,
    author TEXT,
    comments TEXT NOT NULL,
    status TEXT,
    correction TEXT,
    status_by_editor INTEGER NOT NULL DEFAULT 0,
    passages INTEGER NOT NULL,
    told_by INTEGER NOT NULL,
    digest BLOB NOT NULL,
    crc INTEGER NOT NULL
) STRICT;

CREATE INDEX articles_told_by ON articles (told_by);
CREATE INDEX articles_url ON articles (url);

-- Articles that were stored once: what became of a citation can then be told.
CREATE TABLE former_articles (
    article_id TEXT PRIMARY KEY,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Bands of an article's MinHash sketch (konkyo.index.ingest.dedup).
CREATE TABLE sketches (
    band INTEGER NOT NULL,
    article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    PRIMARY KEY (band, article)
) STRICT, WITHOUT ROWID;
CREATE INDEX sketches_article ON sketches (article);

-- Removed by hand: a build passes over them until they are taken back.
CREATE TABLE excluded (
    article_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    since TEXT NOT NULL,
    text_id TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Where an article was found. ``found_as`` is the identifier the story has in that source: another
-- one than the article's own when the source holds a near copy. (The key's columns come first:
-- SQLite 3.40's integrity_check misreads NOT NULL columns declared between them.)
CREATE TABLE places (
    article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    source INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    found_as TEXT NOT NULL,
    position INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (article, source, found_as)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_source ON places (source);

-- AUTOINCREMENT: a passage's number is never used again, which the caches rely on.
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    passage_id TEXT NOT NULL UNIQUE,
    article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE INDEX passages_article ON passages (article);

-- ``key`` is a hash of the very text that was encoded: the same text is never encoded twice.
CREATE TABLE vectors (
    passage INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    key BLOB NOT NULL,
    vector BLOB NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE INDEX vectors_key ON vectors (key);

-- What somebody who put a passage here himself wants back with it (index.llamaindex).
CREATE TABLE payloads (
    passage INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    payload TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;

-- Numbers of passages that are gone, so that caches catch up by what changed.
CREATE TABLE deletions (
    passage INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;
CREATE INDEX deletions_generation ON deletions (generation);
"""

ARTICLE_COLUMNS = (
    "id, article_id, title, text, language, published, published_at, url, outlet, author,"
    " comments, status, correction, status_by_editor, digest"
)


META_KEYS = (
    "store_id",
    "fingerprint",
    "encoder",
    "dimension",
    "generation",
    "deletions_since",
    "passages",
    "next_position",
    "created",
)
"""What every store says of itself."""


class StoreOutdated(StoreMismatch):
    """The tables are those of an earlier version; a build makes them anew by itself."""


def _no_room(path: Path) -> bool:
    """Whether the disk is full, which SQLite may call an I/O error."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM
    except OSError:
        return False


@contextlib.contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, naming the file and the way out."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        reason = str(exc)
        if isinstance(exc, sqlite3.IntegrityError):
            raise StoreError(
                f"{path}: this change contradicts what is stored ({reason}); nothing of it was kept"
            ) from exc
        if isinstance(exc, sqlite3.OperationalError):
            if "full" in reason or _no_room(path):
                raise StoreFull(
                    f"{path}: the disk is full; nothing of this change was kept, free some space"
                    " and run the command again"
                ) from exc
            if "readonly" in reason or "read-only" in reason:
                raise StoreError(f"{path}: the folder may not be written to ({reason})") from exc
            if "locked" in reason or "busy" in reason:
                raise StoreError(f"{path}: busy with another process; try again") from exc
            if "disk I/O" in reason:
                raise StoreError(
                    f"{path}: the disk does not read or write ({reason}); check its space and"
                    " health, then run `konkyo index verify`"
                ) from exc
            if "unable to open" in reason:
                raise StoreError(f"{path}: cannot be opened ({reason})") from exc
        raise StoreDamaged(
            f"{path}: the index itself is damaged ({reason}); rebuild it with"
            " `konkyo index build SOURCE... --rebuild`"
        ) from exc


def fsync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def current_database(folder: Path) -> Path:
    """The database in force. Raises StoreMissing, StoreDamaged."""
    pointer = folder / "CURRENT"
    try:
        name = pointer.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise StoreMissing(
            f"{folder}: no index here; make one with"
            f" `konkyo index build SOURCE... --store {folder}`"
        ) from exc
    except UnicodeDecodeError as exc:
        raise StoreDamaged(f"{pointer}: not one of ours; see `konkyo index verify`") from exc
    except OSError as exc:
        raise StoreError(f"{pointer}: {exc.strerror}") from exc
    if not (name.startswith("truth-") and name.endswith(".sqlite") and "/" not in name):
        raise StoreDamaged(
            f"{pointer}: not one of ours; rebuild with `konkyo index build SOURCE... --rebuild`"
        )
    path = folder / name
    if not path.exists():
        raise StoreDamaged(
            f"{path}: named by CURRENT, but gone; rebuild with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    return path


def point_current(folder: Path, database: Path) -> None:
    """Put a database in force with one rename."""
    replace_file(folder / "CURRENT", f"{database.name}\n".encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file durably and whole, or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def create(
    folder: Path, *, fingerprint: str, encoder: str, dimension: int, generation: int
) -> Path:
    """Make an empty database in a folder without putting it in force; give its path."""
    path = folder / f"truth-{uuid.uuid4().hex[:12]}.sqlite"
    with translated_errors(path):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.executescript("BEGIN;" + _SCHEMA + "COMMIT;")
            for key, value in {
                "store_id": uuid.uuid4().hex,
                "fingerprint": fingerprint,
                "encoder": encoder,
                "dimension": str(dimension),
                "generation": str(generation),
                "deletions_since": str(generation),
                "passages": "0",
                "next_position": "0",
                "created": datetime.now().astimezone().isoformat(timespec="seconds"),
            }.items():
                set_meta(connection, key, value)
        finally:
            connection.close()
    return path


def connect(path: Path, *, write: bool = False) -> sqlite3.Connection:
    """Open a database. Raises StoreMissing, StoreDamaged, StoreMismatch (a later schema)."""
    if not path.exists():
        raise StoreMissing(f"{path}: no index here")
    with translated_errors(path):
        try:
            connection = _checked(path, "rw" if write else "ro")
        except sqlite3.OperationalError as exc:
            # In a folder that may not be written to, SQLite cannot make its shared memory; the
            # file is complete by itself when no write-ahead log is left beside it.
            log = path.with_name(path.name + "-wal")
            if write or "locked" in str(exc) or (log.exists() and log.stat().st_size):
                raise
            connection = _checked(path, "ro&immutable=1")
        if write:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _checked(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10,
    )
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise StoreDamaged(
                f"{path}: a SQLite file, but not a Konkyo index; rebuild with"
                " `konkyo index build SOURCE... --rebuild`"
            )
        if version > SCHEMA_VERSION:
            raise StoreMismatch(
                f"{path}: made by a later version of Konkyo (schema {version}, this one reads up"
                f" to {SCHEMA_VERSION}); upgrade, or build into another --store"
            )
        if version == _UPGRADED_FROM and mode == "rw":
            upgrade(connection)
        elif version == _UPGRADED_FROM:
            show_as_upgraded(connection)
        elif version < SCHEMA_VERSION:
            raise StoreOutdated(
                f"{path}: made by an earlier version of Konkyo; `konkyo index build SOURCE...`"
                " makes it anew"
            )
        connection.execute("SELECT count(*) FROM meta").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def checkpoint(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, unless a reader is holding it."""
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA busy_timeout = 200")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA busy_timeout = 10000")


def meta(connection: sqlite3.Connection, key: str) -> str:
    """One fact about the store itself. Raises StoreDamaged when it is not there."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise StoreDamaged(
            f"the index does not say its {key}; rebuild with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    return str(row[0])


def set_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Write one fact about the store itself."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
