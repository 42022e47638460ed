"""The generation before the newest, kept inside the database so that one change can be undone.

While a writer changes a database, triggers of its own connection note every row that is about to be
altered or removed, and the keys of those that are new. A commit puts these notes into tables of
the database, in place of those of the commit before: the cost is that of the change. Restoring is a
change like any other and is noted itself, so that it can be undone in turn. Where a database took
over from another one, that one's file is kept instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from konkyo.index.errors import StoreError
from konkyo.index.stores.local.database import ARTICLE_COLUMNS, meta, set_meta
from konkyo.index.stores.rows import article_from_row, damaged, passage_from_row, vector_rows

__all__ = [
    "check_changes",
    "forget_previous",
    "new_articles",
    "previous_database",
    "record_changes",
    "restore_changes",
    "save_changes",
    "set_previous",
]

_KEYS = {
    "articles": ("id",),
    "sources": ("id",),
    "places": ("article", "source", "found_as"),
    "excluded": ("article_id",),
    "meta": ("key",),
}
"""Tables whose rows come, change and go, and what tells their rows apart."""

_NUMBERED = {"passages": "id", "vectors": "passage", "payloads": "passage"}
"""Tables of passages: their rows never change, and a passage's number is never used again."""

_PREVIOUS = "previous_truth"
_UNDOES = "undo_generation"
_BLOCK = 4096


def previous_database(connection: sqlite3.Connection) -> str | None:
    """The file name of the database that this one took over from, while it is the one before."""
    return _fact(connection, _PREVIOUS)


def set_previous(connection: sqlite3.Connection, database: Path) -> None:
    """Say which database this one takes over from; what it knew of changes is void."""
    set_meta(connection, _PREVIOUS, database.name)
    connection.execute("DELETE FROM meta WHERE key = ?", (_UNDOES,))


def forget_previous(connection: sqlite3.Connection) -> None:
    """Say that another generation has come since this database took over."""
    connection.execute("DELETE FROM meta WHERE key = ?", (_PREVIOUS,))


def record_changes(connection: sqlite3.Connection) -> None:
    """Have this connection note what the transaction under way changes."""
    run = connection.execute
    # Rows that ``INSERT OR REPLACE`` replaces are to be noted as well.
    run("PRAGMA recursive_triggers = ON")
    (newest,) = run(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'passages'"
    ).fetchone()
    for table, keys in _KEYS.items():
        _old_rows(connection, table, keys)
        listed = ", ".join(keys)
        run(f"CREATE TEMP TABLE noted_new_{table} AS SELECT {listed} FROM {table} WHERE 0")
        run(f"CREATE UNIQUE INDEX temp.noted_new_{table}_key ON noted_new_{table} ({listed})")
        only = "" if table != "meta" else " AND {row}.key = 'fingerprint'"
        old = " AND ".join(f"{key} = NEW.{key}" for key in keys)
        fresh = ", ".join(f"NEW.{key}" for key in keys)
        run(
            f"CREATE TEMP TRIGGER noting_insert_{table} AFTER INSERT ON main.{table}"
            f" WHEN NOT EXISTS (SELECT 1 FROM noted_{table} WHERE {old}){only.format(row='NEW')}"
            f" BEGIN INSERT OR IGNORE INTO noted_new_{table} VALUES ({fresh}); END"
        )
        new = " AND ".join(f"{key} = OLD.{key}" for key in keys)
        for event in ("UPDATE", "DELETE"):
            _note(
                connection,
                table,
                event,
                f"NOT EXISTS (SELECT 1 FROM noted_new_{table} WHERE {new})"
                + only.format(row="OLD"),
            )
    for table, key in _NUMBERED.items():
        _old_rows(connection, table, (key,))
        _note(connection, table, "DELETE", f"OLD.{key} <= {newest}")
    # An article's bands all go before new ones come.
    _old_rows(connection, "sketches", ("band", "article"))
    run("CREATE TEMP TABLE noted_sketched (article INTEGER PRIMARY KEY)")
    run(
        "CREATE TEMP TRIGGER noting_insert_sketches AFTER INSERT ON main.sketches"
        " BEGIN INSERT OR IGNORE INTO noted_sketched VALUES (NEW.article); END"
    )
    unsketched = "NOT EXISTS (SELECT 1 FROM noted_sketched WHERE article = OLD.article)"
    _note(connection, "sketches", "DELETE", unsketched)


def save_changes(connection: sqlite3.Connection, generation: int) -> None:
    """Keep what was noted, in place of what the commit before noted, and note no more."""
    run = connection.execute
    for table in (*_KEYS, *_NUMBERED, "sketches"):
        for event in ("insert", "update", "delete"):
            run(f"DROP TRIGGER IF EXISTS temp.noting_{event}_{table}")
    noted = [*_KEYS, *_NUMBERED, "sketches", *(f"new_{table}" for table in _KEYS)]
    for name in noted:
        run(f"DROP TABLE IF EXISTS main.undo_{name}")
        run(f"CREATE TABLE main.undo_{name} AS SELECT * FROM temp.noted_{name}")
        run(f"DROP TABLE temp.noted_{name}")
    run("DROP TABLE temp.noted_sketched")
    set_meta(connection, _UNDOES, str(generation))


def new_articles(connection: sqlite3.Connection) -> list[int]:
    """Return the numbers of the articles that came with the newest generation."""
    if _fact(connection, _UNDOES) != meta(connection, "generation"):
        return []
    return [int(row[0]) for row in connection.execute("SELECT id FROM undo_new_articles")]


def restore_changes(
    folder: Path,
    database: Path,
    connection: sqlite3.Connection,
    drop_passages: Callable[[Sequence[int]], None],
) -> None:
    """Undo the newest generation, inside a transaction that is noted.

    ``drop_passages`` removes the passages of articles, given their numbers. Raises StoreError
    when no earlier generation is kept, StoreDamaged when what was kept is not what was written.
    """
    if _fact(connection, _UNDOES) != meta(connection, "generation"):
        raise StoreError(
            f"{folder}: there is no earlier generation to go back to; one is kept from the next"
            " change on"
        )
    check_changes(database, connection)
    run = connection.execute
    touched = (
        "SELECT id FROM undo_new_articles UNION SELECT id FROM undo_articles"
        " INTERSECT SELECT id FROM articles"
    )
    drop_passages([int(row[0]) for row in run(touched).fetchall()])
    run("DELETE FROM articles WHERE id IN (SELECT id FROM undo_new_articles)")
    _put_back(connection, "articles")
    run("DELETE FROM sketches WHERE article IN (SELECT id FROM undo_articles)")
    run("INSERT INTO sketches SELECT * FROM undo_sketches")
    run("DELETE FROM sources WHERE id IN (SELECT id FROM undo_new_sources)")
    # Two sources may have changed numbers: no name may be there twice on the way.
    run(
        "UPDATE sources SET source = char(0) || id WHERE id IN (SELECT id FROM undo_sources)"
        " AND source IS NOT (SELECT source FROM undo_sources u WHERE u.id = sources.id)"
    )
    _put_back(connection, "sources")
    for table in ("places", "excluded", "meta"):
        keys = ", ".join(_KEYS[table])
        run(f"DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM undo_new_{table})")
        _put_back(connection, table)
    _put_back_passages(connection)


def check_changes(database: Path, connection: sqlite3.Connection) -> None:
    """Compare the checksums of what is kept of the generation before. Raises StoreDamaged."""
    previous = previous_database(connection)
    if previous is not None:
        # It may have been damaged when it was replaced; that it is there is all that is promised.
        if not database.with_name(previous).exists():
            raise damaged(database, f"the earlier index {previous}")
        return
    if _fact(connection, _UNDOES) != meta(connection, "generation"):
        return
    for row in connection.execute(f"SELECT {ARTICLE_COLUMNS} FROM undo_articles"):
        article_from_row(database, row, ())
    for *row, text, article_id in connection.execute(
        "SELECT p.id, passage_id, article, ordinal, start, stop, p.crc, text, article_id"
        " FROM undo_passages p JOIN undo_articles a ON a.id = article"
    ):
        passage_from_row(database, row, str(text), str(article_id))
    dimension = int(meta(connection, "dimension"))
    for rows in _blocks(connection.execute("SELECT passage, vector, crc FROM undo_vectors")):
        vector_rows(database, rows, dimension)


def _old_rows(connection: sqlite3.Connection, table: str, keys: Sequence[str]) -> None:
    connection.execute(f"CREATE TEMP TABLE noted_{table} AS SELECT * FROM main.{table} WHERE 0")
    connection.execute(
        f"CREATE UNIQUE INDEX temp.noted_{table}_key ON noted_{table} ({', '.join(keys)})"
    )


def _note(connection: sqlite3.Connection, table: str, event: str, when: str) -> None:
    values = ", ".join(f"OLD.{column}" for column in _columns(connection, table))
    connection.execute(
        f"CREATE TEMP TRIGGER noting_{event.lower()}_{table} BEFORE {event} ON main.{table}"
        f" WHEN {when} BEGIN INSERT OR IGNORE INTO noted_{table} VALUES ({values}); END"
    )


def _put_back(connection: sqlite3.Connection, table: str) -> None:
    keys = _KEYS[table]
    columns = [name for name in _columns(connection, table) if name not in keys]
    # A parser's rule: WHERE, or ON would be that of a join.
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    connection.execute(
        f"INSERT INTO {table} ({', '.join([*keys, *columns])})"
        f" SELECT {', '.join([*keys, *columns])} FROM undo_{table} WHERE true"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )


def _put_back_passages(connection: sqlite3.Connection) -> None:
    """Passages come back under new numbers, because caches take the old ones for gone."""
    run = connection.execute
    (newest,) = run("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
    run(
        "CREATE TEMP TABLE numbering AS SELECT id AS old, row_number() OVER (ORDER BY id) + ?"
        " AS number FROM undo_passages",
        (newest,),
    )
    for table, key in _NUMBERED.items():
        columns = _columns(connection, table)
        taken = ", ".join("number" if name == key else name for name in columns)
        run(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {taken}"
            f" FROM undo_{table} JOIN numbering ON old = {key} ORDER BY number"
        )
    run("DROP TABLE temp.numbering")


def _blocks(cursor: sqlite3.Cursor) -> Iterator[list[tuple[int, bytes, int]]]:
    while rows := cursor.fetchmany(_BLOCK):
        yield rows


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA main.table_info({table})")]


def _fact(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])
