"""What the third version of the tables has, for databases that the second version made.

A database opened for changes gets it; one opened for reading alone is shown as if it had it.
"""

from __future__ import annotations

import sqlite3

__all__ = ["show_as_upgraded", "upgrade"]

_COLUMNS = {
    "status": "TEXT",
    "correction": "TEXT",
    "status_by_editor": "INTEGER NOT NULL DEFAULT 0",
}
_HOLDING_ARTICLES = ("articles", "undo_articles")


def upgrade(connection: sqlite3.Connection) -> None:
    """Add columns and tables, all or nothing; what is there already is left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in _HOLDING_ARTICLES:
            there = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
            for name, kind in _COLUMNS.items() if there else ():
                if name not in there:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
        connection.execute("CREATE INDEX IF NOT EXISTS articles_url ON articles (url)")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS former_articles (article_id TEXT PRIMARY KEY,"
            " since TEXT NOT NULL) STRICT, WITHOUT ROWID"
        )
        connection.execute("PRAGMA user_version = 3")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def show_as_upgraded(connection: sqlite3.Connection) -> None:
    """Put views of this connection alone before tables that lack the columns."""
    missing = "NULL AS status, NULL AS correction, 0 AS status_by_editor"
    for table in _HOLDING_ARTICLES:
        if connection.execute(f"PRAGMA main.table_info({table})").fetchone() is not None:
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, {missing} FROM main.{table}")
    connection.execute(
        "CREATE TEMP VIEW former_articles AS SELECT '' AS article_id, '' AS since WHERE 0"
    )
